"""Arguments of queues that are there, changed in place. Must not: check what operations check."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.answers import answer, stored
from broker.management.call import Call, flag_in, object_in
from broker.management.endpoint import ARRAY, FLAG, INTEGER, OBJECT, Endpoint, rows, shape
from broker.management.resources.queues import queue_info
from broker.management.tables import letter_of, table_of

WANTED: Final = shape("ArgumentsWanted", "arguments", arguments=OBJECT, dry_run=FLAG)
CHANGED: Final = shape(
    "ArgumentsChanged", "applied arguments changes messages_to_sort", applied=FLAG, arguments=OBJECT, changes=ARRAY,
    messages_to_sort=INTEGER,
)  # fmt: skip


async def change(call: Call) -> ASGIApp:
    """Changes the arguments that are given, all or none; null takes one away, and those not given stay."""
    body = await call.body("arguments")
    name, wanted, is_dry = queue_info(call).name, table_of(object_in(body, "arguments")), flag_in(body, "dry_run")
    types = {key: letter_of(value) for key, value in wanted.items()}
    plan = call.api.operations.change_queue(call.actor(), name, wanted, types, is_dry)
    if plan.changes and not is_dry:
        await stored(call.api.administration)
    sorting = queue_info(call).messages_ready if plan.touches("x-max-priority") else 0
    changes = [{"argument": one.argument, "before": one.before, "after": one.after} for one in plan.changes]
    return answer({
        "applied": not is_dry, "arguments": dict(plan.arguments.values),
        "changes": changes, "messages_to_sort": sorting,
    })  # fmt: skip


ENDPOINTS: Final = rows(
    Endpoint("PUT", "/queues/{vhost}/{queue}/arguments", "vhost.use", change,
             "Change arguments of a queue that is there, with its messages and consumers", body=WANTED, answer=CHANGED),
)  # fmt: skip
