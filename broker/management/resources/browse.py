"""/api/queues/{vhost}/{queue}/messages: what waits in a queue, looked at and deleted one by one.

Must not: take, mark or move what is only looked at.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.browsing import FRONT, Place, has_text, id_of, place_of
from broker.management.answers import answer, no_content
from broker.management.call import Call, not_found
from broker.management.endpoint import ANYTHING, INTEGER, NO_CONTENT, TEXT, Endpoint, Json, Query, rows, shape
from broker.management.waiting import LOOKED_AT_MAX, removed, shaped, walk

COUNT_DEFAULT: Final = 50
COUNT_MAX: Final = 500
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024  # of bodies; what is beyond comes with the next request
LOOKING: Final = (
    Query("count", INTEGER, f"How many messages, {COUNT_DEFAULT} unless told, at most {COUNT_MAX}", 1),
    Query("offset", INTEGER, "How many to pass over at the front", 0),
    Query("after", TEXT, "Go on behind this message: `next` of the answer before"),
    Query("search", TEXT, "Only messages with this text in payload, properties, exchange or key; case does not count"),
    Query("truncate", INTEGER, "At most so many bytes of each payload", 0),
)
WAITING: Final = shape("WaitingMessages", "items next looked_at", items=ANYTHING, next=ANYTHING, looked_at=INTEGER)


async def look(call: Call) -> ASGIApp:
    """Messages from the front on, or from behind another one; `next` is null where nothing more waits."""
    truncate = call.number("truncate")
    count = min(call.number("count") or COUNT_DEFAULT, COUNT_MAX)
    left_out, wanted = call.number("offset") or 0, call.text("search").lower().encode("utf-8", "surrogateescape")
    after = call.text("after")
    begin = _behind(place_of(after)) if after else FRONT
    items: list[Json] = []
    looked_at = size = 0
    following: str | None = None
    async for waiting in walk(call, call.actor(), call.part("queue"), begin):
        looked_at += 1
        if left_out:
            left_out -= 1
        elif not wanted or has_text(waiting.batch, waiting.at, wanted):
            items.append(shaped(call, waiting, truncate))
            size += len(items[-1]["payload"])
        if len(items) == count or looked_at == LOOKED_AT_MAX or size > ANSWER_BYTES_MAX:
            following = id_of(waiting.place)
            break
    return answer({"items": items, "next": following, "looked_at": looked_at})


def _behind(place: Place) -> Place:
    return Place(place.level, place.position + 1)


async def remove(call: Call) -> ASGIApp:
    """Deletes one waiting message for good. Raises: Refused 404 where it does not wait there (any more)."""
    if not await removed(call, call.actor(), call.part("queue"), place_of(call.part("message"))):
        raise not_found()
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/queues/{vhost}/{queue}/messages", "vhost.use", look,
             "Look at waiting messages without touching their order or marks", LOOKING, answer=WAITING),
    Endpoint("DELETE", "/queues/{vhost}/{queue}/messages/{message}", "vhost.use", remove,
             "Delete one waiting message", status=NO_CONTENT),
)  # fmt: skip
