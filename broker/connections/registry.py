"""The open connections, and how many there may be. Must not: open or close one by itself."""

from __future__ import annotations

from broker.connections.connection import Connection


class Connections:
    """Every connection that has been opened, in the order of opening."""

    def __init__(self, connections_max: int, channels_max: int) -> None:
        self.connections_max = connections_max
        self.channels_max = channels_max
        self.channels = 0
        self.channels_opened = 0
        self.open: dict[Connection, None] = {}
        self.opened = 0
        self.closed = 0
        self.slowed = 0  # how often a publisher had to skip turns

    def add(self, connection: Connection) -> str:
        """Notes a connection; returns an empty text, or why it may not be."""
        if self.connections_max and len(self.open) >= self.connections_max:
            return f"connection refused: node connection limit ({self.connections_max}) is reached"
        self.open[connection] = None
        self.opened += 1
        return ""

    def remove(self, connection: Connection) -> None:
        """Forgets one that has ended."""
        if self.open.pop(connection, self) is not None:
            return
        self.closed += 1
        actor = connection.host.actor
        if actor is not None:
            actor.vhost.counters.received_bytes += connection.received_bytes
            actor.vhost.counters.sent_bytes += connection.output.total_bytes

    def slowed_down(self) -> None:
        """Notes that a publisher has to skip turns, since consumers or the disk are behind."""
        self.slowed += 1

    def add_channel(self) -> str:
        """Notes a channel; returns an empty text, or why it may not be."""
        if self.channels_max and self.channels >= self.channels_max:
            return f"number of channels opened on node has reached the maximum allowed limit of ({self.channels_max})"
        self.channels += 1
        self.channels_opened += 1
        return ""

    def remove_channels(self, count: int) -> None:
        """Forgets channels that have ended."""
        self.channels -= count

    def cut_off(self, user: str, vhost: str, reason: str) -> None:
        """Closes the connections of a user, or to a vhost; an empty name is any."""
        for connection in self._of(user, vhost):
            connection.force_close(reason)

    def recheck(self, user: str, vhost: str) -> None:
        """Cancels consumers of a user in a vhost that may not read their queue any more."""
        for connection in self._of(user, vhost):
            connection.recheck_consumers()

    def _of(self, user: str, vhost: str) -> list[Connection]:
        chosen = [(one, one.host.actor) for one in self.open]
        return [one for one, it in chosen if it and user in ("", it.user) and vhost in ("", it.vhost.name)]

    def alarm(self, reason: str) -> None:
        """Blocks every publisher for a reason, or unblocks them where it is empty."""
        for connection in list(self.open):
            if reason:
                connection.block(reason)
            else:
                connection.unblock()
