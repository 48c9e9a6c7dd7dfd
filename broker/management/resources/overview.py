"""GET /api/overview and /api/nodes: the broker as a whole. Must not: change anything."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.http_pieces import in_steps
from broker.introspection.window import Introspection
from broker.management.answers import answer


def routes(introspection: Introspection) -> list[Route]:
    """The routes of this resource."""

    async def overview(_request: Request) -> Response:
        return answer(await in_steps(introspection.overview()))

    async def nodes(_request: Request) -> Response:
        return answer([introspection.node()])

    return [Route("/overview", overview), Route("/nodes", nodes)]
