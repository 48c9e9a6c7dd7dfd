"""The management application: RabbitMQ's HTTP API and our own paths. Must not: hold logic of the broker.

The table in `table` says what there is; here it becomes routes. Whoever serves the application says which door it is
behind: the owner's socket, or one that asks for a password.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.management.access import Door, OwnersDoor, PasswordDoor
from broker.management.api import Api
from broker.management.dispatch import Dispatcher, NothingHere
from broker.management.table import by_path
from broker.management.ui.files import create_page

PREFIX = "/api"
CORS_AGE_S = 600
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def create_app(api: Api, is_owners: bool) -> ASGIApp:
    """Everything under /api, and the page at /. Args: is_owners, whether only the broker's owner can reach it."""
    door: Door = OwnersDoor() if is_owners else PasswordDoor(api.accounts, api.config.auth_failure_delay_s)
    routes: list[BaseRoute] = [
        Route(PREFIX + path, Dispatcher(endpoints, api, door)) for path, endpoints in by_path().items()
    ]
    routes += [Route(PREFIX + "{rest:path}", NothingHere()), Mount("/", create_page())]
    origins = api.config.management_cors_origins
    cors = Middleware(
        CORSMiddleware, allow_origins=origins, allow_credentials=True, max_age=CORS_AGE_S,
        allow_methods=("GET", "PUT", "POST", "DELETE"), allow_headers=("authorization", "content-type", "x-reason"),
    )  # fmt: skip
    app = Starlette(routes=routes, middleware=[cors] if origins else [])
    return Outermost(app)


class Outermost:
    """Routes by the path as it was sent, so that a vhost named `/` (%2F) is one part of it; adds headers to answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"].partition(b"?")[0].decode("latin-1")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in HEADERS if one[0] not in there)]
            await send(message)

        await self._app({**scope, "path": path.rstrip("/") or "/"}, receive, with_headers)
