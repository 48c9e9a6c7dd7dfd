"""Deduplication: what an exchange or a queue takes for repeated is forgotten. Must not: change a message."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.answers import no_content
from broker.management.call import Call
from broker.management.endpoint import NO_CONTENT, Endpoint, rows
from broker.management.resources.exchanges import exchange_info
from broker.management.resources.queues import queue_info


async def clear_queue(call: Call) -> ASGIApp:
    """Lets a queue take messages whose like is in it."""
    info = queue_info(call)
    call.api.operations.clear_deduplication(call.actor(), "queue", info.name)
    return no_content()


async def clear_exchange(call: Call) -> ASGIApp:
    """Lets an exchange take messages whose like came before."""
    info = exchange_info(call)
    call.api.operations.clear_deduplication(call.actor(), "exchange", info.name)
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("DELETE", "/queues/{vhost}/{queue}/deduplication", "vhost.use", clear_queue,
             "Forget which messages a queue takes for repeated", status=NO_CONTENT),
    Endpoint("DELETE", "/exchanges/{vhost}/{exchange}/deduplication", "vhost.use", clear_exchange,
             "Forget which messages an exchange takes for repeated", status=NO_CONTENT),
)  # fmt: skip
