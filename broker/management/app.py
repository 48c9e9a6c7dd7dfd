"""The management application: RabbitMQ's HTTP API as far as it is there. Must not: hold logic of the broker.

Each resource has its file and its routes; `create_app` joins them. It asks nobody who they are: whoever serves it
sees to that (the unix socket by its mode).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.administration import Administration, UnknownUserError, UnknownVhostError
from broker.introspection.window import Introspection
from broker.management.answers import BAD_REQUEST, NOT_FOUND, Refused, refusal
from broker.management.resources import connections, overview, permissions, queues, stop, users, vhosts
from broker.management.ui.files import create_page


def create_app(
    introspection: Introspection, administration: Administration, stop_broker: Callable[[], None]
) -> ASGIApp:
    """Everything under /api, and the page that shows it at /."""
    routes: list[Route] = [
        *overview.routes(introspection),
        *queues.routes(introspection),
        *connections.routes(introspection),
        *vhosts.routes(introspection, administration),
        *users.routes(introspection, administration),
        *permissions.routes(introspection, administration),
        *stop.routes(introspection, stop_broker),
    ]
    return RawPath(_starlette([Mount("/api", routes=routes), Mount("/", create_page())]))


def _starlette(routes: Sequence[Mount]) -> Starlette:
    return Starlette(
        routes=routes,
        exception_handlers={
            Refused: _refused,
            HTTPException: _http_error,
            UnknownVhostError: _not_found,
            UnknownUserError: _not_found,
            ValueError: _bad_request,
        },
    )


class RawPath:
    """Routes by the path as it was sent, so that a vhost named `/` (%2F) is one part of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].partition(b"?")[0].decode("latin-1")}
        await self._app(scope, receive, send)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = "Object Not Found" if error.status_code == NOT_FOUND else error.detail.lower().replace(" ", "_")
    return refusal(Refused(error.status_code, name, error.detail))


async def _not_found(_request: Request, error: Exception) -> Response:
    return refusal(Refused(NOT_FOUND, "Object Not Found", str(error.args[0]) if error.args else "Not Found"))


async def _bad_request(_request: Request, error: Exception) -> Response:
    return refusal(Refused(BAD_REQUEST, "bad_request", str(error)))
