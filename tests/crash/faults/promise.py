"""What a journal has promised so far, kept as naively as can be, and whether what came back keeps it.

Everything is noted when it is asked for, so whatever is on the disk is known here; a change is *due* once the watermark
has reached its position. Must not: ask the journal anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

NEVER: Final = 2**63  # a position that no watermark reaches


class Seen(NamedTuple):
    """A waiting message as a journal hands it out."""

    item: bytes
    head: bytes
    stamp_ms: int
    expires_ms: int
    deliveries: int


class Observed(NamedTuple):
    """All of a journal: the waiting messages of each stream by number, and the numbers the next ones get."""

    waiting: dict[int, dict[int, Seen]]
    next: dict[int, int]


class Broken(AssertionError):
    """A promise was not kept."""


@dataclass
class Change:
    """Something asked for, and the position from which on it must outlive a crash."""

    due: int = NEVER
    group: int = 0


@dataclass
class Message:
    """One message of one stream."""

    item: bytes
    head: bytes
    stamp_ms: int
    expires_ms: int
    appended: Change
    settled: Change | None = None
    counts: list[tuple[int, Change]] = field(default_factory=list)


class Promise:
    """Everything that was asked of one journal since it was opened."""

    def __init__(self) -> None:
        self.streams: dict[int, dict[int, Message]] = {}
        self.next: dict[int, int] = {}
        self.delivered: dict[int, int] = {}  # by stream: everything below was marked
        self.dropped: dict[int, Change] = {}
        self.durable = 0
        self.last_stream = 0  # the highest id there ever was: no id is used again
        self._group = 0
        self._is_in_group = False
        self._in_group: list[Change] = []
        self._uncommitted: list[Change] = []  # settlements and such, up to the next commit
        self._committed: list[Change] = []  # and up to the next position after it

    # ---- what is asked

    def append(self, targets: Sequence[tuple[int, int]], stamp_ms: int, head: bytes, items: Sequence[bytes]) -> Change:
        """Notes messages for streams, each with its expiry, before the journal is asked."""
        change = self._change()
        for stream, expires_ms in targets:
            self.last_stream = max(self.last_stream, stream)
            first = self.next.setdefault(stream, 1)
            messages = self.streams.setdefault(stream, {})
            for number, item in enumerate(items, first):
                messages[number] = Message(item, head, stamp_ms, expires_ms, change)
            self.next[stream] = first + len(items)
        return change

    def positioned(self, change: Change, position: int) -> None:
        """The journal has said where an append stands."""
        if not change.group or not self._is_in_group:
            change.due = position
            self._passed(position)

    def settle(self, stream: int, first: int, stop: int) -> None:
        """Notes that these are not needed any more."""
        change = self._later()
        for number in range(first, stop):
            message = self.streams[stream].get(number)
            if message is not None and message.settled is None:
                message.settled = change

    def mark_delivered(self, stream: int, stop: int) -> None:
        """Notes that everything below was delivered; holds from now on."""
        self.delivered[stream] = max(stop, self.delivered.get(stream, 0))

    def set_deliveries(self, stream: int, first: int, stop: int, deliveries: int) -> None:
        """Notes a delivery count."""
        change = self._later()
        for number in range(first, stop):
            self.streams[stream][number].counts.append((deliveries, change))

    def drop(self, stream: int) -> None:
        """Notes the end of a stream."""
        self.dropped[stream] = self._later()

    def begin(self) -> None:
        """What follows stands or falls together."""
        self._group += 1
        self._is_in_group = True

    def end(self, position: int) -> None:
        """Ends that, at position 0 where nothing was done."""
        self._is_in_group = False
        assert position or not self._in_group, "a group with something in it has a position"
        for change in self._in_group:
            change.due = position
        self._in_group = []
        if position:
            self._passed(position)

    def committed(self) -> None:
        """The journal was asked to commit: what was noted before stands before whatever comes now."""
        self._committed += self._uncommitted
        self._uncommitted = []

    def closed(self) -> None:
        """The journal has closed in order: everything is durable."""
        self.committed()
        self._passed(self.durable)

    def _change(self) -> Change:
        change = Change(group=self._group if self._is_in_group else 0)
        if self._is_in_group:
            self._in_group.append(change)
        return change

    def _later(self) -> Change:
        change = self._change()
        if not self._is_in_group:
            self._uncommitted.append(change)
        return change

    def _passed(self, position: int) -> None:
        for change in self._committed:
            change.due = min(change.due, position)
        self._committed = []

    # ---- what is there

    def waiting(self, stream: int) -> list[int]:
        """The numbers that nobody has settled, in order."""
        return [number for number, message in self.streams.get(stream, {}).items() if message.settled is None]

    def alive(self) -> list[int]:
        """The streams that nobody has dropped."""
        return [stream for stream in self.streams if stream not in self.dropped]

    def check(self, observed: Observed, is_power_cut: bool) -> None:
        """Raises Broken where what came back after a crash is not what was promised."""
        for stream, there in observed.waiting.items():
            self._check_stream(stream, there, is_power_cut)
        for stream, messages in self.streams.items():
            self._check_missing(stream, messages, observed.waiting.get(stream, {}))
            self._check_next(stream, messages, observed)
        self._check_groups(observed.waiting)

    def _is_durable(self, change: Change | None) -> bool:
        return change is not None and change.due <= self.durable

    def _check_stream(self, stream: int, there: dict[int, Seen], is_power_cut: bool) -> None:
        known = self.streams.get(stream, {})
        if there and self._is_durable(self.dropped.get(stream)):
            raise Broken(f"stream {stream} was dropped durably and has {len(there)} messages")
        for number, seen in there.items():
            message = known.get(number)
            if message is None:
                raise Broken(f"{stream}/{number} was never appended: {seen}")
            if seen[:4] != (message.item, message.head, message.stamp_ms, message.expires_ms):
                raise Broken(f"{stream}/{number} is {seen}, was {message}")
            if self._is_durable(message.settled):
                raise Broken(f"{stream}/{number} was settled durably and is back")
            if stream not in self.dropped:
                self._check_deliveries(stream, number, message, seen.deliveries, is_power_cut)

    def _check_deliveries(self, stream: int, number: int, message: Message, found: int, is_power_cut: bool) -> None:
        base = int(number < self.delivered.get(stream, 0))
        allowed = {base}
        if is_power_cut:
            allowed.add(1)  # whatever was not delivered durably cannot be told from what was delivered
        for count, change in message.counts:
            if self._is_durable(change):
                allowed.clear()
            allowed.add(count)
        if found not in allowed:
            raise Broken(
                f"{stream}/{number} was delivered {found} times, not {sorted(allowed)} (power: {is_power_cut})"
            )

    def _check_missing(self, stream: int, messages: dict[int, Message], there: dict[int, Seen]) -> None:
        if stream in self.dropped:
            return
        missing = [
            number
            for number, message in messages.items()
            if number not in there and message.settled is None and self._is_durable(message.appended)
        ]
        if missing:
            raise Broken(f"durable messages of stream {stream} are not there: {missing}; there are {list(there)}")

    def _check_next(self, stream: int, messages: dict[int, Message], observed: Observed) -> None:
        if stream in self.dropped:
            return
        used = [number for number, message in messages.items() if self._is_durable(message.appended)]
        least = max([*used, *observed.waiting.get(stream, {})], default=0) + 1
        if observed.next.get(stream, 1) < least:
            raise Broken(f"stream {stream} goes on with {observed.next.get(stream)}, below {least}")

    def _check_groups(self, waiting: dict[int, dict[int, Seen]]) -> None:
        held: dict[int, str] = {}
        lost: dict[int, str] = {}
        for stream, messages in self.streams.items():
            if stream in self.dropped:
                continue
            there = waiting.get(stream, {})
            for number, message in messages.items():
                name = f"{stream}/{number}"
                if message.appended.group and number in there:
                    held[message.appended.group] = f"{name} is there"
                elif message.appended.group and message.settled is None:
                    lost[message.appended.group] = f"{name} is not there"
                if message.settled is None or not message.settled.group:
                    continue
                if number in there:
                    lost[message.settled.group] = f"{name} is not settled"
                elif self._is_durable(message.appended):
                    held[message.settled.group] = f"{name} is settled"
        for group in held.keys() & lost.keys():
            raise Broken(f"half of group {group} has outlived the crash: {held[group]}, {lost[group]}")

    # ---- from one life to the next

    @classmethod
    def of(cls, observed: Observed, last_stream: int = 0) -> Promise:
        """The promises of a journal just opened: all that is there is durable."""
        promise = cls()
        promise.last_stream = max(last_stream, *observed.waiting, 0, 0)
        durable = Change(due=0)
        for stream, there in observed.waiting.items():
            promise.streams[stream] = {
                number: Message(*seen[:4], durable, None, [(seen.deliveries, durable)] if seen.deliveries > 1 else [])
                for number, seen in there.items()
            }
            promise.next[stream] = observed.next[stream]
            promise.delivered[stream] = max(
                (number + 1 for number, seen in there.items() if seen.deliveries), default=0
            )
        return promise
