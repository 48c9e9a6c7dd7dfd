"""/api/leveret/celery: the tasks in a broker's queues and at its workers, by what Celery's headers say.

Must not: touch a message that is only looked at, or ask a worker anything but to forget a task.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from starlette.types import ASGIApp

from broker.browsing import id_of, task_headers, task_name
from broker.management.answers import answer
from broker.management.call import Call, flag_in, text_in
from broker.management.endpoint import ANYTHING, FLAG, INTEGER, TEXT, Endpoint, Json, Query, rows, shape
from broker.management.properties import properties_of
from broker.management.waiting import LOOKED_AT_MAX, removed, walk
from broker.messages import Published, address
from broker.model.message import Batch
from broker.requests import Actor

TASKS_MAX: Final = 500  # in one answer
NAMES_MAX: Final = 200  # counted apart
CONTROL_EXCHANGE: Final = "celery.pidbox"
ORDER_LASTS_S: Final = 300
WAITING: Final = "waiting"
AT_WORKER: Final = "at a worker"
FIELDS: Final = ("retries", "eta", "expires", "root_id", "parent_id", "origin", "group", "timelimit")
LOOKING: Final = (
    Query("vhost", TEXT, "Only this vhost"),
    Query("queue", TEXT, "Only this queue"),
    Query("name", TEXT, "Only tasks with this in their name"),
    Query("id", TEXT, "Only the task with this id"),
)
TASKS: Final = shape("CeleryTasks", "tasks names truncated", tasks=ANYTHING, names=ANYTHING, truncated=FLAG)
REVOKE: Final = shape("CeleryRevoke", "vhost id", vhost=TEXT, id=TEXT, terminate=FLAG)
REVOKED: Final = shape("CeleryRevoked", "removed workers_told", removed=INTEGER, workers_told=FLAG)


class Wanted:
    """Which tasks are asked for, and those that were found; `is_full` where there are more than one answer takes."""

    def __init__(self, name: str, task_id: str) -> None:
        self._name = name
        self._id = task_id
        self._id_bytes = task_id.encode("utf-8", "surrogateescape")
        self.tasks: list[Json] = []
        self.names: Counter[str] = Counter()
        self.looked_at = 0

    @property
    def is_full(self) -> bool:
        """Whether looking further brings nothing more."""
        return self.looked_at >= LOOKED_AT_MAX

    def see(self, vhost: str, queue: str, batch: Batch, now_ms: int, further: Json) -> None:
        """One message, which may be a task that is wanted."""
        self.looked_at += 1
        name = task_name(batch.properties) if self._id_bytes in batch.properties.raw else None
        if name is None or self._name not in name:
            return
        headers = task_headers(batch.properties) if self._id or len(self.tasks) < TASKS_MAX else {}
        if self._id and headers.get("id") != self._id:
            return
        if name in self.names or len(self.names) < NAMES_MAX:
            self.names[name] += 1
        if len(self.tasks) < TASKS_MAX:
            where = {"vhost": vhost, "queue": queue, "age_ms": _age(batch, now_ms)}
            self.tasks.append(_task(headers) | where | further)


def _age(batch: Batch, now_ms: int) -> int | None:
    return max(0, now_ms - batch.stamp_ms) if batch.stamp_ms else None


def _task(headers: dict[str, Any]) -> Json:
    found = {"name": headers.get("task"), "id": headers.get("id")}
    found |= {"args": headers.get("argsrepr"), "kwargs": headers.get("kwargsrepr")}
    return found | {name: headers.get(name) for name in FIELDS}


async def tasks(call: Call) -> ASGIApp:
    """Tasks that wait, and those that workers have and have not acknowledged."""
    wanted, only = Wanted(call.text("name"), call.text("id")), call.text("queue")
    for actor in _actors(call):
        await _see_waiting(call, actor, only, wanted)
        _see_held(call, actor, only, wanted)
    names = [{"name": name, "count": count} for name, count in wanted.names.most_common()]
    truncated = wanted.is_full or len(wanted.tasks) == TASKS_MAX
    return answer({"tasks": wanted.tasks, "names": names, "truncated": truncated})


def _actors(call: Call) -> list[Actor]:
    """Whoever asks, in the vhost asked for or in all that it may use. Raises: UnknownVhostError."""
    named = call.text("vhost")
    chosen = [named] if named else list(call.api.node.vhosts)
    return [call.actor(vhost) for vhost in chosen if call.allows("vhost.use", vhost)]


async def _see_waiting(call: Call, actor: Actor, only: str, wanted: Wanted) -> None:
    now_ms = call.api.node.clock.now_ms()
    for queue in call.api.browser.task_queues(actor):
        if only not in ("", queue):
            continue
        async for waiting in walk(call, actor, queue):
            further = {"state": WAITING, "message_id": id_of(waiting.place), "worker": None}
            wanted.see(actor.vhost.name, queue, waiting.batch, now_ms, further)
            if wanted.is_full:
                return


def _see_held(call: Call, actor: Actor, only: str, wanted: Wanted) -> None:
    now_ms = call.api.node.clock.now_ms()
    for held in call.api.browser.held(actor, list(call.api.node.connections.open)):
        if wanted.is_full:
            return
        if only in ("", held.queue):
            further = {"state": AT_WORKER, "message_id": None, "worker": held.connection}
            wanted.see(actor.vhost.name, held.queue, held.batch, now_ms, further)


async def revoke(call: Call) -> ASGIApp:
    """Takes a task out of the queues it waits in, and tells the workers, who may hold it already, to forget it."""
    body = await call.body("vhost", "id")
    vhost, task_id = text_in(body, "vhost"), text_in(body, "id")
    call.require("vhost.use", vhost)
    actor, terminate = call.actor(vhost), flag_in(body, "terminate")
    gone = 0
    for queue in call.api.browser.task_queues(actor):
        gone += await _take_out(call, actor, queue, task_id)
    return answer({"removed": gone, "workers_told": _tell_workers(call, actor, task_id, terminate)})


async def _take_out(call: Call, actor: Actor, queue: str, task_id: str) -> int:
    """Takes a task out of a queue; returns how often it was there."""
    wanted = task_id.encode("utf-8", "surrogateescape")
    places = [
        waiting.place
        async for waiting in walk(call, actor, queue)
        if wanted in waiting.batch.properties.raw and task_headers(waiting.batch.properties).get("id") == task_id
    ]
    return sum([await removed(call, actor, queue, place) for place in places])


def _tell_workers(call: Call, actor: Actor, task_id: str, terminate: bool) -> bool:
    """Publishes what `celery control revoke` does; False where no worker listens."""
    if CONTROL_EXCHANGE not in actor.vhost.table.exchanges:
        return False
    arguments = {"task_id": task_id, "terminate": terminate, "signal": "SIGTERM"}
    order = {"method": "revoke", "arguments": arguments, "destination": None, "pattern": None, "matcher": None}
    headers = {"expires": call.api.node.clock.now_ms() / 1000 + ORDER_LASTS_S}
    described = {"content_type": "application/json", "content_encoding": "utf-8", "headers": headers}
    outcome: list[Published] = []
    to, body = address(CONTROL_EXCHANGE, ""), json.dumps(order).encode()
    call.api.messages.publish(actor, to, properties_of(described), body, outcome.append)
    return True


ENDPOINTS: Final = rows(
    Endpoint("GET", "/leveret/celery/tasks", "overview.see", tasks, "Celery tasks that wait or are at workers", LOOKING,
             answer=TASKS),
    Endpoint("POST", "/leveret/celery/revoke", "overview.see", revoke,
             "Take a Celery task out of its queue and tell the workers to forget it", body=REVOKE, answer=REVOKED),
)  # fmt: skip
