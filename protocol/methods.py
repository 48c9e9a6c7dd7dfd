"""Every method but the hot ones, through pamqp: arguments checked and decoded, answers encoded.

Must not: be on a message's way.
"""

from __future__ import annotations

from struct import error as struct_error
from typing import ClassVar, Final

from pamqp import base, commands
from pamqp.frame import marshal

from protocol.commands import Method
from protocol.constants import COMMAND_INVALID, FRAME_ERROR, SYNTAX_ERROR, octets
from protocol.errors import ConnectionException
from protocol.tables import TableTooLarge, walk_table


class AccessRequest(base.Frame):
    """access.request: obsolete, still sent by some old clients. Spec: AMQP 0-8, 1.3.1."""

    __slots__: ClassVar[list[str]] = ["realm", "exclusive", "passive", "active", "write", "read"]
    frame_id: ClassVar[int] = 10
    index: ClassVar[int] = 0x001E000A
    name: ClassVar[str] = "Access.Request"
    _realm = "shortstr"
    _exclusive = _passive = _active = _write = _read = "bit"


class AccessRequestOk(base.Frame):
    """access.request-ok: a ticket that means nothing."""

    __slots__: ClassVar[list[str]] = ["ticket"]
    frame_id: ClassVar[int] = 11
    index: ClassVar[int] = 0x001E000B
    name: ClassVar[str] = "Access.RequestOk"
    _ticket = "short"

    def __init__(self, ticket: int) -> None:
        self.ticket = ticket


# class id << 16 | method id → pamqp's class
METHODS: Final[dict[int, type[base.Frame]]] = {**commands.INDEX_MAPPING, AccessRequest.index: AccessRequest}

_CLIENT_METHODS: Final[dict[int, tuple[int, ...]]] = {
    10: (11, 21, 31, 40, 50, 51, 70), 20: (10, 20, 40, 41), 30: (10,), 40: (10, 20, 30, 40),
    50: (10, 20, 30, 40, 50), 60: (10, 20, 30, 40, 70, 80, 90, 100, 110, 120), 85: (10,), 90: (10, 20, 30),
}  # fmt: skip
# what a client may send; everything else is for servers only
FROM_CLIENTS: Final = frozenset(c << 16 | m for c, methods in _CLIENT_METHODS.items() for m in methods)


def decode_method(channel: int, index: int, arguments: bytes) -> Method:
    """A method from its index (class id << 16 | method id) and argument bytes.

    Raises: ConnectionException 503 for a method that clients do not send, 501 for malformed arguments, 502 for a
    malformed table in them.
    Spec: 2.3.5.1 (method frames).
    """
    class_id, method_id = index >> 16, index & 0xFFFF
    if index not in FROM_CLIENTS:
        raise ConnectionException(COMMAND_INVALID, "unimplemented method", class_id, method_id)
    kind = METHODS[index]
    frame = kind()
    try:
        types = _check_arguments(kind, arguments)
        frame.unmarshal(arguments)
    except TableTooLarge as error:
        raise ConnectionException(SYNTAX_ERROR, f"field table: {error}", class_id, method_id) from None
    except UnicodeDecodeError:
        raise ConnectionException(FRAME_ERROR, "Malformed UTF-8 in shortstr") from None
    except (ValueError, IndexError, TypeError, OverflowError, OSError, struct_error):
        raise ConnectionException(FRAME_ERROR, f"cannot decode {octets(arguments)}", class_id, method_id) from None
    return Method(channel, frame, types)


_SIZES: Final = {"octet": 1, "short": 2, "long": 4, "longlong": 8, "timestamp": 8}


def _check_arguments(kind: type[base.Frame], data: bytes) -> dict[str, str]:
    """Walks the arguments by their declared types, since pamqp takes what is cut short; returns the table's types."""
    pos = bits = 0
    types: dict[str, str] = {}
    for name in kind.attributes():
        domain = kind.amqp_type(name)
        if domain == "bit":
            pos += bits % 8 == 0
            bits += 1
            continue
        bits = 0
        if domain == "shortstr":
            pos += 1 + data[pos]
        elif domain == "longstr":
            pos += 4 + int.from_bytes(data[pos : pos + 4], "big")
        elif domain == "table":
            pos, types = walk_table(data, pos)
        else:
            pos += _SIZES[domain]
    if pos != len(data):
        raise ValueError(f"{len(data)} bytes where {pos} were announced")
    return types


def encode_method(channel: int, frame: base.Frame) -> bytes:
    """A whole method frame."""
    return marshal(frame, channel)
