"""GET /api/vhosts, PUT /api/vhosts/{name}. Must not: know what a vhost holds."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.administration import Administration
from broker.introspection.window import Introspection
from broker.management.answers import created, listing, part


def routes(introspection: Introspection, administration: Administration) -> list[Route]:
    """The routes of this resource."""

    async def vhosts(request: Request) -> Response:
        return listing(request, introspection.vhosts)

    async def put(request: Request) -> Response:
        return created(administration.add_vhost(part(request, "vhost")))

    return [Route("/vhosts", vhosts), Route("/vhosts/{vhost}", put, methods=["PUT"])]
