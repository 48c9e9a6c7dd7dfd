"""The Prometheus endpoint: /metrics, /metrics/per-object and /metrics/detailed, as RabbitMQ has them.

Must not: hold a metric that is not in the table, or walk anything in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from broker.http_pieces import Pieces, in_steps
from broker.introspection.pages import PAGE_SIZE_MAX, Page
from broker.introspection.window import Introspection
from broker.metrics.exposition import Lines, Scrape, text
from broker.metrics.kinds import ObjectKind, ObjectMetric, Sources
from broker.metrics.objects import (
    ALWAYS,
    CHANNELS,
    CONNECTIONS,
    EXCHANGES,
    KINDS,
    PER_OBJECT,
    QUEUES,
    VHOSTS,
    WHOLE_FAMILIES,
    detailed_name,
)
from broker.metrics.table import HISTOGRAM_METRICS, LABELLED_METRICS, METRICS

IMPLIED: Final = {"queue_metrics": ("queue_consumer_count",)}  # families that contain others
WHOLE: Final = (METRICS, LABELLED_METRICS, HISTOGRAM_METRICS)  # what is told at the other two paths
DETAILED: Final = "detailed"
QUEUES_IN_ONE_GO: Final = 25  # copied, and their values taken: half a millisecond's work


class Filters:
    """What /metrics/detailed is asked for: families, and of which vhosts and queues; none of the latter means all."""

    def __init__(self, families: Collection[str] = (), vhosts: Collection[str] = (), queues: Collection[str] = ()):
        self.families = {*families, *(implied for family in families for implied in IMPLIED.get(family, ()))}
        self.vhosts = vhosts
        self.queues = list(dict.fromkeys(queues))

    def rows(self, kind: ObjectKind) -> Sequence[ObjectMetric]:
        """The rows of a kind that are wanted."""
        return [row for row in kind.metrics if row.family in self.families]

    def has(self, vhost: str) -> bool:
        """Whether what is in the vhost is wanted."""
        return not self.vhosts or vhost in self.vhosts


class Endpoint:
    """Answers scrapes from the window."""

    def __init__(self, introspection: Introspection) -> None:
        self._window = introspection

    async def metrics(self, request: Request) -> Pieces:
        """The broker as a whole, with totals over all objects."""
        totals = [row for kind in PER_OBJECT for row in kind.metrics]
        return self._answer(request, Scrape(await self._sources("aggregated"), *WHOLE, totals))

    async def per_object(self, request: Request) -> Pieces:
        """The same, with a line per queue, channel and connection in place of totals."""
        objects = [await self._lines(kind, _of_per_object(kind), Filters()) for kind in PER_OBJECT]
        sources = await self._sources("per-object")
        return self._answer(request, Scrape(sources, *WHOLE, (), objects))

    async def detailed(self, request: Request) -> Pieces:
        """Only the families that are asked for, under names of their own."""
        query = request.query_params
        filters = Filters(query.getlist("family"), query.getlist("vhost"), query.getlist("queue"))
        wanted = {name for family in filters.families for name in WHOLE_FAMILIES.get(family, ())}
        objects = [await self._lines(kind, rows, filters) for kind in KINDS if (rows := filters.rows(kind))]
        sources = await self._sources(DETAILED)
        metrics = [row for row in METRICS if row.name in wanted or row.name in ALWAYS]
        labelled = [row for row in LABELLED_METRICS if row.name in wanted]
        return self._answer(request, Scrape(sources, metrics, labelled, (), (), objects, _detailed_name))

    async def _sources(self, endpoint: str) -> Sources:
        window = self._window
        overview = await in_steps(window.overview())
        return Sources(overview, window.node(), endpoint, window.task_waits(), window.logins(), window.moved(),
                       window.jobs_running(), window.changed(), window.left())  # fmt: skip

    async def _lines(self, kind: ObjectKind, rows: Sequence[ObjectMetric], filters: Filters) -> Lines:
        lines = Lines(kind, rows)
        for infos in self.slices(kind, filters):
            lines.add(infos)
            await asyncio.sleep(0)  # the broker's turn
        return lines

    def slices(self, kind: ObjectKind, filters: Filters) -> Iterator[Sequence[Any]]:
        """The objects of a kind that are wanted, a few at a time, copied when they are asked for."""
        window = self._window
        if kind is QUEUES:
            yield from window.queue_slices(QUEUES_IN_ONE_GO, filters.vhosts, filters.queues)
            return
        listings: dict[ObjectKind, Callable[[int, int], Page[Any]]] = {
            CHANNELS: window.channels, CONNECTIONS: window.connections, EXCHANGES: window.exchanges,
            VHOSTS: window.vhosts,
        }  # fmt: skip
        for infos in _every(listings[kind]):
            yield [info for info in infos if filters.has(info.name if kind is VHOSTS else info.vhost)]

    @staticmethod
    def _answer(request: Request, scrape: Scrape) -> Pieces:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Pieces(text(scrape, encode), content_type)


def _detailed_name(name: str) -> str:
    return name if name in ALWAYS else detailed_name(name)


def _of_per_object(kind: ObjectKind) -> Sequence[ObjectMetric]:
    """Everything but what RabbitMQ has at /metrics/detailed only."""
    return [row for row in kind.metrics if row.family != "queue_delivery_metrics"]


def _every(listing: Callable[[int, int], Page[Any]]) -> Iterator[Sequence[Any]]:
    """A listing to its end, in slices."""
    number = 1
    while len(page := listing(number, PAGE_SIZE_MAX)):
        yield from page.slices()
        number += 1


def create_app(introspection: Introspection) -> Starlette:
    """The application of the metrics port."""
    endpoint = Endpoint(introspection)
    return Starlette(
        routes=[
            Route("/metrics", endpoint.metrics),
            Route("/metrics/per-object", endpoint.per_object),
            Route("/metrics/detailed", endpoint.detailed),
        ]
    )
