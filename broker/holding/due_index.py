"""When what is due: two packed numbers for each held message, in order of time. Must not: know messages or clocks.

Blocks of sorted arrays instead of a heap: a heap of machine words would have to be kept in Python step by step, while
inserting here is a search and one move of at most 8 KiB; and whoever looks at what is held sees it in order.

Invariants
1. Entries (due_ms, key) are in order within a block and from block to block; no block is empty.
2. No entry is there twice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

BLOCK_MAX: Final = 1024  # entries of a block; a full one is cut in two

Entry = tuple[int, int]


class Block:
    """Entries `head..` of two arrays of equal length; those before `head` have been taken."""

    __slots__ = ("dues", "head", "keys")

    def __init__(self, dues: array[int], keys: array[int]) -> None:
        self.dues = dues
        self.keys = keys
        self.head = 0

    def first(self) -> Entry:
        """The lowest entry."""
        return self.dues[self.head], self.keys[self.head]

    def find(self, due_ms: int, key: int) -> int:
        """Where the entry is, or would be put."""
        low = bisect_left(self.dues, due_ms, self.head)
        high = bisect_right(self.dues, due_ms, low)
        return bisect_left(self.keys, key, low, high)

    def cut(self) -> Block:
        """Takes the upper half away; returns it."""
        middle = (self.head + len(self.dues)) // 2
        upper = Block(self.dues[middle:], self.keys[middle:])
        self.dues, self.keys, self.head = self.dues[self.head : middle], self.keys[self.head : middle], 0
        return upper


def _first(block: Block) -> Entry:
    return block.first()


class DueIndex:
    """Entries of a time in ms and a key, both below 2**63; about 20 bytes each."""

    __slots__ = ("_blocks", "_count")

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return len(self) > 0

    def first(self) -> Entry | None:
        """The entry that is due first; None where there is none."""
        return self._blocks[0].first() if self._blocks else None

    def _block_at(self, entry: Entry) -> int:
        """The last block that begins at or before an entry; the first where none does."""
        if entry >= self._blocks[-1].first():  # mostly
            return len(self._blocks) - 1
        return max(0, bisect_right(self._blocks, entry, key=_first) - 1)

    def add(self, due_ms: int, key: int) -> None:
        """Adds an entry that is not there."""
        self._count += 1
        if not self._blocks:
            self._blocks.append(Block(array("q", (due_ms,)), array("q", (key,))))
            return
        at = self._block_at((due_ms, key))
        block = self._blocks[at]
        place = block.find(due_ms, key)
        block.dues.insert(place, due_ms)
        block.keys.insert(place, key)
        if len(block.dues) > BLOCK_MAX:
            self._blocks.insert(at + 1, block.cut())

    def has(self, due_ms: int, key: int) -> bool:
        """Whether the entry is there."""
        if not self._blocks:
            return False
        block = self._blocks[self._block_at((due_ms, key))]
        place = block.find(due_ms, key)
        return place < len(block.dues) and block.dues[place] == due_ms and block.keys[place] == key

    def remove(self, due_ms: int, key: int) -> bool:
        """Takes an entry out; whether it was there."""
        if not self._blocks:
            return False
        at = self._block_at((due_ms, key))
        block = self._blocks[at]
        place = block.find(due_ms, key)
        if place >= len(block.dues) or block.dues[place] != due_ms or block.keys[place] != key:
            return False
        self._count -= 1
        if place == block.head:
            block.head += 1
        else:
            del block.dues[place]
            del block.keys[place]
        if block.head == len(block.dues):
            del self._blocks[at]
        return True

    def beyond(self, entry: Entry) -> Iterator[Entry]:
        """The entries above this one, in order; nothing may change meanwhile."""
        if not self._blocks:
            return
        at = self._block_at(entry)
        place = self._blocks[at].find(entry[0], entry[1])
        for block in self._blocks[at:]:
            for index in range(max(place, block.head), len(block.dues)):
                found = block.dues[index], block.keys[index]
                if found > entry:
                    yield found
            place = 0

    def page(self, skip: int, count: int) -> list[Entry]:
        """Up to `count` entries in order, after the first `skip`; the cost grows with the blocks before them."""
        found: list[Entry] = []
        for block in self._blocks:
            held = len(block.dues) - block.head
            if skip >= held:
                skip -= held
                continue
            low = block.head + skip
            high = min(len(block.dues), low + count - len(found))
            found += zip(block.dues[low:high], block.keys[low:high], strict=True)
            skip = 0
            if len(found) == count:
                break
        return found
