"""Histories of rows of numbers, kept as their changes, and what is asked of them: rates and samples.

Must not: know what the numbers mean, or read a clock; rounds are numbered by whoever samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

MS_PER_S: Final = 1000
SAMPLES_MAX: Final = 1000  # of one history in one answer
AGE_S_MAX: Final = 7 * 24 * 3600
Row = bytes  # numbers of 8 bytes each


@dataclass(frozen=True, slots=True)
class Range:
    """Which samples are wanted: those of the last `age_s` seconds, one every `incr_s` seconds."""

    age_s: int
    incr_s: int

    @classmethod
    def of(cls, age_s: int, incr_s: int) -> Range:
        """A range that can be answered. Raises: ValueError, with a text for whoever asked."""
        if not (0 < age_s <= AGE_S_MAX and 0 < incr_s <= age_s):
            raise ValueError(f"age must be 1 to {AGE_S_MAX} seconds, incr 1 to the age")
        if age_s // incr_s > SAMPLES_MAX:
            raise ValueError(f"at most {SAMPLES_MAX} samples: ask with a larger incr, or a smaller age")
        return cls(age_s, incr_s)


class Layout:
    """The names of the numbers in a row, in order, and how they are packed."""

    __slots__ = ("fields", "numbers", "zero")

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)
        self.numbers = Struct(f"={len(fields)}q")
        self.zero: Row = bytes(self.numbers.size)


class Series:
    """The rows of one thing, one for each round in which it differed from the round before.

    Invariants
    1. Rounds rise; the row of a round is the last one noted at or before it.
    2. Of what lies `keep` rounds back or more, only the last row is there: an idle series is one row.
    3. Before its first row a thing's numbers were 0, but what lies before `known_from` is not known any more.
    """

    __slots__ = ("_rounds", "_rows", "known_from")

    def __init__(self, number: int, row: Row, known_from: int = 0) -> None:
        self._rounds = [number]
        self._rows = [row]
        self.known_from = known_from

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, number: int, row: Row, keep: int) -> None:
        """The row in a round after all others; `keep` rounds back nothing will be asked any more."""
        if row != self._rows[-1]:
            self._rounds.append(number)
            self._rows.append(row)
        rounds = self._rounds
        outdated = 0
        while outdated + 1 < len(rounds) and rounds[outdated + 1] <= number - keep:
            outdated += 1
        if outdated:
            del rounds[:outdated]
            del self._rows[:outdated]
            self.known_from = rounds[0]

    def at(self, number: int) -> Row | None:
        """The row in a round; None before the first."""
        for place in range(len(self._rounds) - 1, -1, -1):
            if self._rounds[place] <= number:
                return self._rows[place]
        return None

    def rows(self, numbers: Sequence[int]) -> Iterator[Row | None]:
        """The rows in rounds, asked from the newest to the oldest."""
        place = len(self._rounds) - 1
        for number in numbers:
            while place >= 0 and self._rounds[place] > number:
                place -= 1
            yield self._rows[place] if place >= 0 else None


@dataclass(frozen=True, slots=True)
class Tier:
    """Every how many rounds a row is kept, and for how many rounds."""

    every: int
    keep: int


class LongSeries:
    """The rows of one thing over a day: the older, the coarser. The first tier has every round."""

    __slots__ = ("_number", "_tiers")

    def __init__(self, tiers: Sequence[Tier], number: int, row: Row, known_from: int = 0) -> None:
        self._number = number
        self._tiers = [(tier, Series(number, row, known_from)) for tier in tiers]

    def add(self, number: int, row: Row) -> None:
        """The row in a round after all others; a tier takes the first round of each of its steps."""
        for tier, series in self._tiers:
            if number // tier.every > self._number // tier.every:
                series.add(number, row, tier.keep)
        self._number = number

    def within(self, rounds: int) -> tuple[Tier, Series]:
        """The finest tier that reaches so many rounds back, or the one that reaches furthest."""
        return next((pair for pair in self._tiers if pair[0].keep >= rounds), self._tiers[-1])

    def at(self, number: int) -> Row | None:
        """The row in one of the last rounds; None before the first."""
        return self._tiers[0][1].at(number)


@dataclass(frozen=True, slots=True)
class Rounds:
    """The last complete round, the one before it (-1: there was none), and how long one takes by its number."""

    last: int
    previous: int
    interval_ms: int

    def seconds(self) -> float:
        """Between the last two."""
        return (self.last - self.previous) * self.interval_ms / MS_PER_S


def rates(layout: Layout, series: Series | LongSeries | None, rounds: Rounds) -> Mapping[str, float]:
    """By field, the change per second between the last two rounds; 0.0 where nothing is known."""
    last = series.at(rounds.last) if series is not None and rounds.previous >= 0 else None
    before = series.at(rounds.previous) if series is not None else None
    if last is None or last == before:
        return dict.fromkeys(layout.fields, 0.0)
    seconds = rounds.seconds()
    new, old = layout.numbers.unpack(last), layout.numbers.unpack(before or layout.zero)
    return {field: (a - b) / seconds for field, a, b in zip(layout.fields, new, old, strict=True)}


def samples(
    layout: Layout, series: Series | LongSeries | None, rounds: Rounds, wanted: Range
) -> dict[str, dict[str, Any]]:
    """By field what RabbitMQ's API calls `samples`, `avg` and `avg_rate`, the newest sample first; at least one."""
    step = max(1, wanted.incr_s * MS_PER_S // rounds.interval_ms)
    reach = wanted.age_s * MS_PER_S // rounds.interval_ms
    if isinstance(series, LongSeries):
        tier, series = series.within(reach)
        step = -(-step // tier.every) * tier.every
    if series is None:
        series = Series(0, layout.zero)
    newest = rounds.last - rounds.last % step
    numbers = range(newest, max(newest - reach, series.known_from) - 1, -step) or [rounds.last]
    unpacked = [layout.numbers.unpack(row if row is not None else layout.zero) for row in series.rows(numbers)]
    at_ms = [number * rounds.interval_ms for number in numbers]
    columns = zip(layout.fields, zip(*unpacked, strict=True), strict=True)
    return {field: _summary(values, at_ms) for field, values in columns}


def _summary(values: Sequence[int], at_ms: Sequence[int]) -> dict[str, Any]:
    span_ms = at_ms[0] - at_ms[-1]
    return {
        "samples": [{"sample": value, "timestamp": ms} for value, ms in zip(values, at_ms, strict=True)],
        "avg": sum(values) / len(values),
        "avg_rate": (values[0] - values[-1]) * MS_PER_S / span_ms if span_ms else 0.0,
    }
