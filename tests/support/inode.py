"""One file of a test disk: what is on the medium, what was written since, and what a power cut leaves of both.

Must not: know names, or count calls.
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

SECTOR_BYTES: Final = 512
ZEROS_BYTES_MAX: Final = 4096  # how far a power cut may leave a file longer than it ever was
GARBAGE_BYTES_MAX: Final = 8192  # of old content, to garble with


class Write(NamedTuple):
    """A write since the last sync."""

    offset: int
    data: bytes


class Cut(NamedTuple):
    """A truncation since the last sync."""

    size: int


class Luck:
    """What a power cut does, by seed: 0 loses all that was not synced, 1 keeps it, any other is a mixture."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.is_mixed = seed > 1
        self.keep = (0.0, 1.0)[seed] if seed <= 1 else self._random.choice((0.2, 0.5, 0.8, 0.95))
        self.garble = 0.0 if seed <= 1 else self._random.choice((0.0, 0.1, 0.4))
        self.old_content = b""  # what freed sectors may still hold

    def keeps(self) -> bool:
        """Whether the next sector, truncation or name has reached the medium."""
        return self._random.random() < self.keep

    def state(self, count: int) -> int:
        """Which of so many states of a name, in order of time, is the one on the medium."""
        return self._random.randrange(count) if self.is_mixed else int(self.keep) * (count - 1)

    def sector(self, data: bytes) -> bytes:
        """A sector that was being written, as it is found; mostly as it was meant."""
        if self._random.random() >= self.garble:
            return data
        kind = self._random.randrange(3)
        if kind == 0:
            return bytes(len(data))
        if kind == 1 and len(self.old_content) > len(data):
            at = self._random.randrange(len(self.old_content) - len(data))
            return self.old_content[at : at + len(data)]
        return self._random.randbytes(len(data))

    def length(self, durable: int, kept: int, seen: int) -> int:
        """A file's length, which may have reached the medium without its sectors, or they without it."""
        if not self.is_mixed:
            return kept
        further = seen + self._random.randrange(ZEROS_BYTES_MAX)
        return self._random.choice((kept, kept, kept, durable, self._random.randint(0, kept), seen, seen, further))


class Inode:
    """A file without its name. `durable` is on the medium; `seen` is what reads and mapped memory show."""

    __slots__ = ("durable", "is_mapped", "pending", "seen")

    def __init__(self, content: bytes = b"") -> None:
        self.durable = content
        self.seen = bytearray(content)
        self.pending: list[Write | Cut] = []
        self.is_mapped = False

    def copy(self) -> Inode:
        """The same, to go another way; nothing of the memory mapped from the original is shared."""
        other = Inode()
        other.durable, other.seen = self.durable, bytearray(self.seen)
        other.pending, other.is_mapped = list(self.pending), self.is_mapped
        return other

    def write(self, offset: int, data: bytes) -> None:
        """Puts bytes where reads see them."""
        _put(self.seen, offset, data)
        self.pending.append(Write(offset, data))

    def truncate(self, size: int) -> None:
        """Cuts what reads see, or extends it with zeros."""
        _resize(self.seen, size)
        self.pending.append(Cut(size))

    def map(self, size: int) -> memoryview:
        """Its first bytes as memory; a view of the time before it grew is not the file any more."""
        if len(self.seen) < size:
            self.seen = self.seen + bytes(size - len(self.seen))
            self.pending.append(Write(size - 1, b"\0"))
        self.is_mapped = True
        return memoryview(self.seen)[:size]

    def sync(self) -> None:
        """Everything seen is on the medium now."""
        self.durable = bytes(self.seen)
        self.pending.clear()

    def sync_range(self, offset: int, size: int) -> None:
        """These bytes, and the file's length up to there, are on the medium now; the rest is as it was."""
        durable = bytearray(self.durable)
        for change in self.pending:
            if isinstance(change, Cut):
                _resize(durable, change.size)
        _put(durable, offset, self.seen[offset : offset + size])
        self.durable = bytes(durable)
        self.pending = [
            change
            for change in self.pending
            if isinstance(change, Write)
            and not offset <= change.offset <= change.offset + len(change.data) <= offset + size
        ]

    def lose(self, are_pages_kept: bool) -> None:
        """A sync has failed: nothing is dirty any more, and reads show what the medium has, or what it has not."""
        self.pending.clear()
        if not are_pages_kept and not self.is_mapped:
            self.seen = bytearray(self.durable)

    def after_power_cut(self, luck: Luck) -> bytes:
        """What the medium holds when the power is cut now."""
        content = bytearray(self.durable)
        for change in self.pending:
            if isinstance(change, Cut):
                if luck.keeps():
                    _resize(content, change.size)
            else:
                _put_some(content, change.offset, change.data, luck)
        if self.is_mapped:
            self._put_mapped(content, luck)
        if self.pending:
            _resize(content, self._length(content, luck))
        return bytes(content)

    def _length(self, content: bytearray, luck: Luck) -> int:
        """Never shorter than what is durable, unless it was cut since."""
        least = min([len(self.durable), *(change.size for change in self.pending if isinstance(change, Cut))])
        return max(least, luck.length(len(self.durable), len(content), len(self.seen)))

    def _put_mapped(self, content: bytearray, luck: Luck) -> None:
        for at in range(0, len(self.seen), SECTOR_BYTES):
            sector = bytes(self.seen[at : at + SECTOR_BYTES])
            if sector != content[at : at + SECTOR_BYTES] and luck.keeps():
                _put(content, at, sector)


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _put_some(content: bytearray, offset: int, data: bytes, luck: Luck) -> None:
    """Each sector of a write on its own; of one that is shared with earlier bytes only what was written now."""
    at = offset
    while at < offset + len(data):
        stop = min(offset + len(data), (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if luck.keeps():
            _put(content, at, luck.sector(data[at - offset : stop - offset]))
        at = stop
