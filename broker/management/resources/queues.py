"""Queues: listed, shown, declared, deleted, purged. Must not: touch messages (`messages`)."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import ASGIApp

from broker.introspection.infos import QueueInfo
from broker.management import shapes, views
from broker.management.answers import answer, created, no_content, stored
from broker.management.call import Call, bad_request, flag_in, not_found, object_in, text_in
from broker.management.endpoint import (
    ANYTHING,
    ARRAY,
    CREATED,
    FLAG,
    INTEGER,
    LISTING,
    NO_CONTENT,
    OBJECT,
    RANGES,
    SHOWING,
    STATS,
    TEXT,
    Endpoint,
    Json,
    Query,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_pages, listing
from broker.management.ranges import ranges_of
from broker.management.tables import arguments_of
from broker.requests import QueueRequest

ACTIONS: Final = ("sync", "cancel_sync")
NAME_BYTES_MAX: Final = 255
QUEUE: Final = shape(
    "Queue", "name vhost durable auto_delete exclusive arguments type node",
    name=TEXT, vhost=TEXT, type=TEXT, durable=FLAG, auto_delete=FLAG, exclusive=FLAG, arguments=OBJECT, node=TEXT,
    state=TEXT, policy=ANYTHING, messages=INTEGER, messages_ready=INTEGER, messages_unacknowledged=INTEGER,
    consumers=INTEGER, message_bytes=INTEGER, memory=INTEGER, idle_since=TEXT, message_stats=OBJECT,
    consumer_details=ARRAY, deduplication=OBJECT, pace=OBJECT,
)  # fmt: skip
QUEUE_WANTED: Final = shape("QueueWanted", durable=FLAG, auto_delete=FLAG, arguments=OBJECT, node=TEXT)
QUEUE_ACTION: Final = shape("QueueAction", "action", action=TEXT)
CONDITIONS: Final = (
    Query("if-empty", FLAG, "Only where it has no ready messages"),
    Query("if-unused", FLAG, "Only where it has no consumers"),
)


async def queues(call: Call) -> ASGIApp:
    """The queues of a vhost, or of all vhosts that whoever asks sees."""
    is_short, with_totals = call.flag("disable_stats"), call.flag("enable_queue_totals")

    def shaped(info: QueueInfo) -> Json:
        fields = shapes.queue(info)
        return shapes.queue_without_stats(fields, with_totals) if is_short else fields

    return await listing(call, await from_pages(views.of_vhosts(call, call.api.window.queues), shaped))


def queue_info(call: Call) -> QueueInfo:
    """The queue that the path names. Raises: Refused 404."""
    vhost, name = call.vhost, call.part("queue")
    info = call.api.window.by_name.queue(vhost, name)
    if info is None:
        raise not_found()
    return info


async def queue(call: Call) -> ASGIApp:
    """One queue, with its consumers."""
    info = queue_info(call)
    fields = shapes.queue(info, call.api.window.history.queue(info.vhost, info.name, ranges_of(call)))
    if call.flag("disable_stats"):
        fields = shapes.queue_without_stats(fields, call.flag("enable_queue_totals"))
    else:
        node = call.api.window.node_name
        found = call.api.window.by_name.consumers_of(info.vhost, info.name)
        fields |= {
            "consumer_details": [shapes.consumer(one, node) for one in found], "incoming": [], "deliveries": [],
        }  # fmt: skip
    return answer(cut(fields, columns_of(call)))


async def declare(call: Call) -> ASGIApp:
    """Declares a queue; 204 where it is there and the same."""
    body = await call.body()
    name = call.part("queue")
    if not name or len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise bad_request(f"a queue's name has 1 to {NAME_BYTES_MAX} bytes")
    text_in(body, "node")
    actor = call.actor()
    is_new = name not in actor.vhost.queues
    request = QueueRequest(
        name, flag_in(body, "durable"), False, flag_in(body, "auto_delete"), arguments_of(object_in(body, "arguments"))
    )
    call.api.operations.declare_queue(actor, request)
    await stored(call.api.administration)
    return created(is_new)


async def delete(call: Call) -> ASGIApp:
    """Deletes a queue."""
    info = queue_info(call)
    call.api.operations.delete_queue(call.actor(), info.name, call.flag("if-unused"), call.flag("if-empty"))
    await stored(call.api.administration)
    return no_content()


async def purge(call: Call) -> ASGIApp:
    """Drops every ready message."""
    info = queue_info(call)
    call.api.operations.readable_queue(call.actor(), info.name).purge(lambda _: None)
    return no_content()


async def act(call: Call) -> ASGIApp:
    """What RabbitMQ's mirrored queues could be told; here a queue has nothing to synchronise."""
    queue_info(call)
    action: Any = (await call.body("action"))["action"]
    if action not in ACTIONS:
        raise bad_request(["unknown", action])
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/queues", "overview.see", queues, "The queues of all vhosts", (*LISTING, *STATS, *RANGES),
             answer=QUEUE.listing()),
    Endpoint("GET", "/queues/{vhost}", "vhost.see", queues, "The queues of a vhost", (*LISTING, *STATS, *RANGES),
             answer=QUEUE.listing()),
    Endpoint("GET", "/queues/{vhost}/{queue}", "vhost.see", queue, "One queue", (*SHOWING, *STATS, *RANGES),
             answer=QUEUE),
    Endpoint("PUT", "/queues/{vhost}/{queue}", "vhost.use", declare, "Declare a queue", body=QUEUE_WANTED,
             status=CREATED, others=(NO_CONTENT,)),
    Endpoint("DELETE", "/queues/{vhost}/{queue}", "vhost.use", delete, "Delete a queue", CONDITIONS,
             status=NO_CONTENT),
    Endpoint("DELETE", "/queues/{vhost}/{queue}/contents", "vhost.use", purge, "Drop what is ready in a queue",
             status=NO_CONTENT),
    Endpoint("POST", "/queues/{vhost}/{queue}/actions", "vhost.use", act, "Taken for RabbitMQ's sake; does nothing",
             body=QUEUE_ACTION, status=NO_CONTENT),
)  # fmt: skip
