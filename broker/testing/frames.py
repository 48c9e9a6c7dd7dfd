"""One connection's bytes, seen frame by frame: publishes that a test refuses are taken out, confirms numbered anew.

A refused message never reaches the broker; its publisher gets the nack from here. Since the broker then counts one
publish less, the numbers in its confirms are brought back to the client's. Must not: touch a socket or know the time.

Spec: 4.2.3 (frames), 2.3.5 (content), RabbitMQ's publisher confirms.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

METHOD: Final = 1
HEADER: Final = 2
FRAME_HEAD: Final = struct.Struct(">BHI")
FRAME_END: Final = 0xCE
FRAME_BYTES_MAX: Final = 1024 * 1024  # more than any client may send: what is longer is passed on unseen
PROTOCOL_HEADER_BYTES: Final = 8
CONFIRM_FRAME_BYTES: Final = 21

CONNECTION_OPEN: Final = 0x000A0028
CHANNEL_OPEN: Final = 0x0014000A
CHANNEL_CLOSE: Final = 0x00140028
CONFIRM_SELECT: Final = 0x0055000A
PUBLISH: Final = 0x003C0028
ACK: Final = 0x003C0050
NACK: Final = 0x003C0078

Refuses = Callable[[str, str], bool]


class _Channel:
    """A channel in confirm mode: the number of its last publish, and which of them were refused here."""

    __slots__ = ("body_left", "is_swallowing", "number", "refused")

    def __init__(self) -> None:
        self.number = 0
        self.refused: list[int] = []
        self.is_swallowing = False
        self.body_left = -1  # of a refused message; -1 before its header

    def client_number(self, number: int) -> int:
        """The client's number of what the broker calls by this one."""
        for refused in self.refused:
            if refused > number:
                break
            number += 1
        return number


def short_string(payload: bytes, at: int) -> tuple[str, int]:
    """The short string at a place of a method's payload, and where the next field begins."""
    end = at + 1 + payload[at]
    return payload[at + 1 : end].decode("utf-8", "replace"), end


class FrameWatch:
    """What a client sends and is sent. `vhost` is known once the client has asked for it.

    `refuses` is asked for each message published with confirms: exchange, routing key; `on_vhost` is told of the vhost.
    """

    def __init__(self, refuses: Refuses, on_vhost: Callable[[str], None]) -> None:
        self.vhost = ""
        self._refuses = refuses
        self._on_vhost = on_vhost
        self._rest = b""
        self._has_greeting = False
        self._is_blind = False
        self._channels: dict[int, _Channel] = {}

    # ---- from the client

    def received(self, data: bytes) -> tuple[bytes, bytes]:
        """Takes what the client sent.

        Returns: what the broker is to get of it, and nacks for what it is not to get.
        """
        if self._is_blind:
            return data, b""
        if self._rest:
            data = self._rest + data
        if not self._has_greeting and len(data) < PROTOCOL_HEADER_BYTES:
            self._rest = data
            return b"", b""
        passed: list[bytes] = []
        nacks: list[bytes] = []
        start = at = self._after_greeting(data)
        if at:
            passed.append(data[:at])
        while len(data) - at >= FRAME_HEAD.size:
            kind, channel, size = FRAME_HEAD.unpack_from(data, at)
            if size > FRAME_BYTES_MAX:
                self._is_blind = True
                break
            end = at + FRAME_HEAD.size + size + 1
            if end > len(data):
                break
            if self._is_refused(kind, channel, data[at + FRAME_HEAD.size : end - 1], nacks):
                passed.append(data[start:at])
                start = end
            at = end
        passed.append(data[start : len(data) if self._is_blind else at])
        self._rest = b"" if self._is_blind else data[at:]
        return b"".join(passed), b"".join(nacks)

    def _after_greeting(self, data: bytes) -> int:
        if self._has_greeting:
            return 0
        self._has_greeting = True
        return PROTOCOL_HEADER_BYTES if data[:4] == b"AMQP" else 0

    def _is_refused(self, kind: int, number: int, payload: bytes, nacks: list[bytes]) -> bool:
        """Whether the broker is not to see the frame."""
        channel = self._channels.get(number)
        if kind == METHOD:
            return self._method(number, channel, payload, nacks)
        if channel is None or not channel.is_swallowing:
            return False
        if kind == HEADER:
            channel.body_left = int.from_bytes(payload[4:12], "big")
        else:
            channel.body_left -= len(payload)
        channel.is_swallowing = channel.body_left > 0
        return True

    def _method(self, number: int, channel: _Channel | None, payload: bytes, nacks: list[bytes]) -> bool:
        index = int.from_bytes(payload[:4], "big")
        if index == PUBLISH and channel is not None:
            return self._publish(number, channel, payload, nacks)
        if index == CONFIRM_SELECT:
            self._channels.setdefault(number, _Channel())
        elif index in (CHANNEL_OPEN, CHANNEL_CLOSE):
            self._channels.pop(number, None)
        elif index == CONNECTION_OPEN:
            self.vhost = short_string(payload, 4)[0]
            self._on_vhost(self.vhost)
        return False

    def _publish(self, number: int, channel: _Channel, payload: bytes, nacks: list[bytes]) -> bool:
        channel.number += 1
        exchange, at = short_string(payload, 6)
        if not self._refuses(exchange, short_string(payload, at)[0]):
            return False
        channel.refused.append(channel.number)
        channel.is_swallowing = True
        nacks.append(confirm_frame(number, NACK, channel.number, False))
        return True

    # ---- to the client

    def sending(self, data: bytes, takes_confirms: bool) -> tuple[bytes, bytes]:
        """Takes what the broker writes, which is always whole frames.

        Returns: the frames with the client's numbers, and apart from them, where `takes_confirms`, the confirms.
        """
        numbered = any(channel.refused for channel in self._channels.values())
        if not self._channels or not (numbered or takes_confirms):
            return data, b""
        others: list[bytes] = []
        confirms: list[bytes] = []
        at = 0
        while len(data) - at >= FRAME_HEAD.size:
            kind, number, size = FRAME_HEAD.unpack_from(data, at)
            end = at + FRAME_HEAD.size + size + 1
            frame = data[at:end]
            channel = self._channels.get(number)
            if kind == METHOD and channel is not None and _is_confirm(frame):
                (confirms if takes_confirms else others).append(_numbered(frame, channel))
            else:
                others.append(frame)
            at = end
        others.append(data[at:])
        return b"".join(others), b"".join(confirms)


def _is_confirm(frame: bytes) -> bool:
    return int.from_bytes(frame[7:11], "big") in (ACK, NACK)


def _numbered(frame: bytes, channel: _Channel) -> bytes:
    number = channel.client_number(int.from_bytes(frame[11:19], "big"))
    return frame[:11] + number.to_bytes(8, "big") + frame[19:]


def confirm_frame(channel: int, index: int, number: int, multiple: bool) -> bytes:
    """A basic.ack or basic.nack from the broker."""
    payload = struct.pack(">IQB", index, number, multiple)
    return FRAME_HEAD.pack(METHOD, channel, len(payload)) + payload + bytes([FRAME_END])
