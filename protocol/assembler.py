"""One channel's unfinished content: method, then header, then bodies, until a message is whole.

Must not: look at what a message says.
"""

from __future__ import annotations

from protocol.commands import Address, Publish
from protocol.constants import BODY_BYTES_MAX, FRAME_ERROR, FRAME_HEADER, PRECONDITION_FAILED, UNEXPECTED_FRAME
from protocol.errors import ChannelException, ConnectionException
from protocol.properties import NO_PROPERTIES, Properties


class Assembler:
    """The content state of one channel, and the last address and properties seen on it.

    Spec: 2.3.5.2 and 4.2.6 (content framing).
    """

    __slots__ = ("_missing", "_partial", "_properties", "address", "channel", "closing", "last_properties",
                 "last_publish", "last_publish_bytes")  # fmt: skip

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.closing = False  # the server sent channel.close: drop everything until close-ok
        self.address: Address | None = None  # set while content is expected
        self._properties: Properties | None = None
        self._missing = 0
        self._partial = bytearray()  # of a body in several frames; bounded by the announced size
        self.last_publish_bytes = b""
        self.last_publish: Address | None = None
        self.last_properties = NO_PROPERTIES

    def begin(self, address: Address) -> None:
        """A publish method has come; its header is next."""
        self.address = address

    def properties_of(self, raw: bytes) -> Properties:
        """The property list, read only where it differs from the previous one on this channel."""
        if raw != self.last_properties.raw:
            self.last_properties = Properties(raw)
        return self.last_properties

    def header(self, payload: bytes, body_bytes_max: int) -> Publish | None:
        """Takes a content header; returns the message where its body is empty.

        Raises: ConnectionException 505 / 502, ChannelException 406 for a body over the limit.
        """
        address = self.address
        if address is None:
            raise ConnectionException(UNEXPECTED_FRAME, "expected method frame, got non method frame instead")
        if self._properties is not None or payload[2:4] != b"\x00\x00":
            raise self._wrong_frame()
        class_id = int.from_bytes(payload[:2], "big")
        if class_id != 60:
            text = f"expected content header for class 60, got one for class {class_id} instead"
            raise ConnectionException(UNEXPECTED_FRAME, text, 60, 40)
        size = int.from_bytes(payload[4:12], "big")
        if size > BODY_BYTES_MAX:
            raise ConnectionException(FRAME_ERROR, f"content body of {size} bytes is too large", 60, 40)
        if size > body_bytes_max:
            self.reset()
            text = f"message size {size} is larger than configured max size {body_bytes_max}"
            raise ChannelException(PRECONDITION_FAILED, text, 60, 40)
        properties = self.properties_of(payload[12:])
        if size == 0:
            self.reset()
            return Publish(self.channel, address, properties, [b""])
        self._properties, self._missing = properties, size
        return None

    def body(self, payload: bytes) -> Publish | None:
        """Takes a body frame; returns the message it completes.

        Raises: ConnectionException 505 / 501.
        """
        address, properties = self.address, self._properties
        if address is None:
            raise ConnectionException(UNEXPECTED_FRAME, "expected method frame, got non method frame instead")
        if properties is None:
            raise self._wrong_frame()
        if len(payload) > self._missing:
            text = f"content body is larger than announced: {len(payload) - self._missing} bytes too many"
            raise ConnectionException(FRAME_ERROR, text, 60, 40)
        self._missing -= len(payload)
        if self._missing or self._partial:
            self._partial += payload
        if self._missing:
            return None
        body = bytes(self._partial) if self._partial else payload
        self.reset()
        return Publish(self.channel, address, properties, [body])

    def content(self, frame_type: int, payload: bytes, body_bytes_max: int) -> Publish | None:
        """Takes a header or body frame; returns the message it completes."""
        return self.header(payload, body_bytes_max) if frame_type == FRAME_HEADER else self.body(payload)

    def reset(self) -> None:
        """Forgets unfinished content."""
        self.address = self._properties = None
        self._missing = 0
        self._partial = bytearray()

    def check_no_content(self) -> None:
        """Raises ConnectionException 505 when a method comes where content was announced."""
        if self.address is not None:
            raise self._wrong_frame()

    def _wrong_frame(self) -> ConnectionException:
        part = "content header for class 60" if self._properties is None else "content body"
        got = "content header" if self._properties is None else "content body"
        return ConnectionException(UNEXPECTED_FRAME, f"expected {part}, got non {got} frame instead", 60, 40)
