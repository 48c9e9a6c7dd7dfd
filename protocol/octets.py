"""Unsigned integers in network byte order, out of bytes. Must not: know what an integer means."""

from __future__ import annotations

from librt.strings import read_i16_be, read_i32_be, read_i64_be


def u16(data: bytes, pos: int) -> int:
    """The two octets at `pos`. Raises: IndexError where the bytes end before."""
    return int(read_i16_be(data, pos)) & 0xFFFF


def u32(data: bytes, pos: int) -> int:
    """The four octets at `pos`. Raises: IndexError where the bytes end before."""
    return int(read_i32_be(data, pos)) & 0xFFFFFFFF


def u64(data: bytes, pos: int) -> int:
    """The eight octets at `pos`. Raises: IndexError where the bytes end before."""
    return int(read_i64_be(data, pos)) & 0xFFFFFFFFFFFFFFFF
