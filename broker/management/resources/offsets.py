"""/api/queues/{vhost}/{queue}/offsets: how far the named consumers of a stream have come. Must not: move one."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.answers import as_dict, no_content, stored
from broker.management.call import Call, bad_request, not_found
from broker.management.endpoint import INTEGER, LISTING, NO_CONTENT, TEXT, Endpoint, rows, shape
from broker.management.lists import from_values, listing
from broker.management.resources.queues import queue_info

OFFSET: Final = shape(
    "StreamOffset", "consumer_name offset lag acknowledged_at consumers",
    consumer_name=TEXT, offset=INTEGER, lag=INTEGER, acknowledged_at=INTEGER, consumers=INTEGER,
)  # fmt: skip


async def offsets(call: Call) -> ASGIApp:
    """The named consumers of a stream, by name."""
    info = queue_info(call)
    found = call.api.window.by_name.offsets_of(info.vhost, info.name)
    if found is None:
        raise bad_request(f"queue '{info.name}' in vhost '{info.vhost}' is not a stream")
    return await listing(call, await from_values(found, as_dict))


async def forget(call: Call) -> ASGIApp:
    """Forgets one: whoever comes with that name begins where its x-stream-offset says. Raises: Refused 404."""
    info = queue_info(call)
    if not call.api.operations.forget_offset(call.actor(), info.name, call.part("consumer")):
        raise not_found()
    await stored(call.api.administration)
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/queues/{vhost}/{queue}/offsets", "vhost.see", offsets,
             "How far the named consumers of a stream have come", LISTING, answer=OFFSET.listing()),
    Endpoint("DELETE", "/queues/{vhost}/{queue}/offsets/{consumer}", "vhost.use", forget,
             "Forget how far a named consumer of a stream has come", status=NO_CONTENT),
)  # fmt: skip
