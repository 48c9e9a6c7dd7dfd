"""The routing table: walks, alternates, auto-delete chains, listing and the route cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from broker.routing.exchange import Exchange, default_exchanges
from broker.routing.table import ROUTE_CACHE_MAX, RoutingTable
from broker.routing.topic import TopicMatcher
from protocol.errors import ChannelException
from tests.broker.routing.support import NamedQueue, no_headers


class World:
    """A table with the default exchanges, and short words for filling it."""

    def __init__(self) -> None:
        self.table = RoutingTable()
        for exchange in default_exchanges():
            self.table.add_exchange(exchange)

    def exchange(
        self, name: str, kind: str = "direct", auto_delete: bool = False, alternate: str | None = None
    ) -> None:
        self.table.add_exchange(Exchange(name, kind, auto_delete=auto_delete, alternate=alternate))

    def queue(self, *names: str) -> None:
        for name in names:
            self.table.add_queue(NamedQueue(name))

    def bind(self, source: str, target: str, key: str = "", arguments: dict[str, object] | None = None) -> bool:
        return self.table.bind(self.table.exchanges[source], self.end(target), key, arguments or {})

    def unbind(self, source: str, target: str, key: str = "") -> tuple[bool, list[str]]:
        return self.table.unbind(self.table.exchanges[source], self.end(target), key, {})

    def end(self, name: str) -> NamedQueue | Exchange:
        found = self.table.exchanges.get(name) or self.table.queues[name]
        assert isinstance(found, (NamedQueue, Exchange))
        return found

    def route(self, exchange: str, *keys: str, headers: Callable[[], Mapping[str, object]] = no_headers) -> list[str]:
        source = self.table.exchanges[exchange]
        found = self.table.route_keys(source, keys, headers)
        if len(keys) == 1:
            assert found == self.table.route(source, keys[0], headers)
        assert len({id(queue) for queue in found}) == len(found)
        return [queue.name for queue in found]


@pytest.fixture
def world() -> World:
    made = World()
    made.queue("q", "r", "s")
    return made


def test_the_default_exchange_finds_a_queue_by_its_name(world: World) -> None:
    assert world.route("", "q") == ["q"]
    assert world.route("", "none") == []
    assert world.route("", "s", "none", "q", "s") == ["s", "q"]
    world.table.remove_queue(world.table.queues["q"])
    assert world.route("", "q") == []


def test_several_paths_to_one_queue_give_one_copy(world: World) -> None:
    world.exchange("x", "topic")
    world.exchange("y", "fanout")
    for source, target, key in [("x", "q", "a.*"), ("x", "q", "#"), ("x", "y", "a.#"), ("y", "q", "")]:
        assert world.bind(source, target, key)
    assert world.route("x", "a.b") == ["q"]
    assert world.route("x", "a.b", "a.c") == ["q"]


def test_a_chain_and_a_cycle_of_exchanges_end(world: World) -> None:
    for name in "xyz":
        world.exchange(name, "fanout")
    for source, target in [("x", "y"), ("y", "z"), ("z", "x"), ("x", "x"), ("z", "q")]:
        world.bind(source, target)
    assert [world.route(name, "k") for name in "xyz"] == [["q"], ["q"], ["q"]]


def test_a_long_chain_does_not_recurse(world: World) -> None:
    for number in range(3_000):
        world.exchange(f"x{number}", "fanout", auto_delete=True)
        if number:
            world.bind(f"x{number - 1}", f"x{number}")
    world.bind("x2999", "q")
    assert world.route("x0", "k") == ["q"]
    assert world.table.remove_queue(world.table.queues["q"]) == [f"x{number}" for number in range(2_999, -1, -1)]


def test_binding_again_and_unbinding_again_change_nothing(world: World) -> None:
    world.exchange("x")
    assert world.bind("x", "q", "k")
    version = world.table.version
    assert not world.bind("x", "q", "k")
    assert world.table.version == version
    assert world.table.exchanges["x"].bindings_count == 1
    assert world.bind("x", "q", "k", {"a": 1})
    assert world.table.exchanges["x"].bindings_count == 2
    assert world.unbind("x", "q", "k") == (True, [])
    assert world.route("x", "k") == ["q"]
    version = world.table.version
    assert world.unbind("x", "q", "k") == (False, [])
    assert world.table.version == version


def test_refused_arguments_leave_no_binding(world: World) -> None:
    with pytest.raises(ChannelException):
        world.bind("amq.headers", "q", "", {"x-match": "bad"})
    assert list(world.table.bindings(source="amq.headers")) == []
    assert world.table.exchanges["amq.headers"].bindings_count == 0


# Alternate exchanges, each case as RabbitMQ 3.10.8 answered it.


def test_an_alternate_gets_what_its_exchange_cannot_route(world: World) -> None:
    world.exchange("x", alternate="y")
    assert world.route("x", "k") == []  # no exchange y yet
    world.exchange("y", "fanout")
    world.bind("y", "q")
    world.bind("x", "r", "hit")
    assert world.route("x", "k") == ["q"]
    assert world.route("x", "hit") == ["r"]


def test_a_cycle_of_alternates_ends(world: World) -> None:
    world.exchange("x", alternate="y")
    world.exchange("y", alternate="x")
    assert world.route("x", "k") == []
    world.bind("y", "q", "k")
    assert world.route("x", "k") == ["q"]


def test_an_exchange_that_passes_a_message_on_to_a_dead_end_has_routed_it(world: World) -> None:
    world.exchange("x", alternate="y")
    world.exchange("y", "fanout")
    world.exchange("dead-end", "fanout")
    world.bind("y", "q")
    world.bind("x", "dead-end", "k")
    assert world.route("x", "k") == []


def test_each_hop_has_its_own_alternate(world: World) -> None:
    world.exchange("x", "fanout")
    world.exchange("y", alternate="z")
    world.exchange("z", "fanout")
    world.bind("x", "y")
    world.bind("x", "q")
    world.bind("z", "r")
    assert sorted(world.route("x", "k")) == ["q", "r"]


def test_the_alternate_is_asked_only_when_none_of_several_keys_matches(world: World) -> None:
    world.exchange("x", alternate="y")
    world.exchange("y")
    world.bind("x", "q", "hit")
    world.bind("y", "r", "miss")
    assert world.route("x", "miss", "hit") == ["q"]
    assert world.route("x", "miss", "other") == ["r"]


def test_the_default_exchange_as_an_alternate_routes_nowhere(world: World) -> None:
    world.exchange("x", alternate="")
    assert world.route("x", "q") == []


# Headers


def test_headers_are_asked_for_once_and_only_where_needed(world: World) -> None:
    world.exchange("x", "fanout")
    world.bind("x", "amq.headers")
    world.bind("x", "amq.match")
    world.bind("amq.headers", "q", "", {"a": 1})
    world.bind("amq.match", "r", "", {"a": 2})
    asked: list[int] = []

    def headers() -> Mapping[str, object]:
        asked.append(1)
        return {"a": len(asked)}

    source = world.table.exchanges["x"]
    assert [queue.name for queue in world.table.route(source, "k", headers)] == ["q"]
    assert len(asked) == 1
    assert [queue.name for queue in world.table.route(source, "k", headers)] == ["r"]  # not from the cache
    assert len(asked) == 2


# Auto-delete


def test_an_auto_delete_exchange_goes_with_its_last_binding(world: World) -> None:
    world.exchange("x", auto_delete=True)
    world.exchange("unused", auto_delete=True)
    world.bind("x", "q", "a")
    world.bind("x", "r", "b")
    assert world.unbind("x", "q", "a") == (True, [])
    assert world.table.remove_queue(world.table.queues["r"]) == ["x"]
    assert "x" not in world.table.exchanges
    assert "unused" in world.table.exchanges  # never had a binding


def test_auto_delete_looks_at_the_source_only(world: World) -> None:
    world.exchange("x", auto_delete=True)
    world.exchange("y", auto_delete=True)
    world.bind("x", "y", "k")
    assert world.unbind("x", "y", "k") == (True, ["x"])
    assert "y" in world.table.exchanges


def test_auto_delete_runs_along_a_chain(world: World) -> None:
    world.exchange("x", auto_delete=True)
    world.exchange("y", auto_delete=True)
    world.exchange("z")
    world.bind("x", "y", "k")
    world.bind("y", "z", "k")
    assert world.table.remove_exchange("z") == ["y", "x"]
    assert list(world.table.bindings(kind="exchange")) == []
    assert world.table.remove_exchange("z") == []


def test_a_ring_of_auto_delete_exchanges_goes_once(world: World) -> None:
    for name in "xy":
        world.exchange(name, auto_delete=True)
    for source, target in [("x", "y"), ("y", "x"), ("x", "x")]:
        world.bind(source, target, "k")
    assert world.table.remove_exchange("x") == ["y"]
    assert not world.table.exchanges.keys() & {"x", "y"}


# Listing


def test_bindings_are_listed_by_source_destination_and_kind(world: World) -> None:
    world.exchange("q")  # an exchange may have a queue's name
    world.table.bind(world.table.exchanges["amq.topic"], world.table.queues["q"], "a.#", {})
    world.table.bind(world.table.exchanges["amq.topic"], world.table.exchanges["q"], "b", {})

    def listed(**wanted: str) -> list[tuple[str, str, str, str]]:
        found = world.table.bindings(**wanted)  # type: ignore[arg-type]
        return [(one.source, one.destination, one.destination_kind, one.routing_key) for one in found]

    implicit = [("", name, "queue", name) for name in "qrs"]
    to_queue, to_exchange = ("amq.topic", "q", "queue", "a.#"), ("amq.topic", "q", "exchange", "b")
    assert listed() == [*implicit, to_queue, to_exchange]
    assert listed(source="") == implicit
    assert listed(source="amq.topic") == [to_queue, to_exchange]
    assert listed(source="amq.topic", kind="exchange") == [to_exchange]
    assert listed(destination="q") == [implicit[0], to_queue, to_exchange]
    assert listed(destination="q", kind="queue") == [implicit[0], to_queue]
    assert listed(source="amq.topic", destination="r") == []
    assert listed(destination="none") == []


def test_the_list_survives_changes_while_it_is_read(world: World) -> None:
    for name in "qrs":
        world.bind("amq.fanout", name)
    seen = 0
    for one in world.table.bindings():
        seen += 1
        if one.source == "":
            world.table.remove_queue(world.table.queues[one.destination])
    assert seen == 3


# The route cache: invariant 3


def test_a_route_asked_for_again_is_not_matched_again(world: World) -> None:
    world.bind("amq.topic", "q", "a.#")
    source = world.table.exchanges["amq.topic"]
    assert isinstance(source.matcher, TopicMatcher)
    first = world.table.route(source, "a.b", no_headers)
    visited = source.matcher.visited
    assert world.table.route(source, "a.b", no_headers) == first
    assert source.matcher.visited == visited
    world.table.route(source, "nobody", no_headers)
    visited = source.matcher.visited
    world.table.route(source, "nobody", no_headers)
    assert source.matcher.visited == visited  # an empty route is an answer as well


def test_every_change_that_alters_a_route_is_seen_and_counted(world: World) -> None:
    table = world.table
    world.exchange("x", "topic")

    def changes(expected: list[str], change: Callable[[], object]) -> None:
        before = table.version
        change()
        assert table.version > before
        assert world.route("x", "a") == expected

    assert world.route("x", "a") == []
    changes(["q"], lambda: world.bind("x", "q", "a"))
    changes(["q", "r"], lambda: world.bind("x", "r", "#"))
    changes(["r"], lambda: world.unbind("x", "q", "a"))
    changes([], lambda: table.remove_queue(table.queues["r"]))
    changes([], lambda: setattr(table.exchanges["x"], "alternate", "y"))
    changes([], lambda: world.exchange("y", "fanout"))
    changes(["s"], lambda: world.bind("y", "s"))
    changes([], lambda: setattr(table.exchanges["x"], "alternate", None))
    changes(["s"], lambda: setattr(table.exchanges["x"], "alternate", "y"))
    changes([], lambda: table.remove_exchange("y"))
    changes([], lambda: world.queue("t"))


def test_an_exchange_of_a_deleted_ones_name_has_no_share_in_its_routes(world: World) -> None:
    world.exchange("x", "fanout")
    world.bind("x", "q")
    assert world.route("x", "k") == ["q"]
    stale = world.table.exchanges["x"]
    world.table.remove_exchange("x")
    world.exchange("x", "fanout")
    assert world.table.route(stale, "k", no_headers) == ()
    assert world.route("x", "k") == []
    version = world.table.version
    stale.alternate = "amq.fanout"
    assert world.table.version == version


def test_the_cache_is_bounded_and_stays_right(world: World) -> None:
    world.bind("amq.topic", "q", "even.#")
    source = world.table.exchanges["amq.topic"]
    for number in range(ROUTE_CACHE_MAX + 10):
        word = "odd" if number % 2 else "even"
        assert len(world.table.route(source, f"{word}.{number}", no_headers)) == 1 - number % 2
        assert world.table.cached_routes <= ROUTE_CACHE_MAX
    assert 0 < world.table.cached_routes < ROUTE_CACHE_MAX  # it was emptied once
