"""Pre-encoded frames: the few methods that a load needs, and blocks of messages of equal length.

Must not: touch a socket.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

METHOD, HEADER, BODY, END = 1, 2, 3, 0xCE
CHANNEL = 1
BASIC = 60
PERSISTENT = 2
CELERY_FLAGS = 0xFE00  # content type and encoding, headers, mode, priority, correlation id, reply-to
STAMP = struct.Struct(">QI")  # head of every body: when it was due (ns), and its number in the block
TAG = "bench"
TURN_DIGITS = 4  # of a block's turn, in the ids of its messages
TURNS = 16**TURN_DIGITS
LATER = 0x1111  # a turn that differs from the first one in every digit


def short(text: str) -> bytes:
    """A short string."""
    raw = text.encode()
    return bytes([len(raw)]) + raw


def long(raw: bytes) -> bytes:
    """A long string, or a table that is encoded already."""
    return struct.pack(">I", len(raw)) + raw


def table(values: Mapping[str, int | str]) -> bytes:
    """A table of texts and 32-bit integers."""
    return long(b"".join(short(name) + _field(value) for name, value in values.items()))


def _field(value: int | str) -> bytes:
    return b"S" + long(value.encode()) if isinstance(value, str) else b"I" + struct.pack(">i", value)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Any frame."""
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes([END])


def method(class_id: int, method_id: int, arguments: bytes = b"", channel: int = CHANNEL) -> bytes:
    """A method frame."""
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


def content(exchange: str, key: str, properties: bytes, body: bytes) -> bytes:
    """basic.publish with its header and one body frame; `properties` begin with their flags."""
    publish = method(BASIC, 40, b"\0\0" + short(exchange) + short(key) + b"\0")
    header = frame(HEADER, CHANNEL, struct.pack(">HHQ", BASIC, 0, len(body)) + properties)
    return publish + header + frame(BODY, CHANNEL, body)


def properties(persistent: bool, priority: int | None = None, message_id: str = "") -> bytes:
    """Flags and values of delivery-mode (always), priority and message-id (where given)."""
    flags = 0x1000 | (0x0800 if priority is not None else 0) | (0x0080 if message_id else 0)
    values = bytes([PERSISTENT if persistent else 1]) + (bytes([priority]) if priority is not None else b"")
    values += short(message_id) if message_id else b""
    return struct.pack(">H", flags) + values


def celery_properties(number: int, turn: int = 0) -> bytes:
    """A persistent message's property list as Celery's tasks have it; equal length, and ids that only it has.

    Args: `number`: in its block; `turn`: of its block, see `Block`.
    """
    task_id = f"{turn:04x}{number:04x}-5c1e-4a33-9d02-{number:012x}"
    texts = {"lang": "py", "task": "shop.orders.send_receipt", "id": task_id, "root_id": task_id}
    texts |= {"argsrepr": f"({number:08}, 'en')", "kwargsrepr": "{}", "origin": "gen4711@web-1"}
    fields = b"".join(short(name) + b"S" + long(text.encode()) for name, text in texts.items())
    fields += b"".join(short(name) + b"V" for name in ("shadow", "eta", "expires", "group", "group_index", "parent_id"))
    fields += short("retries") + b"I\0\0\0\0" + short("timelimit") + b"A" + long(b"VV")
    values = short("application/json") + short("utf-8") + long(fields) + bytes([PERSISTENT, 0])
    return struct.pack(">H", CELERY_FLAGS) + values + short(task_id) + short("0b71c6a5-77d5-3a3e-8a5f-6b7f0c7f5e11")


def body(size_bytes: int, number: int, due_ns: int = 0) -> bytes:
    """A body of `size_bytes` (at least the stamp's) that begins with its stamp."""
    return STAMP.pack(due_ns, number).ljust(size_bytes, b"x")


class Block:
    """Messages of equal length, to be sent over and over.

    Args: `heads`: property lists; they take turns, and so do the keys. `later_heads`: the same lists in turn 0x1111:
    the bytes in which they differ are the turn's four hexadecimal digits, and `renew` writes the next one's there.
    """

    def __init__(
        self, exchange: str, keys: Sequence[str], heads: Sequence[bytes], size_bytes: int, count: int,
        later_heads: Sequence[bytes] = (),
    ) -> None:  # fmt: skip
        assert len({len(key) for key in keys}) == len({len(head) for head in (*heads, *later_heads)}) == 1
        self.count = count
        self.raw = bytearray(
            b"".join(content(exchange, keys[at % len(keys)], heads[at % len(heads)], body(size_bytes, at))
                     for at in range(count))
        )  # fmt: skip
        self.message_bytes = len(self.raw) // count
        self._turn = 0
        self._digits_at = _digits_at(exchange, keys[0], heads[0], later_heads[0]) if later_heads else []

    def renew(self) -> None:
        """Begins the next turn: every message gets an id that none before it had."""
        before, self._turn = self._turn, (self._turn + 1) % TURNS
        digits = zip(f"{before:04x}".encode(), f"{self._turn:04x}".encode(), strict=True)
        changed = {at: digit for at, (old, digit) in enumerate(digits) if old != digit}
        for number, at in enumerate(self._digits_at):
            if (digit := changed.get(number % TURN_DIGITS)) is not None:
                self.raw[at :: self.message_bytes] = bytes([digit]) * self.count


def _digits_at(exchange: str, key: str, head: bytes, later: bytes) -> list[int]:
    one, other = content(exchange, key, head, b""), content(exchange, key, later, b"")
    return [at for at, (left, right) in enumerate(zip(one, other, strict=True)) if left != right]


class Stride:
    """Layout of one delivery, the same for all deliveries of a load: offsets from its first byte, length in all."""

    def __init__(self, exchange: str, key: str, properties_bytes: int, size_bytes: int) -> None:
        self.method_at = 7
        self.tag_at = 7 + 4 + 1 + len(TAG)
        method_bytes = self.tag_at + 8 + 1 + 1 + len(exchange) + 1 + len(key) + 1
        self.body_at = method_bytes + 7 + 12 + properties_bytes + 1 + 7
        self.length = self.body_at + size_bytes + 1
