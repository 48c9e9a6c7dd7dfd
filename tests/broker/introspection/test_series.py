"""Series keep what changes, forget what is old, and answer rates and samples."""

from __future__ import annotations

import pytest

from broker.introspection.series import (
    AGE_S_MAX,
    SAMPLES_MAX,
    Layout,
    LongSeries,
    Range,
    Rounds,
    Series,
    Tier,
    rates,
    samples,
)

LAYOUT = Layout(("publish", "messages"))


def row(publish: int, messages: int) -> bytes:
    return LAYOUT.numbers.pack(publish, messages)


def series_of(*numbers: tuple[int, int], keep: int = 100) -> Series:
    """A thing that began with zeros in round 0; one pair for each round from 1 on."""
    series = Series(0, LAYOUT.zero)
    for number, pair in enumerate(numbers, 1):
        series.add(number, row(*pair), keep)
    return series


def test_a_rate_is_the_change_between_the_last_two_rounds() -> None:
    series = series_of((100, 5), (150, 0))
    assert rates(LAYOUT, series, Rounds(2, 1, 5000)) == {"publish": 10.0, "messages": -1.0}
    assert rates(LAYOUT, series, Rounds(1, 0, 5000)) == {"publish": 20.0, "messages": 1.0}
    assert rates(LAYOUT, series, Rounds(3, 2, 5000)) == {"publish": 0.0, "messages": 0.0}, "nothing has changed since"


def test_a_round_that_was_left_out_is_counted_as_time() -> None:
    series = Series(0, LAYOUT.zero)
    series.add(4, row(100, 0), 100)
    assert rates(LAYOUT, series, Rounds(4, 0, 5000))["publish"] == 5.0


def test_nothing_known_is_no_rate() -> None:
    nothing = {"publish": 0.0, "messages": 0.0}
    assert rates(LAYOUT, None, Rounds(2, 1, 5000)) == nothing
    assert rates(LAYOUT, Series(2, row(7, 7), 2), Rounds(2, -1, 5000)) == nothing, "the first round has none before it"


def test_an_idle_series_is_one_row() -> None:
    series = series_of((1, 0), (2, 0), keep=3)
    assert len(series) == 3
    for number in range(3, 9):
        series.add(number, row(2, 0), 3)
    assert (len(series), series.at(8), series.known_from) == (1, row(2, 0), 2)


def test_a_busy_series_keeps_no_more_than_it_is_told() -> None:
    series = series_of(*((number, 0) for number in range(1, 50)), keep=10)
    assert len(series) == 11
    assert series.at(39) == row(39, 0)
    assert series.at(38) is None


def test_samples_stand_newest_first() -> None:
    series = series_of((10, 1), (20, 3), (20, 3), (50, 2))
    found = samples(LAYOUT, series, Rounds(4, 3, 5000), Range.of(20, 5))
    assert [one["sample"] for one in found["publish"]["samples"]] == [50, 20, 20, 10, 0]
    assert [one["timestamp"] for one in found["publish"]["samples"]] == [20_000, 15_000, 10_000, 5000, 0]
    assert (found["publish"]["avg"], found["publish"]["avg_rate"]) == (20.0, 2.5)
    every_second = samples(LAYOUT, series, Rounds(4, 3, 5000), Range.of(20, 10))
    assert [one["sample"] for one in every_second["messages"]["samples"]] == [2, 3, 0]


def test_samples_of_what_is_forgotten_are_left_out() -> None:
    series = series_of(*((number, 0) for number in range(1, 50)), keep=2)
    found = samples(LAYOUT, series, Rounds(49, 48, 5000), Range.of(60, 5))["publish"]["samples"]
    assert [one["sample"] for one in found] == [49, 48, 47]


def test_what_is_not_there_has_samples_of_zero() -> None:
    found = samples(LAYOUT, None, Rounds(10, 9, 5000), Range.of(10, 5))["publish"]
    assert [one["sample"] for one in found["samples"]] == [0, 0, 0]
    assert (found["avg"], found["avg_rate"]) == (0.0, 0.0)


def test_an_older_history_is_coarser() -> None:
    series = LongSeries((Tier(1, 4), Tier(10, 40)), 0, LAYOUT.zero)
    for number in range(1, 101):
        series.add(number, row(number, 0))
    fine = samples(LAYOUT, series, Rounds(100, 99, 1000), Range.of(4, 1))["publish"]["samples"]
    assert [one["sample"] for one in fine] == [100, 99, 98, 97, 96]
    coarse = samples(LAYOUT, series, Rounds(100, 99, 1000), Range.of(40, 10))["publish"]["samples"]
    assert [one["sample"] for one in coarse] == [100, 90, 80, 70, 60]
    assert rates(LAYOUT, series, Rounds(100, 99, 1000))["publish"] == 1.0


@pytest.mark.parametrize(("age", "incr"), [(0, 1), (1, 0), (5, 6), (-5, -5), (AGE_S_MAX + 1, 60), (SAMPLES_MAX + 1, 1)])
def test_a_range_that_cannot_be_is_refused(age: int, incr: int) -> None:
    with pytest.raises(ValueError, match=r"age|samples"):
        Range.of(age, incr)
