"""The connection class: handshake, login, tune, open, close. Must not: keep state; the connection does.

Spec: 1.4 (connection class).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from pamqp import base, commands

from broker.auth.accounts import Peer
from broker.auth.authorization import Subject
from broker.connections.channel import ChannelHost
from broker.connections.liveness import Liveness
from broker.connections.peer import TlsPeer
from broker.connections.services import Services
from broker.requests import Actor
from protocol import commands as index
from protocol import lifecycle as life
from protocol.constants import ACCESS_REFUSED, FRAME_MIN_BYTES, NOT_ALLOWED
from protocol.engine import Engine
from protocol.errors import ConnectionException

log = logging.getLogger("leveret.connection")
CHANNELS_MAX: Final = 65535
MECHANISMS: Final = "PLAIN AMQPLAIN"
EXTERNAL: Final = "EXTERNAL"


class Handshaking(Protocol):
    """What the handshake needs of a connection."""

    services: Services
    engine: Engine
    host: ChannelHost
    user: str
    login_mechanism: str
    login_peer: Peer
    tls: TlsPeer | None
    is_over: bool
    liveness: Liveness
    channel_max: int
    client_properties: dict[str, object]
    client_capabilities: dict[str, object]

    @property
    def name(self) -> str:
        """As logs show it."""
        ...

    @property
    def log_fields(self) -> dict[str, object]:
        """Who it is, for the fields of a log line."""
        ...

    def send(self, channel: int, frame: base.Frame) -> None:
        """Sends a method."""
        ...

    def suspend(self) -> None:
        """Handles nothing more until resumed."""
        ...

    def resume(self) -> None:
        """Goes on."""
        ...

    def close(self, error: ConnectionException) -> None:
        """Sends connection.close."""
        ...

    def drop_late(self) -> None:
        """Drops the socket after the delay for failed logins."""
        ...

    def hang_up(self) -> None:
        """Sends what there is and closes the socket."""
        ...

    def recheck_consumers(self) -> None:
        """Cancels consumers whose user may not read their queue any more."""
        ...

    def closed_by_client(self) -> None:
        """Ends everything and answers close-ok."""
        ...


def start(connection: Handshaking) -> base.Frame:
    """EXTERNAL is offered only to who has shown a certificate. Spec: 1.4.2.1."""
    mechanisms = MECHANISMS if _certificate_user(connection) is None else f"{MECHANISMS} {EXTERNAL}"
    return commands.Connection.Start(0, 9, connection.services.server_properties, mechanisms, "en_US")  # type: ignore[arg-type]


def _certificate_user(connection: Handshaking) -> str | None:
    """Whom the client's certificate stands for, perhaps nobody (empty); None where none was verified."""
    tls = connection.tls
    return tls.user if tls is not None and tls.has_certificate else None


def start_ok(connection: Handshaking, frame: commands.Connection.StartOk) -> None:
    """Spec: 1.4.2.2."""
    connection.client_properties = dict(frame.client_properties or {})
    capabilities = connection.client_properties.get("capabilities")
    connection.client_capabilities = capabilities if isinstance(capabilities, dict) else {}
    connection.host.tells_cancel = connection.client_capabilities.get("consumer_cancel_notify") is True
    product = connection.client_properties.get("product")
    connection.host.live_prefetch = product in connection.services.limits.live_prefetch
    connection.login_mechanism = frame.mechanism
    response = frame.response
    connection.suspend()

    def answer(login: Subject | None) -> None:
        if connection.is_over:
            return
        if login is None:
            _refuse_login(connection)
        else:
            connection.user, connection.host.tags = login.user, login.tags
            limits = connection.services.limits
            tune = commands.Connection.Tune(limits.channel_max, limits.frame_max_bytes, limits.heartbeat_s)
            connection.send(0, tune)
        connection.resume()

    try:
        data = response if isinstance(response, bytes) else response.encode()
        _log_in(connection, frame.mechanism, data, answer)
    except ConnectionException as error:
        connection.engine.state = life.AWAIT_START_OK  # nobody is told more before a login
        connection.close(error)
        connection.resume()


def _log_in(connection: Handshaking, mechanism: str, response: bytes, answer: Callable[[Subject | None], None]) -> None:
    """Raises: ConnectionException 503 for a mechanism that was not offered, 502 for a malformed response."""
    accounts, user = connection.services.accounts, _certificate_user(connection)
    if mechanism == EXTERNAL and user is not None:
        accounts.admit(user, connection.login_peer, answer)  # what the response says does not count
    else:
        accounts.login(mechanism, response, connection.login_peer, answer)


def _refuse_login(connection: Handshaking) -> None:
    text = (
        f"Login was refused using authentication mechanism {connection.login_mechanism}. "
        "For details see the broker logfile."
    )
    if connection.client_capabilities.get("authentication_failure_close") is True:
        connection.close(ConnectionException(ACCESS_REFUSED, text))
    else:
        connection.drop_late()


def tune_ok(connection: Handshaking, frame: commands.Connection.TuneOk) -> None:
    """Spec: 1.4.2.6. Raises: ConnectionException 530 for what was not offered."""
    limits = connection.services.limits
    _check_negotiated("frame_max", frame.frame_max, FRAME_MIN_BYTES, limits.frame_max_bytes)
    _check_negotiated("channel_max", frame.channel_max, 1, limits.channel_max)
    connection.engine.frame_max = connection.host.frame_max = frame.frame_max
    connection.channel_max = frame.channel_max or CHANNELS_MAX
    connection.liveness.start(frame.heartbeat)


def _check_negotiated(field: str, value: int, minimum: int, maximum: int) -> None:
    if value and value < minimum:
        text = f"negotiated {field} = {value} is lower than the minimum allowed value ({minimum})"
        raise ConnectionException(NOT_ALLOWED, text)
    if maximum and (value == 0 or value > maximum):
        text = f"negotiated {field} = {value} is higher than the maximum allowed value ({maximum})"
        raise ConnectionException(NOT_ALLOWED, text)


def open_(connection: Handshaking, frame: commands.Connection.Open) -> None:
    """Spec: 1.4.2.7. Raises: ConnectionException 530 for a vhost that is not there or not for this user."""
    name, services = frame.virtual_host, connection.services
    vhost = services.vhosts.get(name)
    if vhost is None:
        raise ConnectionException(NOT_ALLOWED, f"vhost {name} not found")
    if not services.accounts.may_enter(connection.user, name):
        text = f"access to vhost '{name}' refused for user '{connection.user}'"
        raise ConnectionException(NOT_ALLOWED, text)
    refusal = services.registry.add(connection, connection.user, name)
    if refusal:
        raise ConnectionException(NOT_ALLOWED, refusal)
    connection.liveness.opened()
    connection.host.actor = Actor(Subject(connection.user, connection.host.tags), vhost, connection)
    connection.send(0, commands.Connection.OpenOk())
    log.info(
        "connection %s (user %r): opened to vhost %r", connection.name, connection.user, name,
        extra=connection.log_fields,
    )  # fmt: skip


def close(connection: Handshaking, _frame: commands.Connection.Close) -> None:
    """Spec: 1.4.2.10."""
    connection.closed_by_client()


def close_ok(connection: Handshaking, _frame: commands.Connection.CloseOk) -> None:
    """Spec: 1.4.2.11."""
    connection.hang_up()


def update_secret(connection: Handshaking, _frame: commands.Connection.UpdateSecret) -> None:
    """Looks again at what the user may do: the vhost, and the queues it consumes from.

    Spec: RabbitMQ's connection.update-secret.
    Raises: ConnectionException 530 where the user may not stay in the vhost.
    """
    actor = connection.host.require_actor()
    if not connection.services.accounts.may_enter(actor.user, actor.vhost.name):
        text = f"access to vhost '{actor.vhost.name}' refused for user '{actor.user}'"
        raise ConnectionException(NOT_ALLOWED, text)
    connection.recheck_consumers()
    connection.send(0, commands.Connection.UpdateSecretOk())


HANDLERS: Final[dict[int, Callable[[Any, Any], None]]] = {
    index.CONNECTION_START_OK: start_ok,
    index.CONNECTION_TUNE_OK: tune_ok,
    index.CONNECTION_OPEN: open_,
    index.CONNECTION_CLOSE: close,
    index.CONNECTION_CLOSE_OK: close_ok,
    index.CONNECTION_UPDATE_SECRET: update_secret,
}
