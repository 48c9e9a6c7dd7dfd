"""Reads a segment's records one after another, and finds the next whole one behind damage.

Must not: change anything; recovery and the offline tools do what is to be done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from storage.index import Stretch
from storage.record import (
    ALIGNMENT,
    CARRIED,
    ENTRY,
    GROUP,
    HEADER_BYTES,
    MAGIC,
    BadRecord,
    Header,
    check_payload,
    entry_sizes,
    entry_targets,
    read_header,
)


class Damage(NamedTuple):
    """Bytes `start..stop` of a segment that are no valid record, and why.

    `is_unfinished` says that they look like a write at the segment's end that was never finished: nothing of it was
    promised to anybody.
    """

    start: int
    stop: int
    why: str
    is_unfinished: bool = False


def scan(data: bytes, seed: int) -> Iterator[tuple[int, Header] | Damage]:
    """The records in `data` with where they start in it, a group before what it holds, and the damage between.

    Args: seed is the segment's nonce plus the offset at which `data` starts in the segment.
    """
    view = memoryview(data)
    at = 0
    while at < len(view):
        try:
            header = read_header(view, at, seed + at)
            check_payload(view, header)
            if header.is_nested:
                raise BadRecord("part of a group that is damaged")
            inner = list(_group(view, header, seed)) if header.kind == GROUP else []
        except BadRecord as error:
            stop = _next_record(data, view, at + 1, seed)
            yield Damage(at, stop, str(error), stop == len(view) and _is_unfinished(view, at, seed))
            at = stop
            continue
        yield at, header
        yield from inner
        at = header.end


def _is_unfinished(view: memoryview, at: int, seed: int) -> bool:
    """A record cut off by the file's end, or nothing but zeros there."""
    if len(view) - at < HEADER_BYTES or not any(view[at:]):
        return True
    try:
        return read_header(view, at, seed + at).end > len(view)
    except BadRecord:
        return False


def _group(view: memoryview, group: Header, seed: int) -> Iterator[tuple[int, Header]]:
    at = group.start
    while at < group.start + group.length:
        header = read_header(view, at, seed + at)
        if not header.is_nested or header.end > group.end or header.kind == GROUP:
            raise BadRecord("a group holds what is no part of it")
        yield at, header
        at = header.end


def _next_record(data: bytes, view: memoryview, at: int, seed: int) -> int:
    """The offset of the next whole record; the end where there is none."""
    while (at := data.find(MAGIC, at)) >= 0:
        if at % ALIGNMENT == 0:
            try:
                header = read_header(view, at, seed + at)
                if not header.is_nested:
                    check_payload(view, header)
                    return at
            except BadRecord:
                pass
        at += 1
    return len(data)


def index_records(data: bytes, nonce: int, start: int) -> tuple[Stretch, list[Damage]]:
    """The index of `data`, which starts at offset `start` of its segment, and the damage found."""
    stretch, damage = Stretch(start), list[Damage]()
    view = memoryview(data)
    for found in scan(data, nonce + start):
        if isinstance(found, Damage):
            damage.append(found._replace(start=found.start + start, stop=found.stop + start))
            continue
        at, header = found
        if header.kind in (ENTRY, CARRIED):
            targets, source, attempt = entry_targets(view, header)
            item_bytes = entry_sizes(view, header)[2] * header.item_count
            length = header.end - header.start + HEADER_BYTES
            stretch.add_entry(targets, header.item_count, at + start, length, item_bytes, source, attempt)
        elif header.kind != GROUP:
            stretch.control.append((header.kind, bytes(view[header.start : header.start + header.length])))
    stretch.stop = start + len(data)
    return stretch, damage
