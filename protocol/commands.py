"""What the engine hands up: commands. Hot ones arrive as runs, the others decoded by `protocol/methods.py`.

Must not: act on a command.
"""

from __future__ import annotations

from typing import ClassVar, Final

from mypy_extensions import mypyc_attr
from pamqp import base

from protocol.constants import FRAME_ERROR, SHORTSTR_BYTES_MAX, octets
from protocol.errors import ConnectionException
from protocol.properties import Properties

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


@mypyc_attr(acyclic=True)
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


@mypyc_attr(acyclic=True, free_list_len=1)
class Publish:
    """A run of messages published one after another with the same address, properties and body size."""

    __slots__ = ("address", "bodies", "channel", "properties")

    def __init__(self, channel: int, address: Address, properties: Properties, bodies: list[bytes]) -> None:
        self.channel = channel
        self.address = address
        self.properties = properties
        self.bodies = bodies


@mypyc_attr(acyclic=True, free_list_len=1)
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
    channel: ClassVar[int] = 0


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
