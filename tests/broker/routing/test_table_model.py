"""The routing table against a naive one that keeps a list of bindings and walks it anew for every message."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker.routing.exchange import Exchange
from broker.routing.table import RoutingTable
from tests.broker.routing.support import NamedQueue, naive_headers, naive_topic

EXCHANGES = ["x1", "x2", "x3", "x4"]
QUEUES = ["q1", "q2", "q3"]
KEYS = ["", "a", "a.b", "b"]
Row = tuple[str, str, str, str, tuple[tuple[str, object], ...]]  # source, kind, destination, key, arguments

exchange_names = st.sampled_from(EXCHANGES)
queue_names = st.sampled_from(QUEUES)
ends = st.one_of(exchange_names, queue_names)
binding_keys = st.sampled_from([*KEYS, "#", "a.*", "*"])
argument_rows = st.sampled_from([(), (("a", 1),), (("a", 1), ("x-match", "any")), (("b", None),)])
header_tables = st.sampled_from([{}, {"a": 1}, {"b": 2}, {"a": 1.0, "b": True}, {"a": True}])


class NaiveTable:
    """What the rules say, with no index, no trie, no cache."""

    def __init__(self) -> None:
        self.exchanges: dict[str, tuple[str, bool]] = {}
        self.alternates: dict[str, str | None] = {}
        self.queues: set[str] = set()
        self.rows: set[Row] = set()

    def drop_rows(self, gone: set[Row]) -> set[str]:
        self.rows -= gone
        unused = {s for s, *_ in gone if s in self.exchanges and self.exchanges[s][1]}
        unused -= {s for s, *_ in self.rows}
        removed = set(unused)
        for name in unused:
            removed |= self.drop_exchange(name)
        return removed

    def drop_exchange(self, name: str) -> set[str]:
        if self.exchanges.pop(name, None) is None:
            return set()
        self.rows = {row for row in self.rows if row[0] != name}
        return self.drop_rows({row for row in self.rows if row[1:3] == ("exchange", name)})

    def matches(self, row: Row, key: str, headers: dict[str, object]) -> bool:
        kind = self.exchanges[row[0]][0]
        if kind == "headers":
            return naive_headers(dict(row[4]), headers)
        return kind == "fanout" or (naive_topic(row[3], key) if kind == "topic" else row[3] == key)

    def route(self, start: str, keys: list[str], headers: dict[str, object]) -> set[str]:
        found: set[str] = set()
        seen, pending = {start}, [start]
        while pending:
            name = pending.pop()
            hits = {
                row[1:3] for row in self.rows if row[0] == name and any(self.matches(row, k, headers) for k in keys)
            }
            alternate = self.alternates[name]
            if not hits and alternate in self.exchanges:
                hits = {("exchange", str(alternate))}
            found |= {target for kind, target in hits if kind == "queue"}
            further = {target for kind, target in hits if kind == "exchange"} - seen
            seen |= further
            pending.extend(further)
        return found


class TableMachine(RuleBasedStateMachine):
    """Random changes, after each of which both tables route every key alike."""

    def __init__(self) -> None:
        super().__init__()
        self.table = RoutingTable()
        self.naive = NaiveTable()
        for name in QUEUES:
            self.declare_queue(name)
        for name, kind in zip(EXCHANGES, ["direct", "topic", "headers", "fanout"], strict=True):
            self.declare_exchange(name, kind, name in {"x2", "x4"}, None)

    @rule(name=queue_names)
    def declare_queue(self, name: str) -> None:
        if name not in self.table.queues:
            self.table.add_queue(NamedQueue(name))
            self.naive.queues.add(name)

    @rule(
        name=exchange_names,
        kind=st.sampled_from(["direct", "fanout", "topic", "headers"]),
        auto_delete=st.booleans(),
        alternate=st.none() | exchange_names,
    )
    def declare_exchange(self, name: str, kind: str, auto_delete: bool, alternate: str | None) -> None:
        if name not in self.table.exchanges:
            self.table.add_exchange(Exchange(name, kind, auto_delete=auto_delete, alternate=alternate))
            self.naive.exchanges[name] = (kind, auto_delete)
            self.naive.alternates[name] = alternate

    @rule(name=exchange_names, alternate=st.none() | exchange_names)
    def set_alternate(self, name: str, alternate: str | None) -> None:
        if name in self.table.exchanges:
            self.table.exchanges[name].alternate = alternate
            self.naive.alternates[name] = alternate

    @rule(source=exchange_names, end=ends, key=binding_keys, arguments=argument_rows)
    def bind(self, source: str, end: str, key: str, arguments: tuple[tuple[str, object], ...]) -> None:
        row, target = self.row(source, end, key, arguments), self.end(end)
        if source in self.table.exchanges and target is not None:
            done = self.table.bind(self.table.exchanges[source], target, key, dict(arguments))
            assert done is (row not in self.naive.rows)
            self.naive.rows.add(row)

    @rule(source=exchange_names, end=ends, key=binding_keys, arguments=argument_rows)
    def unbind(self, source: str, end: str, key: str, arguments: tuple[tuple[str, object], ...]) -> None:
        row, target = self.row(source, end, key, arguments), self.end(end)
        if source in self.table.exchanges and target is not None:
            there, removed = self.table.unbind(self.table.exchanges[source], target, key, dict(arguments))
            assert there is (row in self.naive.rows)
            assert set(removed) == (self.naive.drop_rows({row}) if there else set())

    @rule(data=st.data())
    def unbind_one_that_is_there(self, data: st.DataObject) -> None:
        if self.naive.rows:
            source, _, end, key, arguments = data.draw(st.sampled_from(sorted(self.naive.rows, key=repr)))
            self.unbind(source, end, key, arguments)

    @rule(name=queue_names)
    def delete_queue(self, name: str) -> None:
        if name in self.table.queues:
            removed = self.table.remove_queue(self.table.queues[name])
            self.naive.queues.remove(name)
            gone = {row for row in self.naive.rows if row[1:3] == ("queue", name)}
            assert set(removed) == self.naive.drop_rows(gone)

    @rule(name=exchange_names)
    def delete_exchange(self, name: str) -> None:
        removed = self.table.remove_exchange(name)
        assert set(removed) == self.naive.drop_exchange(name)
        assert len(set(removed)) == len(removed)

    @rule(name=exchange_names, keys=st.lists(st.sampled_from(KEYS), min_size=2, max_size=3), headers=header_tables)
    def route_several_keys(self, name: str, keys: list[str], headers: dict[str, object]) -> None:
        if name in self.table.exchanges:
            found = self.table.route_keys(self.table.exchanges[name], keys, lambda: headers)
            assert sorted(queue.name for queue in found) == sorted(self.naive.route(name, keys, headers))

    @invariant()
    def routes_alike(self) -> None:
        assert self.table.exchanges.keys() == self.naive.exchanges.keys()
        for name, exchange in self.table.exchanges.items():
            for key in KEYS:
                for headers in ({}, {"a": 1}):
                    found = self.table.route(exchange, key, lambda given=headers: given)
                    assert sorted(queue.name for queue in found) == sorted(self.naive.route(name, [key], headers))

    @invariant()
    def lists_and_counts_alike(self) -> None:
        listed = [one for one in self.table.bindings() if one.source]
        rows = {
            (b.source, b.destination_kind, b.destination, b.routing_key, tuple(b.arguments.items())) for b in listed
        }
        assert len(listed) == len(rows)
        assert rows == self.naive.rows
        for name, exchange in self.table.exchanges.items():
            assert exchange.bindings_count == sum(row[0] == name for row in rows)

    def end(self, name: str) -> NamedQueue | Exchange | None:
        found = self.table.exchanges.get(name) or self.table.queues.get(name)
        assert found is None or isinstance(found, (NamedQueue, Exchange))
        return found

    @staticmethod
    def row(source: str, end: str, key: str, arguments: tuple[tuple[str, object], ...]) -> Row:
        return source, "exchange" if end in EXCHANGES else "queue", end, key, arguments


TestTableModel = TableMachine.TestCase
TestTableModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
