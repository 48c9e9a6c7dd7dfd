"""GET /api/connections. Must not: close one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from broker.http_pieces import Pieces
from broker.introspection.window import Introspection
from broker.management.answers import listing


def routes(introspection: Introspection) -> list[Route]:
    """The routes of this resource."""

    async def connections(request: Request) -> Pieces:
        return listing(request, introspection.connections)

    return [Route("/connections", connections)]
