"""The routing table of one vhost: its exchanges, queues and bindings, and the way of a message through them.

Must not: know what a queue does with a message, check permissions or refuse a change (operations does).

A message's stop here lies between channel and queue. Invariants:
1. A binding is in its source's matcher, in `_by_source` and in `_by_destination`, or in none of them.
2. Both ends of a binding are in `exchanges` or `queues`.
3. The cache holds only answers that a walk would give now: every change of (1) or (2), or of an alternate, clears it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from broker.routing.binding import Binding, DestinationKind, Target
from broker.routing.exchange import Exchange, QueueDestination, default_exchanges
from protocol.properties import NO_PROPERTIES, Properties, property_of

__all__ = ["ROUTE_CACHE_MAX", "ROUTE_CACHE_QUEUES_MAX", "RoutingTable", "default_exchanges"]

ROUTE_CACHE_MAX: Final = 16_384  # answers kept
ROUTE_CACHE_QUEUES_MAX: Final = 262_144  # queues named in all answers kept
DEFAULT_EXCHANGE: Final = ""
_NO_HEADERS: Final[Mapping[str, object]] = {}

Route = tuple[QueueDestination, ...]


class RoutingTable:
    """Who is bound to whom in one vhost; `version` grows with every change that can alter a route.

    `on_unbind` is told of every binding that has gone, whatever the reason, with its source and destination. `varied`
    says of the route found last that the next message which is like this one may go another way; `passed` are the
    exchanges with a gate that it leads through, and `barred` those behind which it does not go on.
    """

    __slots__ = (
        "_by_destination",
        "_by_source",
        "_cache",
        "_cached_queues",
        "barred",
        "exchanges",
        "on_unbind",
        "passed",
        "queues",
        "varied",
        "version",
    )

    def __init__(self) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self.queues: dict[str, QueueDestination] = {}
        self.version = 0
        self.varied = False
        self.passed: list[Exchange] = []
        self.barred: list[Exchange] = []
        self.on_unbind: Callable[[Binding, Exchange, Target], None] | None = None
        self._by_source: dict[str, dict[Binding, Target]] = {}
        self._by_destination: dict[tuple[str, str], dict[Binding, None]] = {}
        self._cache: dict[tuple[Exchange, str], Route] = {}
        self._cached_queues = 0

    def add_exchange(self, exchange: Exchange) -> None:
        """Take an exchange whose name is free."""
        assert exchange.name not in self.exchanges, "the name is free"
        self.exchanges[exchange.name] = exchange
        exchange.on_alternate_change = self._changed
        self._changed()

    def remove_exchange(self, name: str) -> list[str]:
        """Drop an exchange with its bindings. Returns: the auto-delete exchanges that went along, in order."""
        exchange = self.exchanges.get(name)
        return [] if exchange is None else self._remove_exchanges([exchange])[1:]  # the first is itself

    def add_queue(self, queue: QueueDestination) -> None:
        """Take a queue whose name is free."""
        assert queue.name not in self.queues, "the name is free"
        self.queues[queue.name] = queue
        self._changed()

    def remove_queue(self, queue: QueueDestination) -> list[str]:
        """Drop a queue with its bindings. Returns: the auto-delete exchanges that went along, in order."""
        if self.queues.get(queue.name) is not queue:
            return []
        del self.queues[queue.name]
        unused = self._drop_incoming("queue", queue.name)
        self._changed()
        return self._remove_exchanges(unused)

    def bind(
        self,
        source: Exchange,
        destination: QueueDestination | Exchange,
        routing_key: str,
        arguments: dict[str, object],
    ) -> bool:
        """Add a binding; both ends are in the table.

        Returns: False when it was there already.
        Raises: ChannelException 406 when the exchange's type refuses the arguments; nothing has changed then.
        Spec: 1.7.2.3 (queue.bind).
        """
        binding = _binding(source, destination, routing_key, arguments)
        assert self._holds(source), "the source is in the table"
        assert self._holds(destination), "the destination is in the table"
        bindings = self._by_source.get(source.name)
        if bindings is not None and binding in bindings:
            return False
        source.matcher.add(binding, destination)
        self._by_source.setdefault(source.name, {})[binding] = destination
        self._by_destination.setdefault((binding.destination_kind, destination.name), {})[binding] = None
        source.bindings_count += 1
        self._changed()
        return True

    def unbind(
        self,
        source: Exchange,
        destination: QueueDestination | Exchange,
        routing_key: str,
        arguments: dict[str, object],
    ) -> tuple[bool, list[str]]:
        """Remove a binding. Returns: whether it was there, and the auto-delete exchanges that went along, in order.

        Spec: 1.7.2.5 (queue.unbind).
        """
        binding = _binding(source, destination, routing_key, arguments)
        if binding not in self._by_source.get(source.name, {}):
            return False, []
        self._drop(binding)
        self._changed()
        return True, self._remove_exchanges([source] if _is_unused(source) else [])

    def bindings(
        self, source: str | None = None, destination: str | None = None, kind: DestinationKind | None = None
    ) -> Iterator[Binding]:
        """All bindings, or those of one source, destination or kind, with the default exchange's implicit ones."""
        if source in {None, DEFAULT_EXCHANGE} and kind != "exchange":
            names = list(self.queues) if destination is None else [destination]
            for name in names:
                if name in self.queues:
                    yield Binding(DEFAULT_EXCHANGE, name, "queue", name, {})
        for group in self._groups(source, destination):
            for binding in list(group):
                if (
                    (source is None or binding.source == source)
                    and (destination is None or binding.destination == destination)
                    and (kind is None or binding.destination_kind == kind)
                ):
                    yield binding

    def explicit_bindings(self) -> Iterator[Binding]:
        """All bindings but the default exchange's implicit ones; bindings may come and go meanwhile."""
        for group in list(self._by_source.values()):
            yield from list(group)

    def route(
        self,
        exchange: Exchange,
        routing_key: str,
        headers: Callable[[], Mapping[str, object]],
        properties: Properties = NO_PROPERTIES,
    ) -> tuple[QueueDestination, ...]:
        """The queues a message goes to, each once, in an order that stays the same between changes.

        Args: `headers` is called at most once, and only where an exchange on the way looks at them.
        """
        self._forget_last()
        if exchange.name == DEFAULT_EXCHANGE:
            queue = self.queues.get(routing_key)
            return () if queue is None else (queue,)
        known = self._cache.get((exchange, routing_key))
        if known is not None:
            return known
        route, repeatable = self._walk(exchange, (routing_key,), headers, properties)
        if repeatable:
            self._remember(exchange, routing_key, route)
        return route

    def route_keys(
        self,
        exchange: Exchange,
        keys: Iterable[str],
        headers: Callable[[], Mapping[str, object]],
        properties: Properties = NO_PROPERTIES,
    ) -> tuple[QueueDestination, ...]:
        """The queues of a message with several routing keys (its own, CC and BCC).

        An exchange passes to its alternate only when none of the keys matches, so this can be less than the routes of
        the keys one by one.
        """
        unique = tuple(dict.fromkeys(keys))
        if len(unique) == 1:
            return self.route(exchange, unique[0], headers, properties)
        self._forget_last()
        if exchange.name == DEFAULT_EXCHANGE:
            return tuple([self.queues[key] for key in unique if key in self.queues])
        return self._walk(exchange, unique, headers, properties)[0]

    def is_fixed(self, exchange: Exchange, routing_key: str) -> bool:
        """Whether the route last found for this key depends on nothing else, as long as `version` stays the same."""
        if exchange.name == DEFAULT_EXCHANGE:
            return routing_key in self.queues
        return (exchange, routing_key) in self._cache

    def _forget_last(self) -> None:
        """What was said of the route found last."""
        self.varied = False
        if self.passed or self.barred:
            self.passed, self.barred = [], []

    @property
    def cached_routes(self) -> int:
        """How many answers the route cache holds, at most ROUTE_CACHE_MAX."""
        return len(self._cache)

    def _walk(
        self,
        start: Exchange,
        keys: tuple[str, ...],
        headers: Callable[[], Mapping[str, object]],
        properties: Properties,
    ) -> tuple[Route, bool]:
        """The route, and whether it depends on nothing but the keys."""
        queues: dict[str, QueueDestination] = {}
        pending = [start]
        seen = {start.name}
        given: Mapping[str, object] | None = None
        repeatable = True
        while pending:
            exchange = pending.pop()
            if exchange.gate is not None and exchange is not start and not self._is_open(exchange, properties):
                continue
            matcher = exchange.matcher
            looks_at = _NO_HEADERS if given is None else given
            if matcher.uses_headers and given is None:
                looks_at = given = headers()
            elif matcher.uses_property:
                looks_at = {matcher.uses_property: property_of(properties, matcher.uses_property)}
                repeatable = False
            if matcher.varies:
                self.varied = True
            for target in self._matches(exchange, keys, looks_at):
                if not isinstance(target, Exchange):
                    queues[target.name] = target
                elif target.name not in seen:
                    seen.add(target.name)
                    pending.append(target)
        return tuple(queues.values()), repeatable and given is None and not self.varied

    def _is_open(self, exchange: Exchange, properties: Properties) -> bool:
        """Whether the gate of an exchange on the way lets a message through; the next one like it is asked anew."""
        self.varied = True
        gate = exchange.gate
        is_open = gate is None or not gate.bars(properties)
        (self.passed if is_open else self.barred).append(exchange)
        return is_open

    def _matches(self, exchange: Exchange, keys: tuple[str, ...], headers: Mapping[str, object]) -> Collection[Target]:
        """One hop: what is bound here and matches, else the alternate exchange if there is one."""
        matcher = exchange.matcher
        found: Collection[Target]
        if len(keys) == 1 or matcher.picks_one:
            found = matcher.match(keys[0], headers)
        else:
            found = [target for key in keys for target in matcher.match(key, headers)]
        alternate = exchange.alternate
        if alternate is None or found:
            return found
        other = self.exchanges.get(alternate)
        return () if other is None else (other,)

    def _remember(self, exchange: Exchange, routing_key: str, route: Route) -> None:
        if len(route) > ROUTE_CACHE_QUEUES_MAX:
            return
        if len(self._cache) >= ROUTE_CACHE_MAX or self._cached_queues + len(route) > ROUTE_CACHE_QUEUES_MAX:
            self._clear_cache()
        self._cache[exchange, routing_key] = route
        self._cached_queues += len(route)

    def _changed(self) -> None:
        self.version += 1
        self._clear_cache()

    def _clear_cache(self) -> None:
        self._cache.clear()
        self._cached_queues = 0

    def _holds(self, end: QueueDestination | Exchange) -> bool:
        if isinstance(end, Exchange):
            return self.exchanges.get(end.name) is end
        return self.queues.get(end.name) is end

    def _groups(self, source: str | None, destination: str | None) -> list[Iterable[Binding]]:
        """The smallest groups of bindings in which those asked for are."""
        if destination is not None:
            kinds = ("queue", "exchange")
            return [self._by_destination.get((kind, destination), {}) for kind in kinds]
        if source is not None:
            return [self._by_source.get(source, {})]
        return list(self._by_source.values())

    def _remove_exchanges(self, doomed: list[Exchange]) -> list[str]:
        """Drop exchanges, then the auto-delete exchanges that lose their last binding by it, and so on."""
        removed: list[str] = []
        for exchange in doomed:  # grows while it is walked; every exchange is dropped once, which bounds it
            if self.exchanges.get(exchange.name) is not exchange:
                continue
            del self.exchanges[exchange.name]
            removed.append(exchange.name)
            exchange.on_alternate_change = None
            for binding in list(self._by_source.get(exchange.name, ())):
                self._drop(binding, exchange)
            doomed.extend(self._drop_incoming("exchange", exchange.name))
            self._changed()
        return removed

    def _drop_incoming(self, kind: DestinationKind, name: str) -> list[Exchange]:
        """Drop the bindings that lead to one destination. Returns: the auto-delete exchanges left without any."""
        sources: dict[Exchange, None] = {}
        for binding in list(self._by_destination.get((kind, name), ())):
            sources[self._drop(binding)] = None
        return [source for source in sources if _is_unused(source)]

    def _drop(self, binding: Binding, source: Exchange | None = None) -> Exchange:
        """Forget one binding everywhere. Args: `source` where it has left `exchanges` already. Returns: the source."""
        exchange = self.exchanges[binding.source] if source is None else source
        outgoing = self._by_source[binding.source]
        target = outgoing.pop(binding)
        exchange.matcher.remove(binding, target)
        exchange.bindings_count -= 1
        if not outgoing:
            del self._by_source[binding.source]
        place = (binding.destination_kind, binding.destination)
        incoming = self._by_destination[place]
        del incoming[binding]
        if not incoming:
            del self._by_destination[place]
        if self.on_unbind is not None:
            self.on_unbind(binding, exchange, target)
        return exchange


def _binding(
    source: Exchange, destination: QueueDestination | Exchange, routing_key: str, arguments: dict[str, object]
) -> Binding:
    kind: DestinationKind = "exchange" if isinstance(destination, Exchange) else "queue"
    return Binding(source.name, destination.name, kind, routing_key, arguments)


def _is_unused(exchange: Exchange) -> bool:
    return exchange.auto_delete and exchange.bindings_count == 0
