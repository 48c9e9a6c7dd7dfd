"""What indexes say of extents to which scattered reads keep coming back. Must not: read an index, or know who asks."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from storage.index import Table
from storage.space import Extent

ENTRIES_MAX: Final = 2**20  # of 20 bytes: those of a million messages that are all different


class IndexCache:
    """Tables by extent; where there are too many entries, those go that were asked for longest ago."""

    __slots__ = ("_entries", "_entries_max", "_known")

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries_max = entries_max
        self._known: OrderedDict[Extent, tuple[list[Table], int]] = OrderedDict()
        self._entries = 0

    def get(self, extent: Extent, index_bytes: int) -> list[Table] | None:
        """What so many bytes of an index say of an extent, where that is known."""
        found = self._known.get(extent)
        if found is None or found[1] != index_bytes:
            return None
        self._known.move_to_end(extent)
        return found[0]

    def put(self, extent: Extent, tables: list[Table], index_bytes: int) -> None:
        """Remembers what an index says, unless it is too much by itself."""
        self.forget(extent)
        entries = _count(tables)
        if entries > self._entries_max:
            return
        self._known[extent] = (tables, index_bytes)
        self._entries += entries
        while self._entries > self._entries_max:
            _, (gone, _) = self._known.popitem(last=False)
            self._entries -= _count(gone)

    def forget(self, extent: Extent) -> None:
        """What was known of an extent is not true any more."""
        found = self._known.pop(extent, None)
        if found is not None:
            self._entries -= _count(found[0])


def _count(tables: list[Table]) -> int:
    return sum(len(table.firsts) for table in tables)
