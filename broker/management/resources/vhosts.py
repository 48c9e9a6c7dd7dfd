"""GET /api/vhosts, PUT and DELETE /api/vhosts/{name}. Must not: know what a vhost holds."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.administration import Administration
from broker.http_pieces import Pieces
from broker.introspection.window import Introspection
from broker.management.answers import created, deleted, listing, part, stored


def routes(introspection: Introspection, administration: Administration) -> list[Route]:
    """The routes of this resource."""

    async def vhosts(request: Request) -> Pieces:
        return listing(request, introspection.vhosts)

    async def put(request: Request) -> Response:
        is_new = administration.add_vhost(part(request, "vhost"))
        await stored(administration)
        return created(is_new)

    async def delete(request: Request) -> Response:
        administration.delete_vhost(part(request, "vhost"))
        await stored(administration)
        return deleted()

    return [
        Route("/vhosts", vhosts),
        Route("/vhosts/{vhost}", put, methods=["PUT"]),
        Route("/vhosts/{vhost}", delete, methods=["DELETE"]),
    ]
