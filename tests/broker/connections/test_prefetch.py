"""The room a channel's shared limit leaves."""

from __future__ import annotations

import pytest

from broker.connections.prefetch import UNLIMITED, Prefetch


def test_no_limit_is_room_without_end() -> None:
    prefetch = Prefetch()
    assert (prefetch.of_channel, prefetch.of_new_consumers) == (0, 0)
    assert prefetch.channel_room(0) == UNLIMITED
    assert prefetch.channel_room(1_000_000) == UNLIMITED


@pytest.mark.parametrize(("limit", "lent", "room"), [(5, 0, 5), (5, 4, 1), (5, 5, 0), (1, 0, 1), (65535, 1, 65534)])
def test_the_limit_is_what_is_lent_and_the_room(limit: int, lent: int, room: int) -> None:
    prefetch = Prefetch()
    prefetch.of_channel = limit
    assert prefetch.channel_room(lent) == room


def test_a_limit_lowered_below_what_is_lent_leaves_no_room() -> None:
    prefetch = Prefetch()
    prefetch.of_channel = 2
    assert prefetch.channel_room(10) == 0


def test_the_limit_of_new_consumers_is_not_the_channels() -> None:
    prefetch = Prefetch()
    prefetch.of_new_consumers = 1
    assert prefetch.channel_room(7) == UNLIMITED
