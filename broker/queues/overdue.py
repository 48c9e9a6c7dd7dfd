"""Messages whose time comes while something that lives longer stands before them: they leave at their time.

What expires in order needs nothing of this, since only the front of a list has to be looked at. Must not: know what
becomes of a message that expires; the queue does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from broker.model.message import Span
from broker.queues.browsing import LEVEL_MAX, LOAD_BYTES
from broker.queues.cold import Cold
from broker.queues.expiries import Expiries
from broker.queues.ready import ReadyList
from broker.queues.stored import HeadReader
from storage.journal import Loaded

LEVEL_BITS: Final = 8  # a place is a position and, below it, the priority level
STEP: Final = 1 << LEVEL_BITS
LEVEL_MASK: Final = STEP - 1
ENTRIES_MAX: Final = 64  # looked up in one turn
MESSAGES_MAX: Final = 256  # of these, that leave in one turn
LOADS_MAX: Final = 32  # under way at a time, of messages that are on disk only,
LOADING_MAX: Final = 128  # and the messages that these are for: all of them may arrive in the same turn
RECORD_BYTES: Final = 256  # about what a message takes of the log beside its body
WALK_PIECES: Final = 64  # looked at in one step of the walk after a start
WALK_BYTES: Final = 64 * 1024  # read in one
AT_ONCE: Final = 1  # a time that has passed: in the next turn
NEVER_LAST: Final = 2**62  # behind what never expires nothing expires in order


class Overdue:
    """Notes what expires out of order in one queue, and takes it out of its ready list when it is due.

    Invariant: a message of the ready list that expires before one that stands before it in its level has an entry, or
    will be seen by the walk that begins at a start.
    """

    __slots__ = ("_again", "_due", "_expiries", "_is_mixed", "_latest", "_loading", "_loads", "_on_expired", "_ready",
                 "_walk", "_wake")  # fmt: skip

    def __init__(
        self, ready: Callable[[], ReadyList], on_expired: Callable[[Span], None], wake: Callable[[], None],
        latest_ms: int,
    ) -> None:  # fmt: skip
        """Args: wake has `expire` called after a load; latest_ms is when the last of what waits already expires."""
        self._ready = ready
        self._on_expired = on_expired
        self._wake = wake
        self._latest = latest_ms
        self._is_mixed = False  # something expires, or may expire, out of order
        self._expiries: Expiries | None = None
        self._again: set[int] | None = None  # places of messages that have come back and been noted
        self._due: list[tuple[int, int]] = []  # places and counts to be looked up
        self._loads = 0
        self._loading = 0  # messages
        self._walk: Walk | None = None

    # ---- what comes

    def note(self, span: Span, is_alone: bool) -> None:
        """Messages come in at the back. Args: is_alone says that the queue has no others, lent ones included."""
        expires_ms = span.expires_ms or NEVER_LAST
        if is_alone and self._walk is None:
            self._start_anew()
        if self._latest <= expires_ms < NEVER_LAST:
            self._latest = expires_ms
            return
        if not self._is_mixed:
            self._is_mixed = True
            self.doubt()
        elif (stream := self._ready().stream_for(span.batch)) is not None:
            stream.in_order = False
        if span.expires_ms:
            self._add(span, self._ready().level_of_span(span))
        else:
            self._latest = NEVER_LAST

    def moved(self, span: Span) -> None:
        """Messages that wait have another place; what was noted under the one before is stale."""
        if self._is_mixed and span.expires_ms:
            self._add(span, self._ready().level_of_span(span))

    def _start_anew(self) -> None:
        self._latest = 0
        if self._is_mixed:
            self._is_mixed = False
            self._expiries = self._again = None
            self.trust()

    def trust(self) -> None:
        """What waits expires in order, all of it."""
        for stream in self._ready().streams():
            stream.in_order = True

    def doubt(self) -> None:
        """What comes from now on may expire before what waits, as far as a start can tell."""
        for stream in self._ready().streams():
            stream.in_order = False

    def back(self, span: Span) -> None:
        """Messages come back: what was noted of them may be forgotten."""
        if not self._is_mixed or not span.expires_ms:
            return
        level = self._ready().level_of_span(span)
        place = span.position << LEVEL_BITS | level
        if self._again is None:
            self._again = set()
        if place not in self._again:
            self._again.add(place)
            self._add(span, level)

    def _add(self, span: Span, level: int) -> None:
        self._enter(span.expires_ms, span.position << LEVEL_BITS | level, span.stop - span.start)

    def _enter(self, expires_ms: int, place: int, count: int) -> None:
        if self._expiries is None:
            self._expiries = Expiries(STEP)
        self._expiries.add(expires_ms, place, count, self._may_hold)

    def _may_hold(self, place: int) -> bool:
        if self._ready().may_hold(place & LEVEL_MASK, place >> LEVEL_BITS):
            return True
        if self._again is not None:
            self._again.discard(place)
        return False

    # ---- after a start

    def walk(self, stop: int) -> None:
        """Looks through everything that waits below a position, and notes what expires out of order."""
        self._is_mixed = True
        self._latest = NEVER_LAST
        self._walk = Walk(self._ready, stop, self._enter, self._wake)

    def _walked(self, walk: Walk) -> None:
        self._walk = None
        if self._expiries is None and not walk.saw_never:
            self._is_mixed = False
            self._latest = walk.latest_ms
            self.trust()

    # ---- what is due

    def next_ms(self) -> int:
        """When `expire` has something to do: the next message that was noted expires, or there is more; 0: never."""
        if self._walk is not None and not self._walk.is_loading:
            return AT_ONCE
        if self._is_loading_enough():
            return 0
        return AT_ONCE if self._due else self._expiries.next_ms() if self._expiries is not None else 0

    def expire(self, now_ms: int) -> None:
        """Takes out what is due, a turn's worth at a time; what is on disk only is loaded first."""
        if self._walk is not None and self._walk.step():
            self._walked(self._walk)
        if self._is_loading_enough():
            return
        due, self._due = self._due, []
        if not due:
            due = self._take_due(now_ms)
        left = MESSAGES_MAX
        for at, (place, count) in enumerate(due):
            if self._is_loading_enough() or not left:
                self._due += due[at:]
                break
            some = min(count, left)
            left -= some
            self._leave(place & LEVEL_MASK, place >> LEVEL_BITS, some, now_ms)
            if some < count:
                self._due.append((place + some * STEP, count - some))

    def _is_loading_enough(self) -> bool:
        return self._loads >= LOADS_MAX or self._loading >= LOADING_MAX

    def _take_due(self, now_ms: int) -> list[tuple[int, int]]:
        """What is due next, with what follows one another as one."""
        joined: list[tuple[int, int]] = []
        if self._expiries is None:
            return joined
        for place, count in self._expiries.take_due(now_ms, ENTRIES_MAX):
            if self._again:
                self._again.difference_update(range(place, place + count * STEP, STEP))
            if joined and joined[-1][0] + joined[-1][1] * STEP == place:
                joined[-1] = (joined[-1][0], joined[-1][1] + count)
            else:
                joined.append((place, count))
        return joined

    def _leave(self, level: int, first: int, count: int, now_ms: int) -> None:
        ready = self._ready()
        for span in ready.cut(level, first, first + count):
            self._on_expired(span)
        for found, piece in ready.pieces(level, first, 1):
            if found == level and isinstance(piece, Cold) and piece.first + piece.shift < first + count:
                self._load(level, piece, max(first, piece.first + piece.shift), first + count, now_ms)

    def _load(self, level: int, cold: Cold, first: int, stop: int, now_ms: int) -> None:
        size_bytes = (stop - first) * (cold.body_bytes // max(1, cold.count) + RECORD_BYTES)
        self._loads += 1
        self._loading += stop - first
        loaded = partial(self._loaded, level, cold.shift, first, stop, now_ms)
        cold.stream.load(first - cold.shift, min(size_bytes, LOAD_BYTES), loaded)

    def _loaded(
        self, level: int, shift: int, first: int, stop: int, now_ms: int, runs: Sequence[Loaded], next_number: int
    ) -> None:
        self._loads -= 1
        self._loading -= stop - first
        reader = HeadReader()
        for run in runs:
            if run.first + shift >= stop:
                break
            if 0 < run.expires_ms <= now_ms:
                self._remove(level, run, reader, shift, stop)
        reached = next_number + shift
        if first < reached < stop:
            self._due.append((reached << LEVEL_BITS | level, stop - reached))
        self._wake()

    def _remove(self, level: int, run: Loaded, reader: HeadReader, shift: int, stop: int) -> None:
        """Takes out what was on disk only, unless it has been taken meanwhile."""
        batch, ready = reader.batch(run), self._ready()
        gone: Span | None = None
        for at in range(min(len(run.items), stop - shift - run.first)):
            number = run.first + at
            loaded = Span(batch, at, at + 1, number + shift, run.expires_ms, run.deliveries, number)
            one = ready.remove(level, number + shift, loaded)
            if one is not None and gone is not None and gone.batch is one.batch and gone.stop == one.start:
                gone.stop = one.stop
                continue
            if gone is not None:
                self._on_expired(gone)
            gone = one
        if gone is not None:
            self._on_expired(gone)


class Walk:
    """Goes through a ready list step by step and tells of what expires before something that stands before it."""

    __slots__ = ("_enter", "is_loading", "_level", "_level_latest", "_position", "_ready", "_stop", "_wake",
                 "latest_ms", "saw_never")  # fmt: skip

    def __init__(
        self, ready: Callable[[], ReadyList], stop: int, enter: Callable[[int, int, int], None],
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        """Args: each level ends at the position `stop`; enter gets expiry, place and count; wake has it stepped."""
        self._ready = ready
        self._stop = stop
        self._enter = enter
        self._wake = wake
        self._level = LEVEL_MAX
        self._position = 0
        self._level_latest = 0
        self.is_loading = False
        self.latest_ms = 0
        self.saw_never = False

    def step(self) -> bool:
        """Goes on; whether everything has been seen."""
        if self.is_loading:
            return False
        pieces = self._ready().pieces(self._level, self._position, WALK_PIECES)
        for level, piece in pieces:
            if level != self._level:
                self._level, self._position, self._level_latest = level, 0, 0
            if self._position >= self._stop or (not isinstance(piece, Cold) and piece.position >= self._stop):
                self._level, self._position, self._level_latest = level - 1, 0, 0
                break
            if isinstance(piece, Cold):
                self._load(piece)
                return False
            self._see(piece.expires_ms, piece.position, piece.stop - piece.start)
        return not pieces or self._level < 0

    def _see(self, expires_ms: int, position: int, count: int) -> None:
        expires_ms = expires_ms or NEVER_LAST
        if expires_ms < self._level_latest:
            self._enter(expires_ms, position << LEVEL_BITS | self._level, count)
        self._level_latest = max(self._level_latest, expires_ms)
        self.latest_ms = max(self.latest_ms, expires_ms)
        self.saw_never = self.latest_ms == NEVER_LAST
        self._position = position + count

    def _load(self, cold: Cold) -> None:
        self.is_loading = True
        first, stop, shift = max(cold.first, self._position - cold.shift), cold.stop, cold.shift

        def loaded(runs: Sequence[Loaded], next_number: int) -> None:
            self.is_loading = False
            for run in runs:
                if run.first < stop:
                    self._see(run.expires_ms, run.first + shift, min(len(run.items), stop - run.first))
            reached = min(next_number, stop) if next_number > first else stop  # nothing more can be read
            self._position = max(self._position, reached + shift)
            self._wake()

        cold.stream.load(first, WALK_BYTES, loaded)
