"""Percentiles, medians, ratios and due times."""

from __future__ import annotations

import pytest

from bench.arithmetic import (
    due_count,
    due_ns,
    mean,
    medians,
    per_message_bytes,
    per_message_us,
    percentile,
    ratio,
    share_of_bound,
)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.999, 100), (1.0, 100)])
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_percentile_of_nothing_and_of_one() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7], 0.999) == 7


def test_medians_skip_what_a_run_does_not_have() -> None:
    assert medians([{"a": 1, "b": None}, {"a": 9, "b": 4}, {"a": 3}]) == {"a": 3, "b": 4}
    assert medians([{"a": None}]) == {"a": None}
    assert medians([]) == {}


def test_ratio_and_spread() -> None:
    assert ratio(1, 4) == 0.25
    assert ratio(None, 4) is None
    assert ratio(1, 0) is None
    assert per_message_us(2.0, 1_000_000) == 2.0
    assert per_message_us(None, 5) is None
    assert per_message_us(1.0, 0) is None


def test_growth_per_message() -> None:
    assert per_message_bytes(1000, 6000, 50) == 100
    assert per_message_bytes(40.0, 140.0, 1_000_000, unit=1e6) == 100
    assert per_message_bytes(None, 1, 1) is None
    assert per_message_bytes(1, None, 1) is None
    assert per_message_bytes(1, 2, 0) is None


def test_space_is_bounded_by_twice_the_live_data_and_two_segments() -> None:
    assert share_of_bound(used=28, live=10, segment=4) == 1
    assert share_of_bound(used=4, live=0, segment=4) == 0.5
    assert mean([1, 2, 6]) == 3


@pytest.mark.parametrize("rate", [1, 3, 2000, 999_983])
def test_a_message_is_due_exactly_from_its_due_time_on(rate: int) -> None:
    for number in (0, 1, 2, 1999, 2000, 12345):
        due = due_ns(number, rate)
        assert due_count(due, rate) >= number + 1
        assert due == 0 or due_count(due - 1, rate) == number
