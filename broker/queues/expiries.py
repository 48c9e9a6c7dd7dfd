"""When single messages expire that stand behind others which live longer: their places by time, packed.

Must not: know messages; an entry whose message is gone costs its place here until it is due or swept out.

Entries are three integers. New ones stand in a small heap; when that is full it becomes a run, a sorted array of which
the last entry is due first. So an entry takes 24 bytes, and adding, sweeping and taking never touch more than two runs.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

HEAP_MAX: Final = 1024  # entries, of which a run is made then
SWEPT_RUNS: Final = 2  # for each new one, so that the stale ones never are many more than the others
_WORDS: Final = 3  # of an entry in a run

Entry = tuple[int, int, int]  # expires_ms, the first place, how many messages


class Expiries:
    """Entries by time. A run of messages with one expiry whose places follow one another is one entry."""

    __slots__ = ("_fronts", "_heap", "_next_run", "_runs", "_step", "_young")

    def __init__(self, step: int) -> None:
        """Args: step is how far the places of consecutive messages are apart."""
        self._step = step
        self._young: Entry | None = None  # added last, and perhaps to be continued
        self._heap: list[Entry] = []
        self._runs: dict[int, array[int]] = {}
        self._fronts: list[tuple[int, int]] = []  # a heap: when a run's next entry is due, and which run it is
        self._next_run = 0

    def __len__(self) -> int:
        """How many entries there are, stale ones included."""
        kept = sum(len(run) for run in self._runs.values()) // _WORDS
        return kept + len(self._heap) + (self._young is not None)

    def __bool__(self) -> bool:
        return len(self) > 0

    def add(self, expires_ms: int, place: int, count: int, waits: Callable[[int], bool]) -> None:
        """Notes when messages expire. Args: waits says whether a message may still be there; asked now and then."""
        young = self._young
        if young is not None:
            if young[0] == expires_ms and young[1] + young[2] * self._step == place:
                self._young = (expires_ms, young[1], young[2] + count)
                return
            heappush(self._heap, young)
            if len(self._heap) >= HEAP_MAX:
                self._make_run()
                self._sweep(waits)
        self._young = (expires_ms, place, count)

    def _make_run(self) -> None:
        run = array("q")
        for expires_ms, place, count in sorted(self._heap, reverse=True):
            run.append(count)
            run.append(place)
            run.append(expires_ms)
        self._heap.clear()
        self._keep(run)

    def _keep(self, run: array[int]) -> None:
        self._runs[self._next_run] = run
        heappush(self._fronts, (run[-1], self._next_run))
        self._next_run += 1

    def _sweep(self, waits: Callable[[int], bool]) -> None:
        """Looks through the runs that were looked through longest ago; what is left of a run that was mostly stale is
        new again.
        """
        for number in list(self._runs)[:SWEPT_RUNS]:
            run = self._runs.pop(number)
            kept = array("q")
            for at in range(0, len(run), _WORDS):
                if waits(run[at + 1]) or (run[at] > 1 and waits(run[at + 1] + (run[at] - 1) * self._step)):
                    kept.extend(run[at : at + _WORDS])
            if len(kept) * 4 > HEAP_MAX * _WORDS:
                self._keep(kept)
            else:
                for at in range(0, len(kept), _WORDS):
                    heappush(self._heap, (kept[at + 2], kept[at + 1], kept[at]))

    def _front(self) -> int:
        """Which run has the entry that is due first, -1 where there is none; fronts of runs that are gone go too."""
        fronts, runs = self._fronts, self._runs
        while fronts:
            due_ms, number = fronts[0]
            run = runs.get(number)
            if run is not None and run[-1] == due_ms:
                return number
            heappop(fronts)
        return -1

    def next_ms(self) -> int:
        """When the next entry is due; 0 where there is none."""
        found = self._young[0] if self._young is not None else 0
        if self._heap and (not found or self._heap[0][0] < found):
            found = self._heap[0][0]
        if self._front() >= 0 and (not found or self._fronts[0][0] < found):
            found = self._fronts[0][0]
        return found

    def take_due(self, now_ms: int, count: int) -> list[tuple[int, int]]:
        """Takes up to `count` entries that are due, as places and how many messages there are, in order of places."""
        found: list[tuple[int, int]] = []
        young = self._young
        if young is not None and young[0] <= now_ms:
            self._young = None
            found.append((young[1], young[2]))
        while self._heap and self._heap[0][0] <= now_ms and len(found) < count:
            entry = heappop(self._heap)
            found.append((entry[1], entry[2]))
        while len(found) < count and (number := self._front()) >= 0 and self._fronts[0][0] <= now_ms:
            found.append(self._pop(number))
        return sorted(found)

    def _pop(self, number: int) -> tuple[int, int]:
        """Takes the next entry of a run whose front is the first of all."""
        run = self._runs[number]
        run.pop()
        place, count = run.pop(), run.pop()
        heappop(self._fronts)
        if run:
            heappush(self._fronts, (run[-1], number))
        else:
            del self._runs[number]
        return place, count
