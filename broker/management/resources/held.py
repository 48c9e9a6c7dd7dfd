"""/api/leveret/held: messages that are held until a time, listed, cancelled, put off, and let go at once.

Must not: read more bodies at a time than a few.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Generic, TypeVar

from starlette.types import ASGIApp

from broker.held import FETCHED_MAX, Entry, Held, HeldInfo, entry_of
from broker.introspection.pages import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from broker.management.answers import Refused, answer, no_content
from broker.management.call import Call, bad_request, integer_in, not_found
from broker.management.endpoint import (
    ARRAY,
    INTEGER,
    NO_CONTENT,
    TEXT,
    UNAVAILABLE,
    Endpoint,
    Json,
    Query,
    rows,
    shape,
)

T = TypeVar("T")
PAGES: Final = (
    Query("page", INTEGER, "Which page, from 1", 1),
    Query("page_size", INTEGER, f"Messages on a page, {PAGE_SIZE_DEFAULT} unless told", 1, PAGE_SIZE_MAX),
)
HELD: Final = shape("HeldMessages", "items page page_size page_count total_count item_count", items=ARRAY,
                    page=INTEGER, page_size=INTEGER, page_count=INTEGER, total_count=INTEGER,
                    item_count=INTEGER)  # fmt: skip
RESCHEDULE: Final = shape("Reschedule", "due", due=INTEGER)
RESCHEDULED: Final = shape("Rescheduled", "id due", id=TEXT, due=INTEGER)


class _Answer(Generic[T]):
    """What comes now or later, once."""

    def __init__(self) -> None:
        self._outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def take(self, value: T) -> None:
        """It is there; whoever asked may have gone."""
        if not self._outcome.done():
            self._outcome.set_result(value)

    async def wait(self) -> T:
        """Waits for it."""
        return await self._outcome


async def look(call: Call) -> ASGIApp:
    """A page of held messages in order of time; what one may not read is left out of the items."""
    actor, held = call.actor(), call.api.held
    page = call.number("page") or 1
    page_size = call.number("page_size") or PAGE_SIZE_DEFAULT
    if page_size > PAGE_SIZE_MAX:
        raise bad_request(f"page_size is at most {PAGE_SIZE_MAX}")
    entries = held.page(actor, (page - 1) * page_size, page_size)
    items: list[Json] = []
    for at in range(0, len(entries), FETCHED_MAX):
        some = entries[at : at + FETCHED_MAX]
        described = _Answer[list[HeldInfo]]()
        held.describe(actor, some, described.take)
        items += map(_shaped, await described.wait())
        await asyncio.sleep(0)
    total = held.count(actor)
    return answer({
        "items": items, "page": page, "page_size": page_size, "page_count": max(1, -(-total // page_size)),
        "total_count": total, "filtered_count": total, "item_count": len(items),
    })  # fmt: skip


def _shaped(info: HeldInfo) -> Json:
    return {
        "id": info.id, "due": info.due_ms, "exchange": info.exchange, "routing_key": info.routing_key,
        "queue": info.queue, "reason": info.reason, "deliveries": info.deliveries, "task": info.task or None,
        "task_id": info.task_id or None, "bytes": info.size_bytes, "durable": info.is_durable,
        "published": info.published_ms,
    }  # fmt: skip


async def _found(call: Call) -> tuple[Entry, Held]:
    """The message in the path. Raises: Refused 400, 404."""
    try:
        entry = entry_of(call.part("id"))
    except ValueError as error:
        raise bad_request(str(error)) from None
    found = _Answer[Held | None]()
    call.api.held.find(call.actor(), entry, found.take)
    held = await found.wait()
    if held is None:
        raise not_found()
    return entry, held


def _not_stored() -> Refused:
    return Refused(UNAVAILABLE, "not_stored", "the disk does not take it, or the message has just been let go")


async def cancel(call: Call) -> ASGIApp:
    """Drops a held message for good. Raises: Refused 404 where it is not held (any more)."""
    entry, held = await _found(call)
    done = _Answer[bool]()
    call.api.held.cancel(call.actor(), entry, held, done.take)
    if not await done.wait():
        raise _not_stored()
    return no_content()


async def reschedule(call: Call) -> ASGIApp:
    """Holds a message until another time; its id changes. Raises: Refused 400, 404."""
    body: dict[str, Any] = await call.body("due")
    due_ms = integer_in(body, "due")
    if due_ms <= 0:
        raise bad_request("due is a time in milliseconds since 1970")
    entry, held = await _found(call)
    done = _Answer[str]()
    call.api.held.reschedule(call.actor(), entry, held, due_ms, done.take)
    now_id = await done.wait()
    if not now_id:
        raise _not_stored()
    return answer({"id": now_id, "due": entry_of(now_id)[0]})


async def release(call: Call) -> ASGIApp:
    """Lets a held message go now. Raises: Refused 404 where it is not held (any more)."""
    entry, held = await _found(call)
    done = _Answer[bool]()
    call.api.held.release(call.actor(), entry, held, done.take)
    if not await done.wait():
        raise _not_stored()
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/leveret/held/{vhost}", "vhost.use", look, "List messages that are held until a time", PAGES,
             answer=HELD),
    Endpoint("DELETE", "/leveret/held/{vhost}/{id}", "vhost.use", cancel, "Drop a held message", status=NO_CONTENT,
             others=(UNAVAILABLE,)),
    Endpoint("PUT", "/leveret/held/{vhost}/{id}", "vhost.use", reschedule, "Hold a message until another time",
             body=RESCHEDULE, answer=RESCHEDULED, others=(UNAVAILABLE,)),
    Endpoint("POST", "/leveret/held/{vhost}/{id}/release", "vhost.use", release, "Let a held message go now",
             status=NO_CONTENT, others=(UNAVAILABLE,)),
)  # fmt: skip
