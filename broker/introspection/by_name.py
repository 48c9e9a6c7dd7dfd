"""One thing, found by its name, and what belongs to it. Must not: change anything."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

from broker.connections.connection import Connection
from broker.connections.registry import Connections
from broker.introspection.infos import (
    BindingInfo,
    ChannelInfo,
    ConnectionInfo,
    ConsumerInfo,
    ExchangeInfo,
    QueueInfo,
    VhostInfo,
)
from broker.introspection.pages import ALL, Page, Steps
from broker.introspection.stream_infos import OffsetInfo, offset_infos
from broker.queues.stream import StreamQueue
from broker.routing.binding import Binding, DestinationKind
from broker.vhost import Vhost

SLICE: Final = 250  # bindings looked at in one go


class Listings(Protocol):
    """The window's listings, which know how each kind of thing is copied."""

    def chosen(self, name: str | None) -> list[Vhost]:
        """All vhosts, or one."""
        ...

    def queues(self, page: int, page_size: int, vhost: str | None) -> Page[QueueInfo]:
        """Queues."""
        ...

    def exchanges(self, page: int, page_size: int, vhost: str | None) -> Page[ExchangeInfo]:
        """Exchanges."""
        ...

    def vhosts(self, page: int, page_size: int) -> Page[VhostInfo]:
        """Vhosts."""
        ...

    def connections(self, page: int, page_size: int) -> Page[ConnectionInfo]:
        """Connections."""
        ...

    def channels(self, page: int, page_size: int) -> Page[ChannelInfo]:
        """Channels."""
        ...

    def consumers(self, page: int, page_size: int, vhost: str | None) -> Page[ConsumerInfo]:
        """Consumers."""
        ...

    def bindings(self, page: int, page_size: int) -> Page[BindingInfo]:
        """Bindings."""
        ...


class ByName:
    """None, or an empty page, where there is nothing of that name."""

    def __init__(self, window: Listings, connections: Connections) -> None:
        self._window = window
        self._connections = connections

    def queue(self, vhost: str, name: str) -> QueueInfo | None:
        """One queue. Raises: UnknownVhostError."""
        (of,) = self._window.chosen(vhost)
        queue = of.queues.get(name)
        return self._window.queues(1, 1, vhost).copy((of, queue)) if queue is not None else None

    def exchange(self, vhost: str, name: str) -> ExchangeInfo | None:
        """One exchange; the default one has an empty name. Raises: UnknownVhostError."""
        (of,) = self._window.chosen(vhost)
        exchange = of.table.exchanges.get(name)
        return self._window.exchanges(1, 1, vhost).copy((of, exchange)) if exchange is not None else None

    def vhost(self, name: str) -> VhostInfo:
        """One vhost. Raises: UnknownVhostError."""
        (of,) = self._window.chosen(name)
        return self._window.vhosts(1, 1).copy(of)

    def connection(self, name: str) -> ConnectionInfo | None:
        """One connection, by the name that listings show."""
        found = self.connection_named(name)
        return self._window.connections(1, 1).copy(found) if found is not None else None

    def connection_named(self, name: str) -> Connection | None:
        """The connection itself, for whoever may close it."""
        return next((one for one in self._connections.open if one.name == name), None)

    def channel(self, name: str) -> ChannelInfo | None:
        """One channel: the name of its connection, and its number in brackets."""
        of, _, number = name.removesuffix(")").rpartition(" (")
        connection = self.connection_named(of)
        channel = connection.channels.get(int(number)) if connection and number.isdecimal() else None
        return self._window.channels(1, 1).copy((connection, channel)) if channel is not None else None

    def channels_of(self, name: str) -> Page[ChannelInfo]:
        """The channels of a connection, which may be gone."""
        found = self.connection_named(name)
        chosen = [(found, channel) for channel in found.channels.values()] if found is not None else []
        return Page(chosen, self._window.channels(1, 1).copy, 1, ALL, len(chosen))

    def bindings_of(
        self, vhosts: Sequence[str], source: str | None = None, destination: str | None = None,
        kind: DestinationKind | None = None,
    ) -> Steps[Page[BindingInfo]]:  # fmt: skip
        """The bindings in some vhosts, or those of one source, destination or kind; a step looks at some of them.

        Raises: UnknownVhostError.
        """
        chosen: list[tuple[Vhost, Binding]] = []
        for name in vhosts:
            (of,) = self._window.chosen(name)
            waiting = of.table.bindings(source, destination, kind)
            while some := list(islice(waiting, SLICE)):
                chosen += [(of, binding) for binding in some]
                yield
        return Page(chosen, self._window.bindings(1, 1).copy, 1, ALL, len(chosen))

    def offsets_of(self, vhost: str, queue: str) -> list[OffsetInfo] | None:
        """The named consumers of a stream; None where the queue is none. Raises: UnknownVhostError."""
        (of,) = self._window.chosen(vhost)
        found = of.queues.get(queue)
        return offset_infos(found) if isinstance(found, StreamQueue) else None

    def consumers_of(self, vhost: str, queue: str) -> list[ConsumerInfo]:
        """The consumers of a queue. Raises: UnknownVhostError."""
        page = self._window.consumers(1, ALL, vhost)
        return [page.copy(chosen) for chosen in page.chosen if chosen[1].queue.name == queue]
