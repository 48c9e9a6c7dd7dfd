"""Where dead letters go: the queues that get them, through which exchanges, and out of which queues.

What a topic or headers exchange would choose is not worked out: every queue bound to it may get them. Must not: look at
messages, or change anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from broker.introspection.by_name import Listings
from broker.introspection.pages import Steps
from broker.queues.queue import Queue
from broker.routing.table import DEFAULT_EXCHANGE, RoutingTable
from broker.vhost import Vhost

SLICE: Final = 250  # queues or bindings looked at in one go
SOURCES_MAX: Final = 20  # queues named, of all whose dead letters come in
EXCHANGES_MAX: Final = 20  # named, likewise
HOPS_MAX: Final = 16  # exchanges bound to one another that are followed

Wish = tuple[str, str | None]  # a dead-letter exchange, and the key if not the message's own


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """A queue that dead letters go to; `sources` are some of the `source_count` queues they come out of."""

    name: str
    vhost: str
    messages_ready: int
    consumers: int
    exchanges: tuple[str, ...]
    sources: tuple[str, ...]
    source_count: int


class _Sources:
    """Queues that dead letters come out of: how many, and some names."""

    __slots__ = ("count", "names")

    def __init__(self) -> None:
        self.count = 0
        self.names: list[str] = []

    def add(self, count: int, names: list[str]) -> None:
        self.count += count
        self.names += names[: SOURCES_MAX - len(self.names)]


def dead_letter_queues(window: Listings, vhosts: Sequence[str]) -> Steps[list[DeadLetterQueue]]:
    """The queues in these vhosts that dead letters go to. Raises: UnknownVhostError."""
    found: list[DeadLetterQueue] = []
    for name in vhosts:
        (vhost,) = window.chosen(name)
        found += yield from _of_vhost(vhost)
    return found


def _of_vhost(vhost: Vhost) -> Steps[list[DeadLetterQueue]]:
    wishes = yield from _wishes(vhost)
    sources: dict[str, _Sources] = {}
    exchanges: dict[str, dict[str, None]] = {}
    for (exchange, key), of in wishes.items():
        for name in (yield from _reached(vhost.table, exchange, key)):
            sources.setdefault(name, _Sources()).add(of.count, of.names)
            exchanges.setdefault(name, {})[exchange] = None
    return [_shown(vhost, name, one, list(exchanges[name])) for name, one in sources.items() if name in vhost.queues]


def _shown(vhost: Vhost, name: str, sources: _Sources, exchanges: list[str]) -> DeadLetterQueue:
    queue = vhost.queues[name]
    ready, consumers = queue.ready.count, len(queue.consumers.everyone())
    through = tuple(exchanges[:EXCHANGES_MAX])
    return DeadLetterQueue(name, vhost.name, ready, consumers, through, tuple(sources.names), sources.count)


def _wishes(vhost: Vhost) -> Steps[dict[Wish, _Sources]]:
    """Where queues want their dead letters to go."""
    wishes: dict[Wish, _Sources] = {}
    waiting: Iterator[Queue] = iter(list(vhost.queues.values()))
    while queues := list(islice(waiting, SLICE)):
        for queue in queues:
            exchange = queue.settings.dead_letter_exchange
            if exchange is not None:
                wish = exchange, queue.settings.dead_letter_routing_key
                wishes.setdefault(wish, _Sources()).add(1, [queue.name])
        yield
    return wishes


def _reached(table: RoutingTable, exchange: str, key: str | None) -> Steps[dict[str, None]]:
    """The queues that messages with this key (None: any) may reach from an exchange."""
    if exchange == DEFAULT_EXCHANGE:
        return {key: None} if key is not None else {}
    reached: dict[str, None] = {}
    seen, following = {exchange}, [exchange]
    for _ in range(HOPS_MAX):
        if not following:
            break
        here = following.pop()
        is_direct = here in table.exchanges and table.exchanges[here].type == "direct"
        waiting = table.bindings(here)
        while some := list(islice(waiting, SLICE)):
            for binding in some:
                if is_direct and key is not None and binding.routing_key != key:
                    continue
                if binding.destination_kind == "queue":
                    reached[binding.destination] = None
                elif binding.destination not in seen:
                    seen.add(binding.destination)
                    following.append(binding.destination)
            yield
    return reached
