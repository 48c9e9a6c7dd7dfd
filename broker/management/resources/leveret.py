"""/api/leveret: what RabbitMQ has no path for. Must not: answer after the broker has begun to stop."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.answers import answer
from broker.management.call import Call
from broker.management.endpoint import ACCEPTED, INTEGER, Endpoint, rows, shape

STOPPING: Final = shape("Stopping", "os_pid", os_pid=INTEGER)


async def stop(call: Call) -> ASGIApp:
    """Ends the broker once this has been answered."""

    async def stop_later() -> None:
        call.api.stop_broker()

    return answer({"os_pid": call.api.window.node().os_pid}, ACCEPTED, after=stop_later)


ENDPOINTS: Final = rows(
    Endpoint("POST", "/leveret/stop", "broker.stop", stop, "Stop the broker", answer=STOPPING, status=ACCEPTED),
)
