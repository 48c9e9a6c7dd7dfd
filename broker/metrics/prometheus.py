"""The Prometheus endpoint: /metrics for the broker as a whole, /metrics/per-object with a line per queue.

Must not: hold a metric that is not in the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.introspection.infos import QueueInfo
from broker.introspection.window import Introspection
from broker.metrics.table import COUNTER, HISTOGRAM_METRICS, METRICS, QUEUE_LABELS, QUEUE_METRICS, Sources


class Scrape(Collector):
    """The metrics of one moment; `queues` is None where only totals are wanted."""

    def __init__(self, sources: Sources, queues: Sequence[QueueInfo] | None = None) -> None:
        self._sources = sources
        self._queues = queues

    def collect(self) -> Iterator[Metric]:
        """Every row of the table with its values."""
        for row in METRICS:
            make = CounterMetricFamily if row.kind == COUNTER else GaugeMetricFamily
            family = make(row.name, row.help, labels=row.labels)
            family.add_metric([_clean(value) for value in row.label_values(self._sources)], row.read(self._sources))
            yield family
        for spread in HISTOGRAM_METRICS:
            values = spread.read(self._sources)
            bounds = [*(str(bound / spread.unit) for bound in values.bounds), "+Inf"]
            buckets = list(zip(bounds, accumulate(values.counts), strict=True))
            yield HistogramMetricFamily(spread.name, spread.help, buckets, values.total / spread.unit)
        for gauge in QUEUE_METRICS:
            if self._queues is None:
                yield GaugeMetricFamily(gauge.name, gauge.help, gauge.total(self._sources.overview))
                continue
            per_queue = GaugeMetricFamily(gauge.name, gauge.help, labels=QUEUE_LABELS)
            for queue in self._queues:
                per_queue.add_metric([_clean(queue.vhost), _clean(queue.name)], gauge.each(queue))
            yield per_queue


def _clean(text: str) -> str:
    """A name that need not be UTF-8, as text that is."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def create_app(introspection: Introspection) -> Starlette:
    """The application of the metrics port."""

    async def metrics(request: Request) -> Response:
        return await _rendered(request, Scrape(_sources(introspection)))

    async def per_object(request: Request) -> Response:
        queues: list[QueueInfo] = []
        for infos in introspection.queue_slices():
            queues += infos
            await asyncio.sleep(0)  # the broker's turn
        return await _rendered(request, Scrape(_sources(introspection), queues))

    return Starlette(routes=[Route("/metrics", metrics), Route("/metrics/per-object", per_object)])


def _sources(introspection: Introspection) -> Sources:
    return Sources(introspection.overview(), introspection.node())


async def _rendered(request: Request, scrape: Scrape) -> Response:
    """Text is made in a thread: what it reads are copies, and many queues are many lines."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(scrape)
    body = await asyncio.get_running_loop().run_in_executor(None, encode, registry)
    return Response(body, media_type=content_type)
