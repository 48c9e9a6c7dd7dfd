"""Pre-encoded frames: the few methods that a load needs, and blocks of messages of equal length.

Must not: touch a socket.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

METHOD, HEADER, BODY, END = 1, 2, 3, 0xCE
CHANNEL = 1
BASIC = 60
PERSISTENT = 2
CELERY_FLAGS = 0xFE00  # content type and encoding, headers, mode, priority, correlation id, reply-to
STAMP = struct.Struct(">QI")  # head of every body: when it was due (ns), and its number in the block
TAG = "bench"


def short(text: str) -> bytes:
    """A short string."""
    raw = text.encode()
    return bytes([len(raw)]) + raw


def long(raw: bytes) -> bytes:
    """A long string, or a table that is encoded already."""
    return struct.pack(">I", len(raw)) + raw


def table(values: dict[str, int]) -> bytes:
    """A table of 32-bit integers."""
    return long(b"".join(short(name) + b"I" + struct.pack(">i", value) for name, value in values.items()))


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


def celery_properties(number: int) -> bytes:
    """A persistent message's property list as Celery's tasks have it; equal length, and ids that only `number` has."""
    task_id = f"{number:08x}-5c1e-4a33-9d02-{number:012x}"
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


def block(exchange: str, keys: Sequence[str], heads: Sequence[bytes], size_bytes: int, count: int) -> bytes:
    """`count` messages in a row; keys and property lists take turns. All keys are of one length, so are the heads."""
    assert len({len(key) for key in keys}) == len({len(head) for head in heads}) == 1
    return b"".join(
        content(exchange, keys[at % len(keys)], heads[at % len(heads)], body(size_bytes, at)) for at in range(count)
    )


class Stride:
    """Layout of one delivery, the same for all deliveries of a load: offsets from its first byte, length in all."""

    def __init__(self, exchange: str, key: str, properties_bytes: int, size_bytes: int) -> None:
        self.method_at = 7
        self.tag_at = 7 + 4 + 1 + len(TAG)
        method_bytes = self.tag_at + 8 + 1 + 1 + len(exchange) + 1 + len(key) + 1
        self.body_at = method_bytes + 7 + 12 + properties_bytes + 1 + 7
        self.length = self.body_at + size_bytes + 1
