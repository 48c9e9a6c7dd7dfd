"""A log's records as objects for JSON, in plain field names. Must not: read files, or leave anything out unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from broker.offline.messages import base64_text, describe_body, describe_head, describe_held, iso_time
from broker.offline.names import QueueNames
from broker.queues.levels import LEVEL_BITS
from storage.inspect import Record, why_malformed
from storage.ranges import RangeSet
from storage.record import (
    CARRIED,
    CLEAN,
    COUNTED_RANGE,
    DELIVERED,
    DROPPED,
    ENTRY,
    GROUP,
    KINDS,
    RANGE,
    SETTLED,
    SNAPSHOT,
    STREAM,
)
from storage.scan import Damage
from storage.segment import log_name
from storage.snapshot import StreamState

Line = dict[str, Any]


class Lines:
    """Turns records into lines; one queue's only, where that is asked for."""

    def __init__(self, names: QueueNames, has_bodies: bool, queue_number: int | None) -> None:
        self._names = names
        self._has_bodies = has_bodies
        self._queue_number = queue_number

    def damage(self, base: int, damage: Damage) -> Line:
        """Damage, which may have been anybody's."""
        return {
            "position": base + damage.start, "segment": log_name(base), "offset": damage.start, "kind": "damage",
            "bytes": damage.stop - damage.start, "why": damage.why,
        }  # fmt: skip

    def record(self, record: Record) -> Line | None:
        """A record; None where it says nothing of the queue that is asked for."""
        kind = record.header.kind
        line: Line = {
            "position": record.position, "segment": log_name(record.segment.base), "offset": record.offset,
            "kind": KINDS[kind], "bytes": record.size,
        }  # fmt: skip
        if record.group:
            line["group"] = record.group
        if why := why_malformed(record):
            return {**line, "malformed": why, "payload": base64_text(record.payload())}
        facts = _FACTS[kind](self, record)
        return None if facts is None else {**line, **facts}

    # ---- each kind

    def entry(self, record: Record) -> Line | None:
        """Messages, and the streams that took them."""
        entry = record.entry()
        if not any(self._is_asked_for(stream) for stream, _, _ in entry.targets):
            return None
        count = record.header.item_count
        facts: Line = {"count": count, "streams": [
            {**self._names.describe(stream), "first": first, "last": first + count - 1, **_time("expires", expires_ms)}
            for stream, first, expires_ms in entry.targets
        ]}  # fmt: skip
        if record.header.kind == CARRIED:
            facts["source"] = log_name(entry.source)
            facts["attempt"] = entry.attempt
        facts |= _time("stamp", entry.stamp_ms)
        held = any(self._names.is_held(stream) for stream, _, _ in entry.targets)
        facts |= describe_held(entry.head) if held else describe_head(entry.head)
        facts["bodies"] = [describe_body(body, self._has_bodies) for body in entry.items]
        return facts

    def settled(self, record: Record) -> Line | None:
        """Ranges of messages that are not needed any more."""
        return self._rows((stream, {"first": first, "last": stop - 1, "count": stop - first})
                          for stream, first, stop in RANGE.iter_unpack(record.payload()))  # fmt: skip

    def delivered(self, record: Record) -> Line | None:
        """Ranges of messages that were delivered again."""
        return self._rows((stream, {"first": first, "last": stop - 1, "count": stop - first, "deliveries": times})
                          for stream, first, stop, times in COUNTED_RANGE.iter_unpack(record.payload()))  # fmt: skip

    def dropped(self, record: Record) -> Line | None:
        """Streams that have ended."""
        return self._rows((stream, {}) for (stream,) in STREAM.iter_unpack(record.payload()))

    def snapshot(self, record: Record) -> Line | None:
        """What was known of every stream, with what is settled in numbers."""
        facts = self._rows((state.id, _state(state)) for state in record.states())
        return {"streams": []} if facts is None and self._queue_number is None else facts

    def group(self, record: Record) -> Line | None:
        """The parts follow, each with this record's position as its `group`."""
        return {"parts": record.header.item_count} if self._queue_number is None else None

    def _rows(self, rows: Iterator[tuple[int, Mapping[str, object]]]) -> Line | None:
        asked_for = [{**self._names.describe(stream), **facts} for stream, facts in rows if self._is_asked_for(stream)]
        return {"streams": asked_for} if asked_for else None

    def _is_asked_for(self, stream: int) -> bool:
        return self._queue_number is None or stream >> LEVEL_BITS == self._queue_number


def _time(name: str, time_ms: int) -> Line:
    return {f"{name}_ms": time_ms, name: iso_time(time_ms) if time_ms else None}


def _state(state: StreamState) -> Line:
    return {
        "next": state.next, "delivered_before": state.delivered, "may_expire": state.may_expire,
        "settled": _count(state.settled), "settled_ranges": len(state.settled), "redelivered": len(state.deliveries),
    }  # fmt: skip


def _count(ranges: RangeSet) -> int:
    return sum(stop - first for first, stop in ranges)


_FACTS: Final[dict[int, Callable[[Lines, Record], Line | None]]] = {
    ENTRY: Lines.entry, CARRIED: Lines.entry, SETTLED: Lines.settled, DELIVERED: Lines.delivered,
    DROPPED: Lines.dropped, SNAPSHOT: Lines.snapshot, CLEAN: Lines.snapshot, GROUP: Lines.group,
}  # fmt: skip
