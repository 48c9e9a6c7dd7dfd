"""A small blocking AMQP client for the helpers: declares, publishes with confirms, purges. Must not: consume.

It goes in by the front door, as any client of the broker under test does. Spec: AMQP 0-9-1.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pamqp import base, commands
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal, unmarshal
from pamqp.header import ContentHeader

from broker.testing.errors import BrokerGoneError, RefusedError
from broker.testing.facts import HOST, PASSWORD, USER

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
FRAME_HEAD: Final = struct.Struct(">BHI")
FRAME_OVERHEAD_BYTES: Final = 8
CHANNEL: Final = 1
ANSWER_S_MAX: Final = 10.0
CLIENT_NAME: Final = "leveret.testing"


class AmqpClient:
    """One connection with one channel in confirm mode, opened when it is first needed and after every end."""

    def __init__(self, vhost: str, on_port: Callable[[int], None]) -> None:
        """Args: on_port is told the port from which it is going to connect."""
        self._vhost = vhost
        self._on_port = on_port
        self._socket: socket.socket | None = None
        self._frame_bytes_max = 4096
        self._blocked = ""

    # ---- what helpers ask

    def declare(self, port: int, queue: str, durable: bool, auto_delete: bool, arguments: Mapping[str, Any]) -> str:
        """Declares a queue; returns its name. Raises: RefusedError, BrokerGoneError."""
        frame = commands.Queue.Declare(
            queue=queue, durable=durable, auto_delete=auto_delete, arguments=dict(arguments) or None
        )
        answer = self._ask(port, frame, "Queue.DeclareOk")
        return str(answer.queue)

    def bind(self, port: int, queue: str, exchange: str, routing_key: str) -> None:
        """Binds a queue to an exchange. Raises: RefusedError, BrokerGoneError."""
        self._ask(port, commands.Queue.Bind(queue=queue, exchange=exchange, routing_key=routing_key), "Queue.BindOk")

    def purge(self, port: int, queue: str) -> int:
        """Drops what is ready; returns how many messages that was. Raises: RefusedError, BrokerGoneError."""
        return int(self._ask(port, commands.Queue.Purge(queue=queue), "Queue.PurgeOk").message_count)

    def publish(self, port: int, exchange: str, routing_key: str, body: bytes, properties: Mapping[str, Any]) -> None:
        """Publishes a message and waits for its confirm.

        Raises: RefusedError where nobody takes the message, or the broker does not; BrokerGoneError.
        """
        self._open(port)
        limit = self._frame_bytes_max - FRAME_OVERHEAD_BYTES
        frames: list[Any] = [
            Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True),
            ContentHeader(0, len(body), _properties(properties)),
        ]
        frames += [ContentBody(body[at : at + limit]) for at in range(0, len(body), limit)]
        self._send(b"".join(marshal(frame, CHANNEL) for frame in frames))
        answer = self._await("Basic.Ack", "Basic.Nack", "Basic.Return")
        if answer.name == "Basic.Return":
            self._await("Basic.Ack", "Basic.Nack")
            where = f"exchange {exchange!r}, key {routing_key!r}"
            raise RefusedError(
                f"no queue in vhost {self._vhost!r} takes a message to {where}: declare and bind it first"
            )
        if answer.name == "Basic.Nack":
            raise RefusedError("the broker refused the message (basic.nack)")

    def close(self) -> None:
        """Ends the connection, without a word."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # ---- the conversation

    def _ask(self, port: int, frame: base.Frame, answer: str) -> Any:
        self._open(port)
        self._send(marshal(frame, CHANNEL))
        return self._await(answer)

    def _open(self, port: int) -> None:
        """Connects unless there is a connection that the broker has not closed since."""
        if self._socket is not None and not self._is_lost():
            return
        self.close()
        self._blocked = ""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.settimeout(ANSWER_S_MAX)
            sock.bind((HOST, 0))
            self._on_port(sock.getsockname()[1])
            sock.connect((HOST, port))
        except OSError as error:
            sock.close()
            raise BrokerGoneError(f"the broker does not listen on port {port}: {error}") from None
        self._socket = sock
        self._handshake()

    def _is_lost(self) -> bool:
        assert self._socket is not None
        self._socket.setblocking(False)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            with contextlib.suppress(OSError):
                self._socket.settimeout(ANSWER_S_MAX)

    def _handshake(self) -> None:
        self._send(PROTOCOL_HEADER)
        self._await("Connection.Start")
        properties = {"connection_name": CLIENT_NAME, "capabilities": {"connection.blocked": True}}
        login = commands.Connection.StartOk(properties, "PLAIN", f"\0{USER}\0{PASSWORD}", "en_US")  # type: ignore[arg-type]
        self._send(marshal(login, 0))
        tune = self._await("Connection.Tune")
        self._frame_bytes_max = tune.frame_max
        self._send(marshal(commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0), 0))
        self._send(marshal(commands.Connection.Open(virtual_host=self._vhost), 0))
        self._await("Connection.OpenOk")
        self._send(marshal(commands.Channel.Open(), CHANNEL))
        self._await("Channel.OpenOk")
        self._send(marshal(commands.Confirm.Select(), CHANNEL))
        self._await("Confirm.SelectOk")

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(data)
        except OSError as error:
            self.close()
            raise BrokerGoneError(f"the connection to the broker broke: {error}") from None

    def _await(self, *names: str) -> Any:
        """The next method of one of these names. Raises: RefusedError where the broker closes instead."""
        while True:
            frame = self._read()
            if frame.name in names:
                return frame
            if frame.name in ("Channel.Close", "Connection.Close"):
                self.close()
                raise RefusedError(f"{frame.reply_code} {frame.reply_text}")
            if frame.name == "Connection.Blocked":
                self._blocked = frame.reason

    def _read(self) -> Any:
        head = self._exactly(FRAME_HEAD.size)
        size = FRAME_HEAD.unpack(head)[2]
        return unmarshal(head + self._exactly(size + 1))[2]

    def _exactly(self, count: int) -> bytes:
        assert self._socket is not None
        data = b""
        while len(data) < count:
            try:
                piece = self._socket.recv(count - len(data))
            except TimeoutError:
                self.close()
                why = f": publishers are blocked, {self._blocked}" if self._blocked else ""
                raise BrokerGoneError(f"the broker has not answered within {ANSWER_S_MAX:g} s{why}") from None
            except OSError as error:
                self.close()
                raise BrokerGoneError(f"the connection to the broker broke: {error}") from None
            if not piece:
                self.close()
                raise BrokerGoneError("the broker closed the connection")
            data += piece
        return data


def _properties(given: Mapping[str, Any]) -> Basic.Properties:
    """AMQP's names and a time in seconds, as pamqp wants them. Raises: TypeError for a property that there is not."""
    named = dict(given)
    if "type" in named:
        named["message_type"] = named.pop("type")
    if isinstance(named.get("timestamp"), (int, float)):
        named["timestamp"] = datetime.fromtimestamp(named["timestamp"], UTC)
    return Basic.Properties(**named)
