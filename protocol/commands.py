"""What the engine hands up: commands. Cold methods go through pamqp; hot ones arrive as runs.

Must not: act on a command.
"""

from __future__ import annotations

from struct import error as struct_error
from typing import ClassVar, Final

from pamqp import base, commands
from pamqp.frame import marshal

from protocol.constants import COMMAND_INVALID, FRAME_ERROR, SHORTSTR_BYTES_MAX, SYNTAX_ERROR, octets
from protocol.errors import ConnectionException
from protocol.properties import Properties
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

PUBLISH: Final = 0x003C0028
ACK: Final = 0x003C0050
CONNECTION_START_OK: Final = 0x000A000B
CONNECTION_SECURE_OK: Final = 0x000A0015
CONNECTION_TUNE_OK: Final = 0x000A001F
CONNECTION_OPEN: Final = 0x000A0028
CONNECTION_CLOSE: Final = 0x000A0032
CONNECTION_CLOSE_OK: Final = 0x000A0033
CONNECTION_UPDATE_SECRET: Final = 0x000A0046
CHANNEL_OPEN: Final = 0x0014000A
CHANNEL_CLOSE: Final = 0x00140028
CHANNEL_CLOSE_OK: Final = 0x00140029


class Address:
    """The method part of a publish: where a message is sent and what is to happen if nobody takes it.

    `tail` is exchange and routing key as two short strings, the form in which deliver, return and get-ok carry them.

    Spec: 1.8.3.7 (basic.publish).
    """

    __slots__ = ("exchange", "immediate", "mandatory", "routing_key", "tail")

    def __init__(self, exchange: str, routing_key: str, mandatory: bool, immediate: bool, tail: bytes) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.mandatory = mandatory
        self.immediate = immediate
        self.tail = tail


class Publish:
    """A run of messages published one after another with the same address, properties and body size."""

    __slots__ = ("address", "bodies", "channel", "properties")

    def __init__(self, channel: int, address: Address, properties: Properties, bodies: list[bytes]) -> None:
        self.channel = channel
        self.address = address
        self.properties = properties
        self.bodies = bodies


class Ack:
    """Acknowledgements: of every tag in `first..last`, or with `multiple` of every tag up to `last` (0: all)."""

    __slots__ = ("channel", "first", "last", "multiple")

    def __init__(self, channel: int, first: int, last: int, multiple: bool) -> None:
        self.channel = channel
        self.first = first
        self.last = last
        self.multiple = multiple


class Method:
    """Any other method, decoded. `types` names the field types of its `arguments` table."""

    __slots__ = ("channel", "frame", "types")

    def __init__(self, channel: int, frame: base.Frame, types: dict[str, str]) -> None:
        self.channel = channel
        self.frame = frame
        self.types = types


class Greeting:
    """The client's protocol header, accepted."""

    __slots__ = ()
    channel = 0


Command = Publish | Ack | Method | Greeting


def shortstr(text: str) -> bytes:
    """A short string on the wire; text of more than 255 bytes is cut.

    Spec: 4.2.5.3.
    """
    data = text.encode("utf-8")[:SHORTSTR_BYTES_MAX]
    return bytes([len(data)]) + data


def text_of(data: bytes) -> str:
    """A short string from the wire as text.

    Raises: ConnectionException 501 for bytes that are no UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConnectionException(FRAME_ERROR, "Malformed UTF-8 in shortstr") from None


def decode_address(data: bytes, pos: int, end: int) -> Address:
    """The arguments of a basic.publish, from its ticket on, in `data[pos:end]`.

    Raises: ConnectionException 501.
    """
    start = pos + 2
    try:
        middle = start + 1 + data[start]
        stop = middle + 1 + data[middle]
        bits = data[stop]
    except IndexError:
        stop, bits = end, 0
    if stop + 1 != end:
        raise ConnectionException(FRAME_ERROR, f"cannot decode {octets(data[pos:end])}", 60, 40)
    exchange, routing_key = text_of(data[start + 1 : middle]), text_of(data[middle + 1 : stop])
    return Address(exchange, routing_key, bits & 1 != 0, bits & 2 != 0, data[start:stop])


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
