"""Finds the entries of streams in a segment, by its index or, where that is damaged, by its records, and reads them.

Must not: be called from the loop where it reads files; loading and compaction hand it to the reader.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import chain
from typing import Final, NamedTuple

from storage.files import Files
from storage.index import BadIndex, Stretch, Summary, Table, read_blocks, read_table
from storage.scan import index_records
from storage.segment import HEAD_BYTES, BadSegment, decode_head, index_name, log_name
from storage.space import Indexed

Wanted = Callable[[int, int, int], bool]  # stream, source, attempt
GAP_BYTES_MAX: Final = 32 * 1024  # between two records that are still read in one go
PASSED_MAX: Final = 32  # places without a message that is needed, one after another; then their end is searched


class Place(NamedTuple):
    """Where an entry stands in its segment, and which of a stream's messages it has."""

    offset: int
    length: int
    first: int
    stop: int


def read_tables(files: Files, indexed: Indexed, wanted: Wanted) -> list[Table]:
    """The wanted tables of what of a segment is indexed, in order of their stretches."""
    base, index_bytes, _ = indexed
    if not index_bytes:
        return []
    try:
        file = files.open(index_name(base))
    except FileNotFoundError:
        return _rebuilt(files, indexed, wanted)
    try:
        covered, found = 0, list[Summary]()
        for block in read_blocks(file, base):
            if block.end > index_bytes:
                break
            covered = block.end
            found += [one for one in block.tables if wanted(one.stream, one.source, one.attempt)]
        if covered < index_bytes:
            return _rebuilt(files, indexed, wanted)
        return [read_table(file, one) for one in found]
    except BadIndex:
        return _rebuilt(files, indexed, wanted)
    finally:
        file.close()


def rebuild_index(files: Files, base: int, stop: int) -> Stretch:
    """The index of a segment up to an offset, from its records. Raises: BadIndex where the segment is unreadable."""
    try:
        file = files.open(log_name(base))
        try:
            nonce, _ = decode_head(file.read(0, HEAD_BYTES), base)
            return index_records(file.read(HEAD_BYTES, stop - HEAD_BYTES), nonce, HEAD_BYTES)[0]
        finally:
            file.close()
    except BadSegment as error:
        raise BadIndex(str(error)) from None


def _rebuilt(files: Files, indexed: Indexed, wanted: Wanted) -> list[Table]:
    tables = rebuild_index(files, indexed.base, indexed.stop).tables
    return [table for key, table in tables.items() if wanted(*key)]


def places(pieces: list[Table], first: int, stop: int) -> Iterator[Place]:
    """The entries that have messages of `first..stop`, in order of their numbers."""
    found = [_places(table, first, stop) for table in pieces if table.first < stop and table.stop > first]
    if any(table.source for table in pieces):  # copies stand in no order of pieces
        return merge(*found, key=_number)
    return chain.from_iterable(found)


def needed_places(pieces: list[Table], first: int, stop: int, next_gap: Callable[[int], int]) -> Iterator[Place]:
    """Those of `places` that have a message which is not settled; next_gap finds the first such number from one on."""
    while first < stop:
        gap = first  # what is between `first` and here is settled
        passed = 0
        for place in places(pieces, first, stop):
            if place.stop > gap:
                gap = max(gap, next_gap(max(first, place.first)))
                if gap < place.stop:
                    yield place
                    passed = 0
                    continue
            passed += 1
            if passed == PASSED_MAX:
                break
        else:
            return
        first = gap


def _number(place: Place) -> int:
    return place.first


def _places(table: Table, first: int, stop: int) -> Iterator[Place]:
    table.sort()
    at = max(0, bisect_right(table.firsts, first) - 1)
    while at < len(table.firsts) and table.firsts[at] < stop:
        end = table.firsts[at] + table.counts[at]
        if end > first:
            yield Place(table.offsets[at], table.lengths[at], table.firsts[at], end)
        at += 1


class ReadPart:
    """Records that are read in one go."""

    __slots__ = ("data", "places", "start", "stop")

    def __init__(self, place: Place) -> None:
        self.start = place.offset
        self.stop = place.offset + place.length
        self.places = [place]
        self.data = b""

    def takes(self, place: Place) -> bool:
        """Adds a record that is near enough."""
        if not 0 <= place.offset - self.stop <= GAP_BYTES_MAX:
            return False
        self.stop = place.offset + place.length
        self.places.append(place)
        return True


def parts_of(found: list[Place]) -> list[ReadPart]:
    """Puts records that stand near one another together."""
    result: list[ReadPart] = []
    for place in found:
        if not result or not result[-1].takes(place):
            result.append(ReadPart(place))
    return result


def read_parts(files: Files, base: int, wanted: list[ReadPart]) -> None:
    """Reads the bytes. Raises: OSError."""
    file = files.open(log_name(base))
    try:
        for part in wanted:
            part.data = file.read(part.start, part.stop - part.start)
    finally:
        file.close()
