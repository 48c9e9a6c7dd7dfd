"""A scrape is made of small pieces of work, however many queues there are."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from pamqp.commands import Queue
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics

from broker.introspection.pages import at_once
from broker.introspection.window import Introspection
from broker.metrics.exposition import FAMILIES_IN_ONE_GO, LINES_IN_ONE_GO, Encode, Lines, Scrape, text
from broker.metrics.kinds import ObjectKind, ObjectMetric, Sources
from broker.metrics.objects import CHANNELS, CONNECTIONS, EXCHANGES, QUEUES, VHOSTS
from broker.metrics.prometheus import QUEUES_IN_ONE_GO, Endpoint, Filters
from broker.metrics.table import METRICS
from tests.support.sansio import SansBroker

ROW = ObjectMetric("rabbitmq_thing_total", "counter", "things", "Things", lambda it: it.value)
OTHER = ObjectMetric("rabbitmq_other", "gauge", "things", "Others", lambda it: it.value or None)
THINGS = ObjectKind("thing", ("name",), lambda it: (it.name,), (ROW, OTHER))


@dataclass(frozen=True)
class Thing:
    name: str
    value: int


@pytest.mark.parametrize("encode", [generate_latest, generate_open_metrics])
def test_pieces_are_small_and_join_to_one_text(encode: Encode) -> None:
    window = Introspection(SansBroker().node)
    lines = Lines(THINGS, (ROW, OTHER))
    count = 10 * LINES_IN_ONE_GO + 1
    lines.add([Thing(f"t{number}", number) for number in range(count)])
    sources = Sources(at_once(window.overview()), window.node())
    pieces = list(text(Scrape(sources, METRICS[:3], objects=[lines]), encode))
    assert max(piece.count(b"\n") for piece in pieces) <= max(LINES_IN_ONE_GO + 2, 3 * FAMILIES_IN_ONE_GO)
    whole = b"".join(pieces).decode()
    assert len(re.findall(r"^rabbitmq_thing_total\{", whole, re.M)) == count
    assert len(re.findall(r"^rabbitmq_other\{", whole, re.M)) == count - 1, "what has no value has no line"
    assert len(re.findall(r"^# TYPE rabbitmq_other ", whole, re.M)) == 1


def test_queues_are_looked_at_a_few_at_a_time() -> None:
    broker = SansBroker()
    client = broker.connect().open()
    client.channel()
    names = [f"q{number}" for number in range(3 * QUEUES_IN_ONE_GO)]
    for name in names:
        client.answer(1, Queue.Declare(queue=name))
    endpoint = Endpoint(Introspection(broker.node))
    slices = list(endpoint.slices(QUEUES, Filters()))
    assert [len(some) for some in slices] == [QUEUES_IN_ONE_GO] * 3
    assert [info.name for some in endpoint.slices(QUEUES, Filters((), ["/"], ["q7", "none"])) for info in some] == [
        "q7"
    ]
    for kind, count in ((CHANNELS, 1), (CONNECTIONS, 1), (EXCHANGES, 7), (VHOSTS, 1)):
        assert sum(map(len, endpoint.slices(kind, Filters()))) == count
        assert sum(map(len, endpoint.slices(kind, Filters((), ["other"])))) == 0
