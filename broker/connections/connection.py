"""A connection: drives the protocol engine, owns the channels, and is where errors become Close frames.

Must not: touch a socket (the transport does) or a queue (channels do).
"""

from __future__ import annotations

import logging
from typing import Final

from pamqp import base, commands

from broker.auth.accounts import AMQP, Peer
from broker.connections import handlers
from broker.connections.channel import Channel, ChannelHost
from broker.connections.handlers import connection as handshake
from broker.connections.handlers.registry import CHANNEL_HANDLERS
from broker.connections.liveness import Liveness
from broker.connections.output import Output
from broker.connections.peer import TlsPeer
from broker.connections.services import Services, TransportPort
from protocol import encoder
from protocol import lifecycle as life
from protocol.commands import (
    ACK,
    CHANNEL_CLOSE,
    CHANNEL_OPEN,
    PUBLISH,
    Ack,
    Command,
    Greeting,
    Method,
    Publish,
)
from protocol.constants import COMMAND_INVALID, CONNECTION_FORCED, INTERNAL_ERROR, NOT_ALLOWED, PROTOCOL_HEADER
from protocol.engine import Engine, ProtocolMismatch
from protocol.errors import AmqpError, ChannelException, ConnectionException

log = logging.getLogger("leveret.connection")
COMMANDS_PER_TURN: Final = 128  # runs of publishes or acknowledgements, or single methods
CLOSE_WAIT_MS: Final = 5000  # how long a client may take to answer connection.close
assert handlers.LOADED, "every handler is registered"


class Connection:
    """One client's connection, from its first byte to its last."""

    def __init__(
        self, services: Services, transport: TransportPort, peer: str, is_loopback: bool, tls: TlsPeer | None = None
    ) -> None:
        self.services = services
        self.transport = transport
        self.peer = peer
        self.tls = tls
        self.login_peer = Peer(AMQP, peer.partition(" -> ")[0].rpartition(":")[0] or peer, is_loopback)
        self.engine = Engine(services.limits.message_size_max_bytes)
        self.output = Output()
        self.host = ChannelHost(services, self.output, self.touch, self.suspend, self.resume, self._close_channel)
        self.channels: dict[int, Channel] = {}
        self.channel_max = 0
        self.user = ""
        self.login_mechanism = ""
        self.client_properties: dict[str, object] = {}
        self.client_capabilities: dict[str, object] = {}
        self.connected_ms = services.turn.now_ms()
        self.received_bytes = 0
        self.has_published = False
        self.is_blocked = False
        self.is_over = False
        self.has_more = False
        self.backlog = 0  # of the worst queue published to last
        self.slowed_ms = 0  # when it was slowed down last; 0 where it never was
        self._is_suspended = False
        self._is_processing = False
        self.liveness = Liveness(self, services, transport)

    @property
    def is_unread(self) -> bool:
        """Whether we do not read from it at present."""
        return self.is_blocked or self._is_suspended

    @property
    def name(self) -> str:
        """The peer's address, as logs and listings show it."""
        return self.peer

    @property
    def log_fields(self) -> dict[str, object]:
        """Who it is, for the fields of a log line."""
        actor = self.host.actor
        return {
            "connection": self.name,
            "connection_name": self.client_properties.get("connection_name"),
            "user": self.user,
            "vhost": actor.vhost.name if actor is not None else None,
        }

    # ---- input

    def data_received(self, data: bytes) -> None:
        """Takes what the socket gave."""
        if self.is_over:
            return
        self.received_bytes += len(data)
        self.services.turn.schedule()  # settling alone has nobody else to see that it is committed
        self.liveness.received()
        self.engine.receive(data)
        self._process()
        if self._is_suspended:
            self.transport.stop_reading()

    def slow_down(self) -> None:
        """It is not read for some turns, since consumers or the disk are behind what it publishes."""
        self.slowed_ms = self.services.turn.now_ms()
        self.services.registry.slowed_down()

    def go_on(self) -> None:
        """Handles what a turn has left over."""
        self._process()

    def _process(self) -> None:
        """Handles the whole commands that are there, up to a turn's worth; `has_more` says that some may be left."""
        if self._is_processing:
            return
        self._is_processing = True
        self.host.access.version = self.services.accounts.version
        try:
            left = COMMANDS_PER_TURN
            while left and not self._is_suspended and not self.is_over and self._handle_next():
                left -= 1
            self.has_more = not left
        finally:
            self._is_processing = False

    def _handle_next(self) -> bool:
        """Handles one command; False where more bytes are needed. The one place where errors become Close frames."""
        command: Command | None = None
        try:
            command = self.engine.next_command()
            if command is not None:
                self._dispatch(command)
            return command is not None
        except ProtocolMismatch as mismatch:
            self._refuse_protocol(mismatch)
        except ChannelException as error:
            number = command.channel if command is not None else self.engine.channel
            if number in self.channels:
                self._close_channel(number, _with_ids(error, command))
            else:
                self.close(_with_ids(error, command))
        except ConnectionException as fatal:  # mypyc gives a name one type in a function
            self.close(_with_ids(fatal, command))
        except Exception:
            log.exception("connection %s: internal error", self.name, extra=self.log_fields)
            self.close(ConnectionException(INTERNAL_ERROR, "the broker's log has the details"))
        return not self.is_over

    def _dispatch(self, command: Command) -> None:
        if isinstance(command, Publish):
            channel = self.channels.get(command.channel)
            if channel is not None:
                channel.publish(command)
                self.backlog = channel.publisher.backlog
                if not self.has_published:
                    self._first_publish()
        elif isinstance(command, Ack):
            channel = self.channels.get(command.channel)
            if channel is not None:
                channel.ack(command)
        elif isinstance(command, Greeting):
            self.send(0, handshake.start(self))
        elif command.channel == 0:
            handshake.HANDLERS[command.frame.index](self, command.frame)
        else:
            self._channel_method(command)

    def _channel_method(self, command: Method) -> None:
        number, index = command.channel, command.frame.index
        if index == CHANNEL_OPEN:
            self._open_channel(number)
        elif index == CHANNEL_CLOSE:
            channel = self.channels.pop(number, None)
            if channel is not None:
                self._end_channel(channel)
                self.engine.close_channel(number)
            self.send(number, commands.Channel.CloseOk())
        else:
            handler = CHANNEL_HANDLERS.get(index)
            if handler is None:
                raise ConnectionException(COMMAND_INVALID, "unimplemented method")
            handler(self.channels[number], command.frame, command)

    def _open_channel(self, number: int) -> None:
        if len(self.channels) >= self.channel_max:
            text = f"number of channels opened ({len(self.channels)}) has reached the negotiated channel_max"
            raise ConnectionException(NOT_ALLOWED, f"{text} ({self.channel_max})")
        refusal = self.services.registry.add_channel(self.user)
        if refusal:
            raise ConnectionException(NOT_ALLOWED, refusal)
        self.engine.open_channel(number)
        self.channels[number] = Channel(number, self.host)
        self.send(number, commands.Channel.OpenOk())

    def suspend(self) -> None:
        """Handles no further commands until `resume`: an answer is due that must come first."""
        self._is_suspended = True

    def resume(self) -> None:
        """Goes on handling commands."""
        self._is_suspended = False
        self._process()
        if not self.is_unread and not self.is_over:
            self.transport.start_reading()

    # ---- output

    def touch(self) -> None:
        """There is output, or a confirm to send, at the end of this turn."""
        if not self.output.is_touched:
            self.output.is_touched = True
            self.services.turn.connection_dirty(self)

    def send(self, channel: int, frame: base.Frame) -> None:
        """Sends a method at the end of this turn."""
        encoder.method(self.output.out, channel, frame)
        self.touch()

    def flush(self) -> None:
        """Confirms what is complete and writes the turn's output, at once."""
        output = self.output
        output.is_touched = False
        if self.host.confirming:
            confirming, self.host.confirming = self.host.confirming, {}
            for channel in confirming:
                channel.flush_confirms(output.out)
        if output.out.size:
            self.transport.write(output.take())
            self.liveness.sent()
        output.feed()

    def writable(self, is_writable: bool) -> None:
        """The socket's buffer has filled up, or drained."""
        self.output.is_writable = is_writable
        self.output.feed()

    def recheck_consumers(self) -> None:
        """Cancels consumers whose user may not read their queue any more."""
        for channel in self.channels.values():
            channel.recheck_consumers()

    # ---- alarms

    def _first_publish(self) -> None:
        self.has_published = True
        reason = self.services.alarms.reason()
        if reason:
            self.block(reason)

    def block(self, reason: str) -> None:
        """Stops reading from a publisher while an alarm lasts, and says so to a client that wants to know.

        Spec: RabbitMQ's connection.blocked.
        """
        if self.is_blocked or not self.has_published or self.engine.state != life.OPEN:
            return
        self.is_blocked = True
        self.transport.stop_reading()
        if self.client_capabilities.get("connection.blocked") is True:
            self.send(0, commands.Connection.Blocked(reason))

    def unblock(self) -> None:
        """Reads again."""
        if not self.is_blocked:
            return
        self.is_blocked = False
        if self.client_capabilities.get("connection.blocked") is True:
            self.send(0, commands.Connection.Unblocked())
        if not self._is_suspended and not self.is_over:
            self.transport.start_reading()

    # ---- end

    def _refuse_protocol(self, mismatch: ProtocolMismatch) -> None:
        log.warning("connection %s: %s", self.name, mismatch.hint, extra=self.log_fields)
        self.transport.write(PROTOCOL_HEADER)
        self._over()
        self.transport.close()

    def _close_channel(self, number: int, error: AmqpError) -> None:
        fields = {**self.log_fields, "channel": number}
        log.info("connection %s: channel %d: %s", self.name, number, error.reply_text, extra=fields)
        self._end_channel(self.channels.pop(number))
        self.engine.closing_channel(number)
        out = self.output.out
        encoder.close_channel(out, number, error.code, error.reply_text, error.class_id, error.method_id)
        self.touch()

    def close(self, error: AmqpError) -> None:
        """Ends the connection with connection.close, and the socket when the client has answered or is late.

        Before login the socket is closed after a delay, as RabbitMQ does; a client that can be told is told.
        """
        if self.engine.state in (life.CLOSING, life.CLOSED):
            return
        log.warning("connection %s (user %r): %s", self.name, self.user, error.reply_text, extra=self.log_fields)
        if self.engine.state in (life.AWAIT_HEADER, life.AWAIT_START_OK):
            self.drop_late()
            return
        self._release()
        self.engine.state = life.CLOSING
        self.is_blocked = self._is_suspended = False
        self.transport.start_reading()  # for close-ok; the engine drops everything else
        out = self.output.out
        encoder.close_connection(out, error.code, error.reply_text, error.class_id, error.method_id)
        self.touch()
        self.liveness.drop_after(CLOSE_WAIT_MS)

    def force_close(self, reason: str) -> None:
        """An administrator, or the end of the broker, closes the connection.

        Spec: reply code 320.
        """
        self.close(ConnectionException(CONNECTION_FORCED, reason))

    def closed_by_client(self) -> None:
        """The client sent close: everything of it ends before close-ok goes out."""
        log.info("connection %s (user %r): closed by the client", self.name, self.user, extra=self.log_fields)
        self._release()
        self.send(0, commands.Connection.CloseOk())
        self.hang_up()

    def hang_up(self) -> None:
        """Sends what there is and closes the socket."""
        self.flush()
        self._over()
        self.transport.close()

    def drop_late(self) -> None:
        """Reads nothing more, and drops the socket after the delay for failed logins."""
        self.engine.state = life.CLOSED
        self.transport.stop_reading()
        self.liveness.drop_after(self.services.limits.auth_failure_delay_ms)

    def drop(self) -> None:
        """Closes the socket at once."""
        if not self.is_over:
            self._over()
            self.transport.abort()

    def lost(self) -> None:
        """The socket is gone."""
        if not self.is_over:
            if self.engine.state == life.OPEN:
                text = "connection %s (user %r): the client closed the socket"
                log.info(text, self.name, self.user, extra=self.log_fields)
            elif self.engine.state == life.AWAIT_HEADER:
                log.debug("connection %s: closed before it said anything", self.name, extra=self.log_fields)
            self._over()

    def _end_channel(self, channel: Channel) -> None:
        channel.close()
        self.services.registry.remove_channel(self.user)

    def _release(self) -> None:
        """Ends the channels and exclusive queues."""
        channels, self.channels = self.channels, {}
        for channel in channels.values():
            self._end_channel(channel)
        if self.host.actor is not None:
            self.host.actor.vhost.remove_owned(self)

    def _over(self) -> None:
        """Nothing of this connection stays behind."""
        self.is_over = True
        self.engine.state = life.CLOSED
        self._release()
        self.liveness.stop()
        self.services.registry.remove(self)


def _with_ids(error: AmqpError, command: Command | None) -> AmqpError:
    """Names the failing method in an error that does not yet."""
    if error.class_id or command is None or isinstance(command, Greeting):
        return error
    if isinstance(command, Publish):
        index = PUBLISH
    else:
        index = ACK if isinstance(command, Ack) else command.frame.index
    error.class_id, error.method_id = index >> 16, index & 0xFFFF
    return error
