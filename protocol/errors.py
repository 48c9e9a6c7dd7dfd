"""The two errors of AMQP 0-9-1 that become Close frames; raised anywhere, converted in one place.

Must not: know connections, channels or sockets.
"""

from __future__ import annotations

from protocol.constants import REPLY_NAMES

REPLY_TEXT_BYTES_MAX = 255


class AmqpError(Exception):
    """An error with an AMQP reply code; `text` comes without the code's name."""

    def __init__(self, code: int, text: str, class_id: int = 0, method_id: int = 0) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.class_id = class_id
        self.method_id = method_id

    @property
    def reply_text(self) -> str:
        """`CODE_NAME - explanation`, cut to what a short string holds.

        Spec: 1.5.2.10 (connection.close), 1.6.2.5 (channel.close).
        """
        name = REPLY_NAMES.get(self.code, "INTERNAL_ERROR")
        full = f"{name} - {self.text}".encode("utf-8", "surrogateescape")[:REPLY_TEXT_BYTES_MAX]
        return full.decode("utf-8", "ignore")


class ChannelException(AmqpError):
    """Closes the channel it happened on and leaves the connection alive."""


class ConnectionException(AmqpError):
    """Closes the whole connection."""
