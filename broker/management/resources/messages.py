"""Publishing a message, getting some from a queue. Must not: keep one longer than the answer takes."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.types import ASGIApp

from broker.management.answers import Refused, answer
from broker.management.call import Call, bad_request, integer_in, object_in, text_in
from broker.management.endpoint import (
    ANYTHING,
    FLAG,
    INTEGER,
    OBJECT,
    TEXT,
    UNAVAILABLE,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.properties import as_json, payload_as_json, payload_of, properties_of
from broker.management.resources.exchanges import exchange_name
from broker.messages import Got, Published, address

GET_MAX: Final = 10_000  # messages in one answer
GET_BYTES_MAX: Final = 64 * 1024 * 1024  # of bodies in one answer; what is beyond stays where it is
PUBLISH_BYTES_MAX: Final = 16 * 1024 * 1024  # of JSON around one message; for larger ones there is AMQP
SETTLED: Final = {
    "ack_requeue_true": Got.requeue, "reject_requeue_true": Got.requeue, "ack_requeue_false": Got.settle,
    "reject_requeue_false": Got.reject,
}  # fmt: skip
PUBLISH: Final = shape(
    "Publish", "routing_key payload payload_encoding properties",
    routing_key=TEXT, payload=TEXT, payload_encoding=TEXT, properties=OBJECT,
)  # fmt: skip
ROUTED: Final = shape("Routed", "routed", routed=FLAG)
GET: Final = shape(
    "Get", "ackmode count encoding", ackmode=TEXT, count=ANYTHING, encoding=TEXT, truncate=ANYTHING
)  # fmt: skip
MESSAGE: Final = shape(
    "Message", "payload payload_bytes payload_encoding properties exchange routing_key redelivered message_count",
    payload=TEXT, payload_bytes=INTEGER, payload_encoding=TEXT, properties=OBJECT, exchange=TEXT, routing_key=TEXT,
    redelivered=FLAG, message_count=INTEGER,
)  # fmt: skip


async def publish(call: Call) -> ASGIApp:
    """Publishes one message; answers when it is where it was to be."""
    body = await call.body("routing_key", "payload", "properties", "payload_encoding", bytes_max=PUBLISH_BYTES_MAX)
    alarm = call.api.node.alarms.active()
    if alarm:
        raise Refused(UNAVAILABLE, "service_unavailable", f"publishers are paused: low on {', '.join(sorted(alarm))}")
    payload = payload_of(text_in(body, "payload"), text_in(body, "payload_encoding"))
    properties = properties_of(object_in(body, "properties"))
    outcome: asyncio.Future[Published] = asyncio.get_running_loop().create_future()

    def done(published: Published) -> None:
        if not outcome.done():  # whoever asked may have gone
            outcome.set_result(published)

    to = address(exchange_name(call), text_in(body, "routing_key"))
    call.api.messages.publish(call.actor(), to, properties, payload, done)
    published = await outcome
    if not published.stored:
        raise Refused(UNAVAILABLE, "service_unavailable", "the message could not be stored")
    return answer({"routed": published.routed})


async def get(call: Call) -> ASGIApp:
    """Gets messages, and settles them or puts them back as asked for."""
    body = await call.body("ackmode", "count", "encoding")
    count, encoding = integer_in(body, "count"), body["encoding"]
    settled = SETTLED.get(str(body["ackmode"]))
    if settled is None:
        raise bad_request(f"Unsupported acknowledgement mode. Please use one of {', '.join(SETTLED)}.")
    if encoding not in ("auto", "base64"):
        raise bad_request("Unsupported encoding. Please use auto or base64.")
    truncate = integer_in(body, "truncate") if "truncate" in body else None
    held: list[Got] = []
    found: list[Json] = []
    try:
        await _get(call, min(GET_MAX, count), held)
        for got in held:
            found.append(_shaped(got, encoding == "auto", truncate))
    except BaseException:
        _give_back(held)
        raise
    for got in held:
        settled(got)
    call.api.node.tick.schedule()
    return answer(found)


def _give_back(held: list[Got]) -> None:
    for got in held:
        got.requeue()


async def _get(call: Call, count: int, held: list[Got]) -> None:
    """Gets up to `count` messages, as long as the answer does not become too large."""
    actor, name, size = call.actor(), call.part("queue"), 0
    loop = asyncio.get_running_loop()
    while len(held) < count and size < GET_BYTES_MAX:
        outcome: asyncio.Future[Got | None] = loop.create_future()

        def done(got: Got | None, outcome: asyncio.Future[Got | None] = outcome) -> None:
            if not outcome.done():
                outcome.set_result(got)
            elif got is not None:  # whoever asked has gone
                got.requeue()

        call.api.messages.get(actor, name, done)
        got = await outcome
        if got is None:
            return
        held.append(got)
        size += len(got.body)


def _shaped(got: Got, is_auto: bool, truncate: int | None) -> Json:
    batch, whole = got.batch, got.body
    shown = whole if truncate is None or truncate < 0 else whole[:truncate]
    found: dict[str, Any] = {
        "payload_bytes": len(whole),
        "redelivered": got.span.deliveries > 0,
        "exchange": batch.address.exchange,
        "routing_key": batch.address.routing_key,
        "message_count": got.left,
        "properties": as_json(batch.properties),
    }
    return found | payload_as_json(shown, is_auto)


ENDPOINTS: Final = rows(
    Endpoint("POST", "/exchanges/{vhost}/{exchange}/publish", "vhost.use", publish, "Publish a message", body=PUBLISH,
             answer=ROUTED, others=(UNAVAILABLE,)),
    Endpoint("POST", "/queues/{vhost}/{queue}/get", "vhost.use", get,
             "Get messages, and settle them or put them back", body=GET, answer=MESSAGE.listed()),
)  # fmt: skip
