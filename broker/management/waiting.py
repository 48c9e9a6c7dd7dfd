"""Waiting messages for whoever looks at them over HTTP: step by step, with the broker's own work in between.

Must not: change a queue, or know what is looked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from broker.browsing import FRONT, Place, Waiting, id_of
from broker.management.call import Call
from broker.management.endpoint import Json
from broker.management.properties import as_json, payload_as_json
from broker.requests import Actor

LOOKED_AT_MAX: Final = 20_000  # messages in one request; it can go on from there
LOOKED_AT_BYTES_MAX: Final = 256 * 1024  # searched in one go


async def _step(call: Call, actor: Actor, queue: str, place: Place) -> tuple[Sequence[Waiting], Place | None]:
    outcome: asyncio.Future[tuple[Sequence[Waiting], Place | None]] = asyncio.get_running_loop().create_future()

    def done(found: Sequence[Waiting], behind: Place | None) -> None:
        if not outcome.done():  # whoever asked may have gone
            outcome.set_result((found, behind))

    call.api.browser.look(actor, queue, place, done)
    return await outcome


async def walk(call: Call, actor: Actor, queue: str, begin: Place = FRONT) -> AsyncIterator[Waiting]:
    """All that waits from a place on; others have a turn after every quarter of a megabyte.

    Raises: ChannelException 403, 404, 405, also where the queue ends while it is looked at.
    """
    place: Place | None = begin
    while place is not None:
        found, place = await _step(call, actor, queue, place)
        size = 0
        for waiting in found:
            yield waiting
            size += waiting.batch.message_bytes
            if size > LOOKED_AT_BYTES_MAX:
                await asyncio.sleep(0)
                size = 0
        await asyncio.sleep(0)


async def removed(call: Call, actor: Actor, queue: str, place: Place) -> bool:
    """Takes a message out of its queue; False where it does not wait there (any more)."""
    outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def done(was_there: bool) -> None:
        if not outcome.done():
            outcome.set_result(was_there)

    call.api.browser.remove(actor, queue, place, done)
    return await outcome


def shaped(call: Call, waiting: Waiting, truncate: int | None) -> Json:
    """A waiting message as JSON."""
    batch, body = waiting.batch, waiting.batch.bodies[waiting.at]
    now_ms = call.api.node.clock.now_ms()
    return {
        "id": id_of(waiting.place),
        "exchange": batch.address.exchange,
        "routing_key": batch.address.routing_key,
        "redelivered": waiting.deliveries > 0,
        "deliveries": waiting.deliveries,
        "age_ms": max(0, now_ms - batch.stamp_ms) if batch.stamp_ms else None,
        "expires_in_ms": max(0, waiting.expires_ms - now_ms) if waiting.expires_ms else None,
        "properties": as_json(batch.properties),
        "payload_bytes": len(body),
    } | payload_as_json(body if truncate is None else body[:truncate], True)
