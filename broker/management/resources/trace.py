"""GET /api/leveret/trace: messages as they are published and delivered, as server-sent events. Must not: keep any."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import ASGIApp

from broker.management.call import Call
from broker.management.endpoint import FLAG, TEXT, Endpoint, Json, Query, rows
from broker.management.properties import as_json, payload_as_json
from broker.tracing import Event, Watcher

EVENTS_IN_ONE_GO: Final = 50
BODY_BYTES_MAX: Final = 64 * 1024  # shown of one message
QUIET_S: Final = 15.0  # after which a line is sent all the same, so that whoever has gone is noticed
STREAM: Final = "text/event-stream"
CHOOSING: Final = (
    Query("vhost", TEXT, "Only this vhost"),
    Query("exchange", TEXT, "Only what is published to this exchange"),
    Query("queue", TEXT, "Only what goes into or out of this queue"),
    Query("user", TEXT, "Only what this user publishes"),
    Query("body", FLAG, "With the bodies, up to 64 KiB of each"),
)


async def trace(call: Call) -> ASGIApp:
    """Everything that happens to messages from now on, until whoever asked goes."""
    has_body, woken = call.flag("body", True), asyncio.Event()
    if call.text("vhost"):
        call.api.administration.vhost(call.text("vhost"))
    watcher = Watcher(call.text("vhost"), call.text("exchange"), call.text("queue"), call.text("user"), woken.set)
    call.api.node.tracing.watch(watcher)
    return StreamingResponse(_events(call, watcher, woken, has_body), media_type=STREAM)


async def _events(call: Call, watcher: Watcher, woken: asyncio.Event, has_body: bool) -> AsyncIterator[bytes]:
    try:
        yield b": watching\n\n"
        while True:
            events = watcher.take(EVENTS_IN_ONE_GO)
            if events:
                yield b"".join(_written(event.kind, _shaped(event, has_body)) for event in events)
                await asyncio.sleep(0)
                continue
            if watcher.left_out:
                left_out, watcher.left_out = watcher.left_out, 0
                yield _written("left_out", {"count": left_out})
            woken.clear()
            try:
                await asyncio.wait_for(woken.wait(), QUIET_S)
            except TimeoutError:
                yield b": quiet\n\n"
    finally:
        call.api.node.tracing.leave(watcher)


def _written(kind: str, fields: Json) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(fields, default=str, separators=(',', ':'))}\n\n".encode()


def _shaped(event: Event, has_body: bool) -> Json:
    batch, body = event.batch, event.batch.bodies[event.at]
    fields: Json = {
        "type": event.kind, "timestamp": event.at_ms, "vhost": event.vhost, "exchange": batch.address.exchange,
        "routing_key": batch.address.routing_key, "queues": event.queues, "payload_bytes": len(body),
        "properties": as_json(batch.properties),
    }  # fmt: skip
    if event.user:
        fields["user"] = event.user
    if event.consumer or (event.queues and event.kind == "delivered"):
        fields |= {"queue": event.queues[0], "consumer": event.consumer, "redelivered": event.redelivered}
    return fields | payload_as_json(body[:BODY_BYTES_MAX], True) if has_body else fields


ENDPOINTS: Final = rows(
    Endpoint("GET", "/leveret/trace", "trace.see", trace, "Follow messages as they come and go", CHOOSING,
             media_type=STREAM),
)  # fmt: skip
