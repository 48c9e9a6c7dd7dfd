"""What a connection may use of the broker around it, as narrow interfaces. Must not: hold behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from broker.auth.accounts import Peer
from broker.auth.authorization import Subject
from broker.model.interfaces import Turn
from broker.operations import Operations
from broker.vhost import Vhost


class TransportPort(Protocol):
    """The socket as a connection sees it."""

    def write(self, data: bytes) -> None:
        """Sends, or buffers what the socket does not take."""
        ...

    def close(self) -> None:
        """Closes after what is buffered has gone out."""
        ...

    def abort(self) -> None:
        """Closes at once."""
        ...

    def stop_reading(self) -> None:
        """Reads nothing more until `start_reading`."""
        ...

    def start_reading(self) -> None:
        """Reads again."""
        ...


class TimersPort(Protocol):
    """The one heap of deadlines."""

    def add(self, due_ms: int, callback: Callable[[], None], /) -> object:
        """Calls back at or after a time; returns a handle."""
        ...

    def cancel(self, deadline: Any, /) -> None:
        """Forgets a deadline."""
        ...


class Accounts(Protocol):
    """Who may log in, and where."""

    @property
    def version(self) -> int:
        """Grows with every change of users or permissions."""
        ...

    def login(self, mechanism: str, response: bytes, peer: Peer, answer: Callable[[Subject | None], None]) -> None:
        """Answers, perhaps later, who it is; None for a refusal.

        Raises: ConnectionException 503 for an unknown mechanism, 502 for a malformed response.
        """
        ...

    def admit(self, name: str, peer: Peer, answer: Callable[[Subject | None], None]) -> None:
        """Answers who it is whose name was proven by a certificate; None for a refusal."""
        ...

    def may_enter(self, user: str, vhost: str) -> bool:
        """Whether the user has any permission in the vhost."""
        ...


class AlarmsPort(Protocol):
    """Memory and disk alarms."""

    def reason(self) -> str:
        """Why publishers are blocked, or an empty text."""
        ...


class Registry(Protocol):
    """The open connections."""

    def add(self, connection: Any, user: str, vhost: str, /) -> str:
        """Notes a connection; returns an empty text, or why it may not be."""
        ...

    def remove(self, connection: Any, /) -> None:
        """Forgets one that has ended."""
        ...

    def slowed_down(self) -> None:
        """Notes that a publisher has to skip turns."""
        ...

    def add_channel(self, user: str, /) -> str:
        """Notes a user's channel; returns an empty text, or why it may not be."""
        ...

    def remove_channel(self, user: str, /) -> None:
        """Forgets a user's channel that has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections are held to; each as in the configuration."""

    heartbeat_s: int
    frame_max_bytes: int
    channel_max: int
    consumers_per_channel_max: int
    live_prefetch: tuple[str, ...]  # products of clients whose basic.qos reaches running consumers
    message_size_max_bytes: int
    handshake_timeout_ms: int
    auth_failure_delay_ms: int


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a connection needs, handed in at its birth. `timers` and heartbeats go by `link_ms`."""

    limits: Limits
    server_properties: dict[str, object]
    operations: Operations
    vhosts: dict[str, Vhost]
    accounts: Accounts
    turn: Turn
    timers: TimersPort
    link_ms: Callable[[], int]
    alarms: AlarmsPort
    registry: Registry
