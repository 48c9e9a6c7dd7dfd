"""GET /api/users, PUT and DELETE /api/users/{name}. Must not: show or log a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.administration import Administration
from broker.http_pieces import Pieces
from broker.introspection.window import Introspection
from broker.management.answers import (
    BAD_REQUEST,
    CONFLICT,
    Refused,
    body_of,
    created,
    deleted,
    hashed,
    listing,
    part,
    stored,
    text_of,
)


def routes(introspection: Introspection, administration: Administration) -> list[Route]:
    """The routes of this resource."""

    async def users(request: Request) -> Pieces:
        return listing(request, introspection.users)

    async def put(request: Request) -> Response:
        """Makes or replaces a user; with `If-None-Match: *` it only makes one."""
        name, body = part(request, "user"), await body_of(request)
        password, tags = text_of(body, "password"), _tags(body)
        if request.headers.get("if-none-match") == "*" and administration.has_user(name):
            raise Refused(CONFLICT, "conflict", f'User "{name}" already exists')
        is_new = administration.put_user(name, await hashed(administration, password), tags)
        await stored(administration)
        return created(is_new)

    async def delete(request: Request) -> Response:
        administration.delete_user(part(request, "user"))
        await stored(administration)
        return deleted()

    return [
        Route("/users", users),
        Route("/users/{user}", put, methods=["PUT"]),
        Route("/users/{user}", delete, methods=["DELETE"]),
    ]


def _tags(body: Mapping[str, Any]) -> list[str]:
    """The tags, a list or a text with commas. Raises: Refused 400."""
    tags = body.get("tags", "")
    if isinstance(tags, str):
        return [tag.strip() for tag in tags.split(",") if tag.strip()]
    if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
        return tags
    raise Refused(BAD_REQUEST, "bad_request", "tags is neither a text nor a list of texts")
