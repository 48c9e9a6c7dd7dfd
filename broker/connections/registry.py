"""The open connections, and how many there may be. Must not: open or close one by itself."""

from __future__ import annotations

from collections import Counter

from broker.connections.connection import Connection
from broker.policies.limits import MAX_CHANNELS, MAX_CONNECTIONS, NO_LIMIT, LimitStore


class Connections:
    """Every connection that has been opened, in the order of opening."""

    def __init__(
        self, connections_max: int, channels_max: int, vhost_limits: LimitStore, user_limits: LimitStore
    ) -> None:
        self.connections_max = connections_max
        self.channels_max = channels_max
        self.channels = 0
        self.channels_opened = 0
        self.open: dict[Connection, None] = {}
        self._vhost_limits = vhost_limits
        self._user_limits = user_limits
        self._places: dict[Connection, tuple[str, str]] = {}  # user and vhost of each
        self._of_vhosts: Counter[str] = Counter()  # connections; what nobody has is not in it, as in the next two
        self._of_users: Counter[str] = Counter()
        self._channels_of_users: Counter[str] = Counter()
        self.opened = 0
        self.closed = 0
        self.slowed = 0  # how often a publisher had to skip turns

    def add(self, connection: Connection, user: str, vhost: str) -> str:
        """Notes a connection; returns an empty text, or why it may not be."""
        refusal = self._refusal(user, vhost)
        if not refusal:
            self.open[connection] = None
            self.opened += 1
            self._places[connection] = (user, vhost)
            self._of_users[user] += 1
            self._of_vhosts[vhost] += 1
        return refusal

    def _refusal(self, user: str, vhost: str) -> str:
        if self.connections_max and len(self.open) >= self.connections_max:
            return f"connection refused: node connection limit ({self.connections_max}) is reached"
        limit = self._vhost_limits.limit(vhost, MAX_CONNECTIONS)
        if NO_LIMIT < limit <= self._of_vhosts[vhost]:
            return f"access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is reached"
        limit = self._user_limits.limit(user, MAX_CONNECTIONS)
        if NO_LIMIT < limit <= self._of_users[user]:
            return f"connection refused for user '{user}': user connection limit ({limit}) is reached"
        return ""

    def remove(self, connection: Connection) -> None:
        """Forgets one that has ended."""
        if self.open.pop(connection, self) is not None:
            return
        self.closed += 1
        user, vhost = self._places.pop(connection)
        _take(self._of_users, user)
        _take(self._of_vhosts, vhost)
        actor = connection.host.actor
        if actor is not None:
            actor.vhost.counters.received_bytes += connection.received_bytes
            actor.vhost.counters.sent_bytes += connection.output.total_bytes

    def slowed_down(self) -> None:
        """Notes that a publisher has to skip turns, since consumers or the disk are behind."""
        self.slowed += 1

    def add_channel(self, user: str) -> str:
        """Notes a user's channel; returns an empty text, or why it may not be."""
        if self.channels_max and self.channels >= self.channels_max:
            return f"number of channels opened on node has reached the maximum allowed limit of ({self.channels_max})"
        limit = self._user_limits.limit(user, MAX_CHANNELS)
        if NO_LIMIT < limit <= self._channels_of_users[user]:
            reached = f"has reached the maximum allowed user limit of ({limit})"
            return f"number of channels opened for user '{user}' {reached}"
        self.channels += 1
        self.channels_opened += 1
        self._channels_of_users[user] += 1
        return ""

    def remove_channel(self, user: str) -> None:
        """Forgets a user's channel that has ended."""
        self.channels -= 1
        _take(self._channels_of_users, user)

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


def _take(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
