"""The Prometheus endpoint: /metrics for the broker as a whole, /metrics/per-object with a line per queue.

Must not: hold a metric that is not in the table, or make much of the text in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, Final

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from broker.http_pieces import Pieces, in_steps
from broker.introspection.infos import QueueInfo
from broker.introspection.window import Introspection
from broker.metrics.table import (
    COUNTER,
    HISTOGRAM_METRICS,
    METRICS,
    QUEUE_LABELS,
    QUEUE_METRICS,
    HistogramMetric,
    Metric,
    QueueMetric,
    Sources,
)

FAMILIES_IN_ONE_GO: Final = 20
LINES_IN_ONE_GO: Final = 100  # of the queues: less than a millisecond's work
END: Final = b"# EOF\n"  # of OpenMetrics
Encode = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class QueueLine:
    """What the lines about one queue say: its labels, and a value for each row of QUEUE_METRICS."""

    labels: list[str]
    values: list[float]

    @classmethod
    def of(cls, queue: QueueInfo) -> QueueLine:
        """The values of a queue now."""
        return cls([_clean(queue.vhost), _clean(queue.name)], [gauge.each(queue) for gauge in QUEUE_METRICS])


class Families:
    """Some metrics, as the library's encoders want to be given them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Sequence[Family]:
        """All of them."""
        return self._families


def text(sources: Sources, queues: Sequence[QueueLine] | None, encode: Encode) -> Iterator[bytes]:
    """The answer to a scrape in pieces; `queues` is None where only totals are wanted."""
    whole = _families(sources, queues is None)
    ends = False
    while some := list(islice(whole, FAMILIES_IN_ONE_GO)):
        piece = encode(Families(some))
        ends = piece.endswith(END)
        yield piece.removesuffix(END)
    for at, gauge in enumerate(QUEUE_METRICS if queues is not None else ()):
        yield from _of_queues(at, gauge, queues or (), encode)
    if ends:
        yield END


def _families(sources: Sources, with_totals: bool) -> Iterator[Family]:
    for row in METRICS:
        yield _family(row, sources)
    for spread in HISTOGRAM_METRICS:
        yield _histogram(spread, sources)
    for gauge in QUEUE_METRICS if with_totals else ():
        yield GaugeMetricFamily(gauge.name, gauge.help, gauge.total(sources.overview))


def _family(row: Metric, sources: Sources) -> Family:
    make = CounterMetricFamily if row.kind == COUNTER else GaugeMetricFamily
    family = make(row.name, row.help, labels=row.labels)
    family.add_metric([_clean(value) for value in row.label_values(sources)], row.read(sources))
    return family


def _histogram(row: HistogramMetric, sources: Sources) -> Family:
    values = row.read(sources)
    bounds = [*(str(bound / row.unit) for bound in values.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(values.counts), strict=True))
    return HistogramMetricFamily(row.name, row.help, buckets, values.total / row.unit)


def _of_queues(at: int, gauge: QueueMetric, queues: Sequence[QueueLine], encode: Encode) -> Iterator[bytes]:
    """The lines of one metric, its head only before the first."""
    for start in range(0, max(1, len(queues)), LINES_IN_ONE_GO):
        family = GaugeMetricFamily(gauge.name, gauge.help, labels=QUEUE_LABELS)
        for queue in queues[start : start + LINES_IN_ONE_GO]:
            family.add_metric(queue.labels, queue.values[at])
        piece = encode(Families([family])).removesuffix(END)
        yield piece if not start else b"".join(line for line in piece.splitlines(True) if not line.startswith(b"#"))


def _clean(text: str) -> str:
    """A name that need not be UTF-8, as text that is."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def create_app(introspection: Introspection) -> Starlette:
    """The application of the metrics port."""

    async def sources() -> Sources:
        return Sources(await in_steps(introspection.overview()), introspection.node())

    async def metrics(request: Request) -> Pieces:
        return _answer(request, await sources(), None)

    async def per_object(request: Request) -> Pieces:
        queues: list[QueueLine] = []
        for infos in introspection.queue_slices():
            queues += map(QueueLine.of, infos)
            await asyncio.sleep(0)  # the broker's turn
        return _answer(request, await sources(), queues)

    return Starlette(routes=[Route("/metrics", metrics), Route("/metrics/per-object", per_object)])


def _answer(request: Request, sources: Sources, queues: Sequence[QueueLine] | None) -> Pieces:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Pieces(text(sources, queues, encode), content_type)
