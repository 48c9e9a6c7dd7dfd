"""GET /api/queues: the queues of all vhosts, or of one. Must not: change a queue."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from broker.http_pieces import Pieces
from broker.introspection.window import Introspection
from broker.management.answers import listing, part


def routes(introspection: Introspection) -> list[Route]:
    """The routes of this resource."""

    async def everywhere(request: Request) -> Pieces:
        return listing(request, introspection.queues)

    async def of_vhost(request: Request) -> Pieces:
        vhost = part(request, "vhost")
        return listing(request, lambda page, size: introspection.queues(page, size, vhost))

    return [Route("/queues", everywhere), Route("/queues/{vhost}", of_vhost)]
