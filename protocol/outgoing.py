"""Frames on their way out: small pieces copied into one buffer, large bodies kept beside it until all is joined.

Must not: know what a frame says, or when it is sent.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter

COPIED_BYTES_MAX: Final = 16 * 1024  # a larger piece is not copied into the buffer
KEPT_BYTES_MAX: Final = 4096  # a buffer that held no more is used again


class Outgoing:
    """What one connection is to send next. `writer` takes small pieces directly; `write` takes any."""

    __slots__ = ("_parts", "_parts_bytes", "writer")

    def __init__(self) -> None:
        self.writer = BytesWriter()
        self._parts: list[bytes] = []  # what stands before the writer
        self._parts_bytes = 0

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._parts_bytes + len(self.writer)

    def write(self, data: bytes) -> None:
        """Adds a piece of any size."""
        if len(data) <= COPIED_BYTES_MAX:
            self.writer.write(data)
            return
        self._part()
        self._parts.append(data)
        self._parts_bytes += len(data)

    def _part(self) -> None:
        data = self.writer.getvalue()
        self.writer = BytesWriter()
        self._parts.append(data)
        self._parts_bytes += len(data)

    def take(self) -> bytes:
        """Everything, in one piece; nothing is left."""
        if self._parts:
            self._part()
            parts, self._parts, self._parts_bytes = self._parts, [], 0
            return b"".join(parts)
        data = self.writer.getvalue()
        if len(data) <= KEPT_BYTES_MAX:
            self.writer.truncate(0)
        else:
            self.writer = BytesWriter()  # that one would stay as large as it is
        return data
