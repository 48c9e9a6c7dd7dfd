"""GET /api/permissions, PUT /api/permissions/{vhost}/{user}. Must not: decide what a permission allows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.administration import Administration
from broker.http_pieces import Pieces
from broker.introspection.window import Introspection
from broker.management.answers import body_of, created, listing, part, stored, text_of


def routes(introspection: Introspection, administration: Administration) -> list[Route]:
    """The routes of this resource."""

    async def permissions(request: Request) -> Pieces:
        return listing(request, introspection.permissions)

    async def of_vhost(request: Request) -> Pieces:
        vhost = part(request, "vhost")
        return listing(request, lambda page, size: introspection.permissions(page, size, vhost))

    async def put(request: Request) -> Response:
        body = await body_of(request)
        patterns = [text_of(body, kind) for kind in ("configure", "write", "read")]
        is_new = administration.set_permissions(part(request, "user"), part(request, "vhost"), *patterns)
        await stored(administration)
        return created(is_new)

    return [
        Route("/permissions", permissions),
        Route("/vhosts/{vhost}/permissions", of_vhost),
        Route("/permissions/{vhost}/{user}", put, methods=["PUT"]),
    ]
