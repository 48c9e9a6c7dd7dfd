"""POST /api/stop, our own: ends the broker. Must not: answer after it has begun to stop."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.introspection.window import Introspection
from broker.management.answers import answer


def routes(introspection: Introspection, stop_broker: Callable[[], None]) -> list[Route]:
    """The routes of this resource."""

    async def stop(_request: Request) -> Response:
        return answer({"os_pid": introspection.node().os_pid}, 202, after=stop_later)

    async def stop_later() -> None:
        stop_broker()

    return [Route("/stop", stop, methods=["POST"])]
