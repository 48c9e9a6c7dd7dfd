"""Heartbeats are arithmetic: given times in, answers out."""

from __future__ import annotations

import pytest

from protocol.heartbeat import Heartbeat

START_MS = 1_000_000


@pytest.mark.parametrize("interval_s", [1, 10, 60])
def test_ours_is_due_after_half_an_interval_of_silence(interval_s: int) -> None:
    heartbeat = Heartbeat(interval_s, START_MS)
    assert not heartbeat.must_send(START_MS + interval_s * 500 - 1)
    assert heartbeat.must_send(START_MS + interval_s * 500)


def test_anything_sent_counts_as_ours() -> None:
    heartbeat = Heartbeat(10, START_MS)
    heartbeat.sent(START_MS + 4_000)
    assert not heartbeat.must_send(START_MS + 8_999)
    assert heartbeat.must_send(START_MS + 9_000)


def test_what_is_received_does_not_count_as_sent() -> None:
    heartbeat = Heartbeat(10, START_MS)
    heartbeat.received(START_MS + 4_999)
    assert heartbeat.must_send(START_MS + 5_000)


@pytest.mark.parametrize("interval_s", [1, 10, 60])
def test_a_peer_is_dead_after_two_intervals_and_a_quarter_more_of_each(interval_s: int) -> None:
    heartbeat = Heartbeat(interval_s, START_MS)
    assert not heartbeat.is_dead(START_MS + interval_s * 2500 - 1)
    assert heartbeat.is_dead(START_MS + interval_s * 2500)


def test_anything_received_puts_death_off_and_what_is_sent_does_not() -> None:
    heartbeat = Heartbeat(10, START_MS)
    heartbeat.received(START_MS + 24_999)
    assert not heartbeat.is_dead(START_MS + 49_998)
    heartbeat.sent(START_MS + 49_998)
    assert heartbeat.is_dead(START_MS + 49_999)


def test_the_next_look_is_at_our_heartbeat_or_the_peers_end_whichever_comes_first() -> None:
    heartbeat = Heartbeat(10, START_MS)
    assert heartbeat.next_check_ms() == START_MS + 5_000
    heartbeat.sent(START_MS + 5_000)
    assert heartbeat.next_check_ms() == START_MS + 10_000
    heartbeat.sent(START_MS + 24_000)
    assert heartbeat.next_check_ms() == START_MS + 25_000
    heartbeat.received(START_MS + 24_000)
    assert heartbeat.next_check_ms() == START_MS + 29_000


@pytest.mark.parametrize("interval_s", [1, 7, 60])
def test_whoever_looks_when_told_to_misses_nothing(interval_s: int) -> None:
    heartbeat, now_ms, sent = Heartbeat(interval_s, START_MS), START_MS, []
    while not heartbeat.is_dead(now_ms):
        if heartbeat.must_send(now_ms):
            heartbeat.sent(now_ms)
            sent.append(now_ms - START_MS)
        assert heartbeat.next_check_ms() > now_ms, "time goes on"
        now_ms = heartbeat.next_check_ms()
    half_ms = interval_s * 500
    assert sent == [half_ms, 2 * half_ms, 3 * half_ms, 4 * half_ms]
    assert now_ms == START_MS + 5 * half_ms
