"""The Files of a test: a folder in memory whose power can be cut, whose disk fills up and whose calls fail.

It keeps apart what is on the medium and what was done since, for contents and names; a crash can be looked at without
ending the run, for `after_kill` and `after_power_cut` are copies. Must not: be kinder than a disk.

A power cut takes, keeps or garbles each sector that was not synced, in any order, and each name created or removed
since `sync_folder`. A kill takes nothing, and makes nothing durable.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from storage.files import File
from tests.support.inode import GARBAGE_BYTES_MAX, Inode, Luck, Write

WRITE: Final = "write"
SYNC: Final = "sync"
TRUNCATE: Final = "truncate"
CREATE: Final = "create"
REMOVE: Final = "remove"
RENAME: Final = "rename"
SYNC_FOLDER: Final = "sync_folder"
READ: Final = "read"  # reaches no medium: it can fail, but is not counted
MAP: Final = "map"  # counted when it makes the file or lets it grow


class PowerCut(BaseException):
    """The power is gone: nothing reaches the disk any more, and no handler should go on as if it did."""


class Call(NamedTuple):
    """A call that reaches the disk; `is_torn` in the middle of a write."""

    number: int
    kind: str
    name: str
    size: int
    is_torn: bool = False


@dataclass
class _Fault:
    kind: str
    name_part: str
    calls_left: int
    code: int
    are_pages_kept: bool


class FaultyFile:
    """An open file of FaultyFiles."""

    def __init__(self, files: FaultyFiles, name: str, inode: Inode) -> None:
        self._files, self._name, self._inode = files, name, inode
        self._is_open = True

    def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """As File; the tear of a power cut, the end of the room or a fault may leave a part of it."""
        self._check()
        self._files.write(self._name, self._inode, offset, b"".join(chunks))

    def read(self, offset: int, size: int) -> bytes:
        """As File."""
        self._check()
        self._files.reading(self._name)
        return bytes(self._inode.seen[offset : offset + size])

    def size(self) -> int:
        """As File."""
        self._check()
        return len(self._inode.seen)

    def sync(self) -> None:
        """As File; one that fails has lost what it should have made durable, and the next one knows nothing of it."""
        self._check()
        self._sync(self._inode.sync)

    def _sync(self, sync: Callable[[], None]) -> None:
        fault = self._files.called(SYNC, self._name)
        if fault is not None:
            self._inode.lose(fault.are_pages_kept)
            raise OSError(fault.code, os.strerror(fault.code), self._name)
        sync()

    def write_and_sync(self, offset: int, chunks: Sequence[bytes]) -> None:
        """As File: what else was written to the file is no more durable than before."""
        self.write(offset, chunks)
        self._sync(lambda: self._inode.sync_range(offset, sum(map(len, chunks))))

    def truncate(self, size: int) -> None:
        """As File."""
        self._check()
        self._files.raise_fault(self._files.called(TRUNCATE, self._name, size), self._name)
        self._inode.truncate(size)

    def close(self) -> None:
        """As File."""
        if not self._files.is_off:  # whoever tidies up after a power cut may do so
            self._check()
        if self._is_open:
            self._is_open = False
            self._files.open_files -= 1

    def _check(self) -> None:
        self._files.check_power()
        if not self._is_open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._name)


class FaultyFiles:
    """A folder in memory.

    `calls` counts what reaches the disk; `on_call` sees each such call before it is done, and each write once more
    when a part of it is done. `room_bytes` is what all files together may have; None is no limit.
    """

    def __init__(self) -> None:
        self._names: dict[str, Inode] = {}
        self._past: dict[str, list[Inode | None]] = {}  # by name: what it stood for, first the durable state
        self._removed: list[Inode] = []
        self._faults: list[_Fault] = []
        self._cut: tuple[int, int] | None = None
        self.calls = 0
        self.trace: list[Call] = []
        self.on_call: Callable[[Call], None] | None = None
        self.room_bytes: int | None = None
        self.is_off = False
        self.open_files = 0

    # ---- Files

    def names(self) -> list[str]:
        """As Files."""
        self.check_power()
        return sorted(self._names)

    def create(self, name: str) -> File:
        """As Files; without any room it fails."""
        fault = self.called(CREATE, name)
        self.raise_fault(fault, name)
        if name in self._names:
            self._names[name].truncate(0)
        else:
            if self._room() == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
            self._rename(name, Inode())
        return self.open(name)

    def open(self, name: str) -> File:
        """As Files."""
        self.check_power()
        if name not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        self.open_files += 1
        return FaultyFile(self, name, self._names[name])

    def remove(self, name: str) -> None:
        """As Files."""
        self.raise_fault(self.called(REMOVE, name), name)
        if name in self._names:
            self._removed.append(self._names[name])
            self._rename(name, None)

    def rename(self, name: str, to: str) -> None:
        """As Files; a power cut may leave the file under both names or neither, as no system would."""
        self.raise_fault(self.called(RENAME, name), name)
        inode = self._names.get(name)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        self._rename(to, inode)
        self._rename(name, None)

    def sync_folder(self) -> None:
        """As Files."""
        self.raise_fault(self.called(SYNC_FOLDER, ""), "")
        self._past.clear()

    def map(self, name: str, size: int) -> memoryview:
        """As Files; its stores are not counted, and survive a kill."""
        self.check_power()
        inode = self._names.get(name)
        growth = size - (0 if inode is None else len(inode.seen))
        if growth > 0:
            self.raise_fault(self.called(MAP, name, growth), name)
            if growth > (room := self._room()) >= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name, room)
        if inode is None:
            inode = Inode()
            self._rename(name, inode)
        return inode.map(size)

    # ---- what goes wrong

    def cut_at(self, call: int, prefix_bytes: int = 0) -> None:
        """Raises PowerCut at that call, before anything of it is done, or when so many bytes of a write are."""
        self._cut = (call, prefix_bytes)

    def cut(self) -> None:
        """Cuts the power now."""
        frozen = self._copies()
        self._names, self._past, self._removed = frozen
        self.is_off = True

    def fail(
        self, kind: str, nth: int = 1, code: int = errno.EIO, name_part: str = "", are_pages_kept: bool = False
    ) -> None:
        """Lets the `nth` call of that kind from now on fail once, counting only files with `name_part` in their name.

        A failed write has done a part of it; a failed sync loses what was to be synced, and reads show the loss unless
        `are_pages_kept`.
        """
        self._faults.append(_Fault(kind, name_part, nth, code, are_pages_kept))

    def write_back(self, seed: int) -> None:
        """The system has written some of what was not synced on its own."""
        luck = Luck(seed)
        luck.garble = 0.0
        for inode in self._names.values():
            inode.durable = inode.after_power_cut(luck)

    def after_kill(self) -> FaultyFiles:
        """The folder as the next process finds it, were this one killed now; what was not synced still is not."""
        other = FaultyFiles()
        other._names, other._past, other._removed = self._copies()
        other.room_bytes = self.room_bytes
        return other

    def after_power_cut(self, seed: int) -> FaultyFiles:
        """The folder as the next start finds it, were the power cut now; see `Luck` for the seed."""
        luck = Luck(seed)
        old = b"".join(inode.durable for inode in [*self._removed, *self._names.values()])
        luck.old_content = old[-GARBAGE_BYTES_MAX:]
        other = FaultyFiles()
        other.room_bytes = self.room_bytes
        for name in sorted({*self._names, *self._past}):
            states = [*self._past.get(name, []), self._names.get(name)]
            inode = states[luck.state(len(states))]
            if inode is not None:
                other._names[name] = Inode(inode.after_power_cut(luck))
        return other

    # ---- for looking at and spoiling a folder at rest

    def content(self, name: str) -> bytes:
        """What a file holds."""
        return bytes(self._names[name].seen)

    def put(self, name: str, content: bytes) -> None:
        """Makes a file hold that, durably, and uncounted."""
        self._names[name] = Inode(content)
        self._past.pop(name, None)

    def used_bytes(self) -> int:
        """What all files together have."""
        return sum(len(inode.seen) for inode in self._names.values())

    # ---- for FaultyFile

    def check_power(self) -> None:
        """Raises PowerCut once it was cut."""
        if self.is_off:
            raise PowerCut

    def reading(self, name: str) -> None:
        """A read is about to be done."""
        self.raise_fault(self._fault(READ, name), name)

    def called(self, kind: str, name: str, size: int = 0) -> _Fault | None:
        """Counts a call, cuts the power at it if it is the one, and returns the fault it shall have."""
        self.check_power()
        self.calls += 1
        call = Call(self.calls, kind, name, size)
        self.trace.append(call)
        if self.on_call is not None:
            self.on_call(call)
        if self._cut is not None and self.calls == self._cut[0] and (kind != WRITE or not self._cut[1]):
            self.cut()
            raise PowerCut
        return self._fault(kind, name)

    def raise_fault(self, fault: _Fault | None, name: str) -> None:
        """Raises the OSError of a fault, if there is one."""
        if fault is not None:
            raise OSError(fault.code, os.strerror(fault.code), name)

    def write(self, name: str, inode: Inode, offset: int, data: bytes) -> None:
        """A write, or as much of it as comes to be done."""
        fault = self.called(WRITE, name, len(data))
        done, code = len(data), 0
        if fault is not None:
            done, code = len(data) // 2, fault.code
        if (room := self._room()) >= 0 and (fits := max(0, room + len(inode.seen) - offset)) < done:
            done, code = fits, errno.ENOSPC
        if self._cut is not None and self.calls == self._cut[0]:
            self._tear(inode, offset, data, self._cut[1])
        self._write_in_two(name, inode, offset, data[:done])
        if code:
            raise OSError(code, os.strerror(code), name)

    # ---- inside

    def _tear(self, inode: Inode, offset: int, data: bytes, prefix_bytes: int) -> None:
        """A kill leaves the first bytes; of what a power cut leaves of the write those need not be the first."""
        inode.write(offset, data[:prefix_bytes])
        inode.pending[-1] = Write(offset, data)
        self.cut()
        raise PowerCut

    def _write_in_two(self, name: str, inode: Inode, offset: int, data: bytes) -> None:
        if self.on_call is not None and len(data) > 1:
            part = Random(self.calls).randrange(1, len(data))
            inode.write(offset, data[:part])
            self.on_call(Call(self.calls, WRITE, name, part, True))
            offset, data = offset + part, data[part:]
        if data:
            inode.write(offset, data)

    def _fault(self, kind: str, name: str) -> _Fault | None:
        for fault in self._faults:
            if fault.kind == kind and fault.name_part in name:
                fault.calls_left -= 1
                if fault.calls_left == 0:
                    self._faults.remove(fault)
                    return fault
        return None

    def _room(self) -> int:
        """Bytes that are left; -1 where there is no limit."""
        return -1 if self.room_bytes is None else max(0, self.room_bytes - self.used_bytes())

    def _rename(self, name: str, inode: Inode | None) -> None:
        states = self._past.setdefault(name, [])
        states.append(self._names.get(name))
        if inode is None:
            del self._names[name]
        else:
            self._names[name] = inode

    def _copies(self) -> tuple[dict[str, Inode], dict[str, list[Inode | None]], list[Inode]]:
        copies: dict[int, Inode] = {}

        def copied(inode: Inode) -> Inode:
            return copies.setdefault(id(inode), inode.copy())

        return (
            {name: copied(inode) for name, inode in self._names.items()},
            {name: [None if one is None else copied(one) for one in states] for name, states in self._past.items()},
            [copied(inode) for inode in self._removed],
        )
