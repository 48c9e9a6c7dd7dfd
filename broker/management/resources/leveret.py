"""/api/leveret: what RabbitMQ has no path for. Must not: answer after the broker has begun to stop."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.logs import LEVELS, RECENT_LINES_MAX
from broker.management.answers import answer
from broker.management.call import Call, bad_request
from broker.management.endpoint import ACCEPTED, INTEGER, LISTING, TEXT, Endpoint, Query, rows, shape
from broker.management.lists import from_values, listing

LINES: Final = (
    Query("lines", INTEGER, f"How many lines, at most {RECENT_LINES_MAX}", 0),
    Query("level", TEXT, f"Only lines of this level or above: {', '.join(LEVELS)}"),
)
LINE: Final = shape(
    "LogLine", "time level logger message", time=TEXT, level=TEXT, logger=TEXT, message=TEXT, traceback=TEXT
)
STOPPING: Final = shape("Stopping", "os_pid", os_pid=INTEGER)


async def stop(call: Call) -> ASGIApp:
    """Ends the broker once this has been answered."""

    async def stop_later() -> None:
        call.api.stop_broker()

    return answer({"os_pid": call.api.window.node().os_pid}, ACCEPTED, after=stop_later)


async def logs(call: Call) -> ASGIApp:
    """The newest lines of the log, the oldest of them first."""
    lines = call.number("lines")
    level = call.text("level") or LEVELS[0]
    if level not in LEVELS:
        raise bad_request(f"level is one of {', '.join(LEVELS)}")
    count = RECENT_LINES_MAX if lines is None else min(lines, RECENT_LINES_MAX)
    found = call.api.node.recent_lines.lines(count, level)
    return await listing(call, await from_values(found, lambda line: line.as_dict()))


ENDPOINTS: Final = rows(
    Endpoint(
        "GET",
        "/leveret/logs",
        "log.see",
        logs,
        "The newest lines of the log",
        (*LINES, *LISTING),
        answer=LINE.listing(),
    ),
    Endpoint("POST", "/leveret/stop", "broker.stop", stop, "Stop the broker", answer=STOPPING, status=ACCEPTED),
)
