"""/api/leveret/dead-letter-queues: the queues that dead letters go to. Must not: look at messages."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.http_pieces import in_steps
from broker.introspection.dead_letters import DeadLetterQueue, dead_letter_queues
from broker.management import views
from broker.management.call import Call
from broker.management.endpoint import ARRAY, INTEGER, LISTING, TEXT, Endpoint, Json, rows, shape
from broker.management.lists import from_values, listing

FOUND: Final = shape(
    "DeadLetterQueue", "name vhost messages_ready consumers exchanges from from_count", name=TEXT, vhost=TEXT,
    messages_ready=INTEGER, consumers=INTEGER, exchanges=ARRAY, from_count=INTEGER, **{"from": ARRAY},
)  # fmt: skip


async def found_in(call: Call) -> ASGIApp:
    """Queues that get what others do not keep, through which exchanges, and from which queues (some are named)."""
    vhosts = [call.vhost] if "vhost" in call.request.path_params else views.visible_vhosts(call)
    found = await in_steps(dead_letter_queues(call.api.window, vhosts))
    return await listing(call, await from_values(found, _shaped))


def _shaped(one: DeadLetterQueue) -> Json:
    return {
        "name": one.name, "vhost": one.vhost, "messages_ready": one.messages_ready, "consumers": one.consumers,
        "exchanges": one.exchanges, "from": one.sources, "from_count": one.source_count,
    }  # fmt: skip


ENDPOINTS: Final = rows(
    Endpoint("GET", "/leveret/dead-letter-queues", "overview.see", found_in,
             "The queues that dead letters go to, of all vhosts", LISTING, answer=FOUND.listing()),
    Endpoint("GET", "/leveret/dead-letter-queues/{vhost}", "vhost.see", found_in,
             "The queues of a vhost that dead letters go to", LISTING, answer=FOUND.listing()),
)  # fmt: skip
