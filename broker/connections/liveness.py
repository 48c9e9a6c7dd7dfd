"""What a connection does by the clock: the handshake's deadline, heartbeats both ways, and dropping late answers.

Must not: read a clock; the turn's time is enough.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from broker.connections.services import Services, TransportPort
from protocol.heartbeat import HEARTBEAT_FRAME, Heartbeat

log = logging.getLogger("leveret.connection")
LATE_MS: Final = 200  # behind its time, a look at the heartbeats says more about us than about the client


class Droppable(Protocol):
    """What liveness needs of its connection."""

    @property
    def name(self) -> str:
        """As logs show it."""
        ...

    @property
    def log_fields(self) -> dict[str, object]:
        """Who it is, for the fields of a log line."""
        ...

    @property
    def is_unread(self) -> bool:
        """Whether we do not read from it at present."""
        ...

    def drop(self) -> None:
        """Closes the socket at once."""
        ...


class Liveness:
    """One connection's deadlines; all of them end with `stop`."""

    __slots__ = ("_connection", "_due_ms", "_heartbeat", "_services", "_timers", "_transport", "interval_s")

    def __init__(self, connection: Droppable, services: Services, transport: TransportPort) -> None:
        self.interval_s = 0
        self._connection = connection
        self._services = services
        self._transport = transport
        self._heartbeat: Heartbeat | None = None
        self._due_ms = 0  # when to look at it next
        self._timers: dict[str, object] = {}
        self._after("handshake", services.limits.handshake_timeout_ms, self._handshake_late)

    def _after(self, what: str, wait_ms: int, callback: Callable[[], None]) -> None:
        self._at(what, self._services.link_ms() + wait_ms, callback)

    def _at(self, what: str, due_ms: int, callback: Callable[[], None]) -> None:
        self._cancel(what)
        self._timers[what] = self._services.timers.add(due_ms, callback)

    def _cancel(self, what: str) -> None:
        timer = self._timers.pop(what, None)
        if timer is not None:
            self._services.timers.cancel(timer)

    def _handshake_late(self) -> None:
        connection = self._connection
        text = "connection %s: no login within the handshake's time"
        log.warning(text, connection.name, extra=connection.log_fields)
        self._connection.drop()

    def opened(self) -> None:
        """The handshake is over."""
        self._cancel("handshake")

    def drop_after(self, wait_ms: int) -> None:
        """Drops the connection unless it has ended by then."""
        self._after("drop", wait_ms, self._connection.drop)

    def start(self, interval_s: int) -> None:
        """Heartbeats both ways, every interval; 0 is none.

        Spec: 1.4.2.6.3 (the heartbeat of connection.tune-ok).
        """
        self.interval_s = interval_s
        if interval_s:
            self._heartbeat = Heartbeat(interval_s, self._services.link_ms())
            self._due_ms = self._services.link_ms()
            self._check()

    def received(self) -> None:
        """Something came from the peer."""
        if self._heartbeat is not None:
            self._heartbeat.received(self._services.link_ms())

    def sent(self) -> None:
        """Something went out to the peer."""
        if self._heartbeat is not None:
            self._heartbeat.sent(self._services.link_ms())

    def _check(self) -> None:
        heartbeat = self._heartbeat
        assert heartbeat is not None
        now_ms = self._services.link_ms()
        if self._connection.is_unread:
            heartbeat.received(now_ms)  # nothing can come from somebody we do not read
        if heartbeat.is_dead(now_ms):
            if (
                now_ms - self._due_ms >= LATE_MS
            ):  # the loop stood still: what has come meanwhile is read before we ask again
                self._check_at(now_ms + LATE_MS)
                return
            text = "connection %s: missed heartbeats from client, timeout: %ds"
            log.warning(text, self._connection.name, self.interval_s, extra=self._connection.log_fields)
            self._connection.drop()
            return
        if heartbeat.must_send(now_ms):
            heartbeat.sent(now_ms)
            self._transport.write(HEARTBEAT_FRAME)
        self._check_at(heartbeat.next_check_ms())

    def _check_at(self, due_ms: int) -> None:
        self._due_ms = due_ms
        self._at("heartbeat", due_ms, self._check)

    def stop(self) -> None:
        """The connection has ended."""
        for what in list(self._timers):
            self._cancel(what)
