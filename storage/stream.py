"""One stream of the journal on segments: its numbers, what is settled, and in which segments the rest is.

Must not: read or write files; the journal does, and asks here what is still needed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, Protocol

from storage.index import Table
from storage.journal import OnLoaded, Stream
from storage.marks import Marks
from storage.record import COUNTED_RANGE, RANGE
from storage.snapshot import StreamState
from storage.space import Extent, Run, Segment, extents_of

_NOTHING: Final = (0, 0, 0)


class StreamHost(Protocol):
    """The journal, as its streams see it."""

    marks: Marks

    def touched(self, stream: LocalStream, /) -> None:
        """The stream has something to be written at the next commit. Called once until then."""
        ...

    def space_changed(self, segment: Segment, /) -> None:
        """Less of a segment is needed than before."""
        ...

    def load(
        self, stream: LocalStream, first: int, size_bytes: int, on_loaded: OnLoaded, head_bytes: int = 0, /
    ) -> None:
        """Reads messages, or so much of their heads."""
        ...

    def dropped(self, stream: LocalStream, /) -> None:
        """The stream has ended."""
        ...


class LocalStream(Stream):
    """A Stream of `LocalJournal`.

    `trusted_from` is the first number that certainly was not delivered before the start.
    """

    __slots__ = ("_expires", "_host", "_marks", "_open", "_pending", "_redelivered", "_slot", "_unwritten", "cached",
                 "deliveries", "delivered", "extents", "is_dropped", "is_scattered", "settled",
                 "trusted_from")  # fmt: skip

    def __init__(self, state: StreamState, host: StreamHost) -> None:
        super().__init__(state.id, state.next)
        self.in_order = state.in_order or not state.may_expire
        self.delivered = state.delivered
        self.trusted_from = state.delivered
        self.settled = state.settled
        self.deliveries = state.deliveries
        self.extents: list[Extent] = []
        self.is_dropped = False
        self.cached: tuple[Extent, list[Table], int] | None = None  # what so many bytes of an index say of an extent
        self.is_scattered = False  # it has been asked for messages before those of `cached`
        self._expires = state.may_expire
        self._host = host
        self._marks = host.marks
        self._slot = host.marks.slot(self.id, self.delivered)
        self._open = _NOTHING  # the range settled last: first, stop, bytes
        self._pending: list[tuple[int, int, int]] = []  # before it, not taken out of the sums yet
        self._unwritten: list[tuple[int, int]] = []
        self._redelivered: list[tuple[int, int, int]] = []

    # ---- what a queue asks

    def waiting(self) -> tuple[int, int, int]:
        """How many messages are not settled, about how many bytes their items have, and the number of the first."""
        self.apply()
        count = size = 0
        for extent in self.extents:
            live = self.live(extent)
            count += live
            size += extent.item_bytes * live // max(1, extent.messages)
        first = self.settled.next_gap(self.extents[0].first) if self.extents else self.next
        return count, size, first

    def may_expire(self) -> bool:
        """Whether a message that was there at the start may have an expiry."""
        return self._expires

    def settle(self, first: int, stop: int, size_bytes: int) -> None:
        """These messages are not needed any more; together they take `size_bytes` of the log (0: not known)."""
        open_first, open_stop, open_bytes = self._open
        if first == open_stop:
            self._open = (open_first, stop, open_bytes + size_bytes)
            return
        if open_stop:
            self._pending.append(self._open)
        else:
            self._touch()
        self._open = (first, stop, size_bytes)

    def _touch(self) -> None:
        if not self._open[1] and not self._unwritten and not self._redelivered:
            self._host.touched(self)

    def mark_delivered(self, stop: int) -> None:
        """Everything below `stop` may have been delivered once; true after kill -9 without any commit."""
        if stop > self.delivered:
            self.delivered = stop
            self._marks.words[self._slot] = stop

    def set_deliveries(self, first: int, stop: int, deliveries: int) -> None:
        """These messages are being delivered for the `deliveries`th time."""
        self._touch()
        self._redelivered.append((first, stop, deliveries))
        for number in range(first, stop):
            self.deliveries[number] = deliveries

    def load(self, first: int, size_bytes: int, on_loaded: OnLoaded) -> None:
        """Reads waiting messages from number `first` on, about `size_bytes` of them, for those already written."""
        self._host.load(self, first, size_bytes, on_loaded)

    def survey(self, first: int, size_bytes: int, head_bytes: int, on_loaded: OnLoaded) -> None:
        """As `load`, with empty items and the first `head_bytes` of each head."""
        self._host.load(self, first, size_bytes, on_loaded, head_bytes)

    def drop(self) -> None:
        """The stream ends with all that is in it."""
        if self.is_dropped:
            return
        self.apply()
        self.is_dropped = True
        for extent in self.extents:
            live = self.live(extent)
            segment = extent.segment
            segment.live -= live
            segment.live_bytes -= min(segment.live_bytes, _share(extent, live))
            segment.streams.discard(self.id)
            self._host.space_changed(segment)
        self.extents.clear()
        self._host.marks.free(self._slot)
        self._host.dropped(self)

    # ---- what the journal asks

    def state(self) -> StreamState:
        """What a snapshot says of it."""
        self.apply()
        return StreamState(
            self.id, self.next, self.delivered, self._expires, self.settled, self.deliveries, self.in_order
        )

    def appended(
        self, first: int, count: int, expires_ms: int, segment: Segment, item_bytes: int, share_bytes: int
    ) -> None:
        """The next `count` messages stand in that segment."""
        stop = first + count
        extents = self.extents
        if extents and extents[-1].segment is segment and not extents[-1].source:
            extent = extents[-1]
            extent.stop = stop
        else:
            extent = Extent(first, stop, segment)
            extents.append(extent)
            segment.streams.add(self.id)
        extent.messages += count
        extent.item_bytes += item_bytes
        extent.log_bytes += share_bytes * count
        segment.live += count
        segment.live_bytes += share_bytes * count
        if expires_ms:
            self._expires = True

    def adopt(self, extent: Extent) -> None:
        """An extent found at the start."""
        live = self.live(extent)
        self.extents.append(extent)
        segment = extent.segment
        segment.streams.add(self.id)
        segment.live += live
        segment.live_bytes += _share(extent, live)

    def live(self, extent: Extent) -> int:
        """How many messages of an extent are not settled."""
        return extent.stop - extent.first - self.settled.count(extent.first, extent.stop)

    def replace(self, segment: Segment, runs: list[Run]) -> None:
        """What stood in one segment stands elsewhere now."""
        self.apply()
        kept = [extent for extent in self.extents if extent.segment is not segment]
        others = extents_of(runs, [extent.first for extent in kept])
        self.extents = sorted(kept + others, key=_first)
        self.cached = None
        segment.streams.discard(self.id)
        for extent in others:
            live = self.live(extent)
            extent.segment.streams.add(self.id)
            extent.segment.live += live
            extent.segment.live_bytes += _share(extent, live)

    def lost(self, first: int, stop: int) -> None:
        """These messages cannot be read: they are gone."""
        self.settle(first, stop, 0)

    def flush(self, settled: list[bytes], redelivered: list[bytes]) -> None:
        """Moves what is to be written into the payloads of the next records."""
        self.apply()
        stream = self.id
        settled += [RANGE.pack(stream, first, stop) for first, stop in self._unwritten]
        redelivered += [COUNTED_RANGE.pack(stream, *counted) for counted in self._redelivered]
        self._unwritten.clear()
        self._redelivered.clear()

    def apply(self) -> None:
        """Takes what was settled out of the sums."""
        if not self._open[1]:
            return
        pending, self._pending = [*self._pending, self._open], []
        self._open = _NOTHING
        for first, stop, size_bytes in pending:
            self._unwritten.append((first, stop))
            self._apply_range(first, stop, size_bytes)
            if self.deliveries:
                self._forget_deliveries(first, stop)

    def _apply_range(self, first: int, stop: int, size_bytes: int) -> None:
        extents = self.extents
        at = bisect_right(extents, first, key=_first) - 1
        total = stop - first
        position = first
        while position < stop:
            extent = extents[at] if at >= 0 else None
            if extent is not None and extent.first <= position < extent.stop:
                end = min(stop, extent.stop)
                new = self.settled.add(position, end)
                self._account(extent, new, size_bytes * (end - position) // total)
            else:  # lost, or settled and its segment gone
                end = min(stop, extents[at + 1].first) if at + 1 < len(extents) else stop
                self.settled.add(position, end)
            position = end
            if at + 1 < len(extents) and extents[at + 1].first <= position:
                at += 1

    def _account(self, extent: Extent, new: int, size_bytes: int) -> None:
        if not new:
            return
        segment = extent.segment
        segment.live -= new
        segment.live_bytes = max(0, segment.live_bytes - (size_bytes or _share(extent, new)))
        assert segment.live >= 0, "a message was settled twice"
        self._host.space_changed(segment)

    def _forget_deliveries(self, first: int, stop: int) -> None:
        if stop - first < len(self.deliveries):
            for number in range(first, stop):
                self.deliveries.pop(number, None)
        else:
            for number in [number for number in self.deliveries if first <= number < stop]:
                del self.deliveries[number]

    def extent_with(self, number: int) -> Extent | None:
        """The first extent that has something needed at or behind a number."""
        self.apply()
        for extent in self.extents[max(0, bisect_right(self.extents, number, key=_first) - 1) :]:
            if self.settled.next_gap(max(number, extent.first)) < extent.stop:
                return extent
        return None

    def extent_of(self, number: int) -> Extent | None:
        """The extent that a number falls into."""
        at = bisect_right(self.extents, number, key=_first) - 1
        return self.extents[at] if at >= 0 and number < self.extents[at].stop else None

    def is_needed(self, first: int, stop: int) -> bool:
        """Whether one of `first..stop` is not settled."""
        return self.settled.next_gap(first) < stop

    def needed_runs(self, first: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The ranges of `first..stop` that are not settled, each with how often it may have been delivered."""
        self.apply()
        for start, end in self.settled.gaps(first, stop):
            if start >= self.trusted_from and not self.deliveries:
                yield start, end, 0
            else:
                yield from self._counted_runs(start, end)

    def _counted_runs(self, first: int, stop: int) -> Iterator[tuple[int, int, int]]:
        start, count = first, self._delivered_times(first)
        for number in range(first + 1, stop):
            other = self._delivered_times(number)
            if other != count:
                yield start, number, count
                start, count = number, other
        yield start, stop, count

    def _delivered_times(self, number: int) -> int:
        return self.deliveries.get(number, 1 if number < self.trusted_from else 0)


def _first(extent: Extent) -> int:
    return extent.first


def _share(extent: Extent, live: int) -> int:
    """About what `live` messages of an extent take of the log."""
    return extent.log_bytes * live // max(1, extent.messages)
