"""Moving, copying and replaying messages, and the jobs that do it. Must not: do any of it (`broker/moving`)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.types import ASGIApp

from broker.browsing import Place, place_of, task_name
from broker.management.answers import Refused, answer, no_content
from broker.management.call import Call, bad_request, flag_in, integer_in, object_in, text_in
from broker.management.endpoint import (
    ACCEPTED,
    ANYTHING,
    ARRAY,
    FLAG,
    INTEGER,
    NO_CONTENT,
    OBJECT,
    TEXT,
    UNAVAILABLE,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.properties import payload_of, properties_of
from broker.management.waiting import walk
from broker.moving.deaths import newest_death
from broker.moving.filters import Filter
from broker.moving.jobs import Job, TooManyJobsError
from broker.moving.plans import Edit
from broker.moving.rewind import Reach
from broker.moving.service import Chosen, Replay, To

BODY_BYTES_MAX: Final = 16 * 1024 * 1024  # of JSON, with an edited message in it
LOOKED_AT_MAX: Final = 100_000  # dead letters that are grouped in one answer
GROUPS_MAX: Final = 1000
IDS_MAX: Final = 1000
TOO_MANY: Final = 429
MS_PER_S: Final = 1000
MS_MAX: Final = 253_402_300_799_000  # the end of the year 9999
NAME_BYTES_MAX: Final = 255
MOVE: Final = shape(
    "Move", "destination",
    destination=ANYTHING, count=INTEGER, copy=FLAG, ids=ARRAY, headers=OBJECT, body=TEXT, search=TEXT,
    rate=INTEGER,
)  # fmt: skip
REPLAY: Final = shape(
    "Replay",
    id=TEXT, edit=OBJECT, via=TEXT, keep_x_death=FLAG, count=INTEGER, reason=TEXT, queue=TEXT, task=TEXT,
    ids=ARRAY, headers=OBJECT, body=TEXT, search=TEXT, rate=INTEGER,
)  # fmt: skip
JOB: Final = shape(
    "Job", "id kind state vhost source destination user done total looked_at skipped error started ended",
    id=TEXT, kind=TEXT, state=TEXT, vhost=TEXT, source=TEXT, destination=TEXT, user=TEXT, done=INTEGER, total=INTEGER,
    looked_at=INTEGER, skipped=INTEGER, error=ANYTHING, started=TEXT, ended=ANYTHING,
)  # fmt: skip
REWIND: Final = shape("Rewind", "to into", to=ANYTHING, into=TEXT, partial=FLAG)
REACH: Final = shape(
    "Reach", "messages missing is_whole earliest earliest_ms",
    messages=INTEGER, missing=INTEGER, is_whole=FLAG, earliest=ANYTHING, earliest_ms=ANYTHING,
)  # fmt: skip
DEAD: Final = shape("DeadLetters", "groups looked_at truncated", groups=ARRAY, looked_at=INTEGER, truncated=FLAG)


def _time(ms: int) -> str | None:
    return datetime.fromtimestamp(ms / MS_PER_S, UTC).isoformat(timespec="milliseconds") if ms else None


def shaped(job: Job) -> Json:
    """A job as JSON."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "vhost": job.vhost,
        "source": job.source,
        "destination": job.destination,
        "user": job.user,
        "done": job.done,
        "total": job.total,
        "looked_at": job.looked_at,
        "skipped": job.skipped,
        "error": job.error or None,
        "started": _time(job.started_ms),
        "ended": _time(job.ended_ms),
    }


# ---- what is asked for


def chosen_in(body: Mapping[str, Any]) -> Chosen:
    """Which messages a body asks for, and how fast. Raises: Refused 400, ValueError."""
    reason, queue, task = (text_in(body, name) if name in body else None for name in ("reason", "queue", "task"))
    text = text_in(body, "search").lower().encode("utf-8", "surrogateescape")
    part = text_in(body, "body").encode("utf-8", "surrogateescape")
    wanted = Filter(object_in(body, "headers"), part, reason, queue, task, text, _places(body))
    chosen = Chosen(integer_in(body, "count") or len(wanted.places), integer_in(body, "rate"), wanted)
    chosen.check()
    return chosen


def _places(body: Mapping[str, Any]) -> frozenset[Place]:
    """The messages that are named one by one. Raises: Refused 400, ValueError."""
    if "ids" not in body:
        return frozenset()
    ids = body["ids"]
    if not isinstance(ids, list) or not 0 < len(ids) <= IDS_MAX or not all(isinstance(one, str) for one in ids):
        raise bad_request(f"ids is a list of 1 to {IDS_MAX} ids of messages")
    return frozenset(place_of(one) for one in ids)


def _destination(body: Mapping[str, Any]) -> To:
    value = body["destination"]
    if isinstance(value, str) and value:
        return To(queue=value)
    if not isinstance(value, dict) or "exchange" not in value:
        raise bad_request("destination is a queue's name, or an object with exchange and routing_key")
    key = text_in(value, "routing_key") if "routing_key" in value else None
    return To(exchange=text_in(value, "exchange"), routing_key=key)


def _edit(body: Mapping[str, Any]) -> Edit | None:
    """What becomes of a single message before it is replayed. Raises: Refused 400."""
    if "edit" not in body:
        return None
    if "id" not in body:
        raise bad_request("edit is for a single message: name it with id")
    edit = object_in(body, "edit")
    payload = None
    if "payload" in edit:
        payload = payload_of(text_in(edit, "payload"), text_in(edit, "payload_encoding", "string"))
    properties = properties_of(object_in(edit, "properties")) if "properties" in edit else None
    return Edit(payload, properties)


def _replay(body: Mapping[str, Any]) -> Replay:
    via = text_in(body, "via", "queue")
    if via not in ("queue", "exchange"):
        raise bad_request("via is queue or exchange")
    one = place_of(text_in(body, "id")) if "id" in body else None
    return Replay(via == "exchange", flag_in(body, "keep_x_death"), one, _edit(body))


def _since_ms(body: Mapping[str, Any]) -> int:
    """The time in a body: ISO 8601, UTC where it names no zone, or milliseconds since 1970. Raises: Refused 400."""
    value = body["to"]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MS_MAX:
        return value
    try:
        time = datetime.fromisoformat(value)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * MS_PER_S)
    except (TypeError, ValueError, OverflowError):
        raise bad_request("to is a time, such as 2026-11-21T17:00:00Z, or milliseconds since 1970") from None


def begun(job: Job) -> ASGIApp:
    """The answer to whoever started a job."""
    return answer(shaped(job), ACCEPTED)


def too_many(error: TooManyJobsError) -> Refused:
    """The answer where no more jobs may run."""
    return Refused(TOO_MANY, "too_many_jobs", str(error))


# ---- endpoints


async def move(call: Call) -> ASGIApp:
    """Begins to move or copy messages of a queue."""
    body = await call.body("destination")
    to, chosen, is_copied = _destination(body), chosen_in(body), flag_in(body, "copy")
    try:
        return begun(call.api.node.moving.move(call.actor(), call.part("queue"), to, chosen, is_copied))
    except TooManyJobsError as error:
        raise too_many(error) from None


async def replay(call: Call) -> ASGIApp:
    """Begins to replay dead letters that wait in a queue."""
    body = await call.body(bytes_max=BODY_BYTES_MAX)
    how, chosen = _replay(body), chosen_in(body)
    try:
        return begun(call.api.node.moving.replay(call.actor(), call.part("queue"), how, chosen))
    except TooManyJobsError as error:
        raise too_many(error) from None


async def rewind(call: Call) -> ASGIApp:
    """Begins to get back what was published to a durable queue since a time, into a new queue."""
    body = await call.body("to", "into")
    since_ms, into, is_partial = _since_ms(body), text_in(body, "into"), flag_in(body, "partial")
    if not into or len(into.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise bad_request(f"into is a queue's name of at most {NAME_BYTES_MAX} bytes")
    try:
        return begun(call.api.node.moving.rewind(call.actor(), call.part("queue"), since_ms, into, is_partial))
    except TooManyJobsError as error:
        raise too_many(error) from None


async def reach(call: Call) -> ASGIApp:
    """How far back a queue can be rewound. Raises: Refused 503 where the log cannot be read."""
    outcome: asyncio.Future[Reach | str] = asyncio.get_running_loop().create_future()

    def done(found: Reach | str) -> None:
        if not outcome.done():  # whoever asked may have gone
            outcome.set_result(found)

    call.api.node.moving.reach(call.actor(), call.part("queue"), done)
    found = await outcome
    if isinstance(found, str):
        raise Refused(UNAVAILABLE, "service_unavailable", found)
    earliest_ms = found.complete_from_ms
    return answer({
        "messages": found.messages, "missing": found.missing, "is_whole": found.missing == 0,
        "earliest": _time(earliest_ms or 0), "earliest_ms": earliest_ms,
    })  # fmt: skip


async def dead_letters(call: Call) -> ASGIApp:
    """The dead letters in a queue, in groups that died alike; the largest group first."""
    groups: Counter[tuple[str, str, str | None]] = Counter()
    looked_at, is_truncated = 0, False
    async for waiting in walk(call, call.actor(), call.part("queue")):
        looked_at += 1
        death = newest_death(waiting.batch.properties)
        if death is not None:
            key = (death.reason, death.queue, task_name(waiting.batch.properties))
            if key in groups or len(groups) < GROUPS_MAX:
                groups[key] += 1
            else:
                is_truncated = True
        if looked_at == LOOKED_AT_MAX:
            is_truncated = True
            break
    found = [
        {"reason": reason, "queue": queue, "task": task, "count": count}
        for (reason, queue, task), count in groups.most_common()
    ]
    return answer({"groups": found, "looked_at": looked_at, "truncated": is_truncated})


async def jobs(call: Call) -> ASGIApp:
    """The jobs in vhosts that whoever asks sees, the newest first."""
    return answer([shaped(job) for job in call.api.node.moving.jobs.all() if call.sees_vhost(job.vhost)])


def _job(call: Call) -> Job:
    """The job in the path. Raises: UnknownJobError."""
    job: Job = call.api.node.moving.jobs.get(call.part("job"))
    call.require("vhost.see", job.vhost)
    return job


async def job(call: Call) -> ASGIApp:
    """One job."""
    return answer(shaped(_job(call)))


async def cancel(call: Call) -> ASGIApp:
    """Stops a job; what it has done stays done."""
    found = _job(call)
    call.require("vhost.use", found.vhost)
    call.api.node.moving.cancel(call.actor(found.vhost), found)
    await asyncio.sleep(0)
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("POST", "/queues/{vhost}/{queue}/move", "vhost.use", move,
             "Move or copy messages to another queue or an exchange, as a job", body=MOVE, answer=JOB,
             status=ACCEPTED, others=(TOO_MANY,)),
    Endpoint("POST", "/queues/{vhost}/{queue}/replay", "vhost.use", replay,
             "Replay dead letters to where they died, as a job", body=REPLAY, answer=JOB, status=ACCEPTED,
             others=(TOO_MANY,)),
    Endpoint("POST", "/queues/{vhost}/{queue}/rewind", "vhost.use", rewind,
             "Get back what was published to a durable queue since a time, into a new queue, as a job", body=REWIND,
             answer=JOB, status=ACCEPTED, others=(TOO_MANY,)),
    Endpoint("GET", "/queues/{vhost}/{queue}/rewind", "vhost.use", reach, "How far back a queue can be rewound",
             answer=REACH, others=(UNAVAILABLE,)),
    Endpoint("GET", "/queues/{vhost}/{queue}/dead-letters", "vhost.use", dead_letters,
             "Dead letters by reason, queue and Celery task", answer=DEAD),
    Endpoint("GET", "/leveret/jobs", "overview.see", jobs, "Jobs that run, and those that ended lately",
             answer=JOB.listed()),
    Endpoint("GET", "/leveret/jobs/{job}", "overview.see", job, "One job", answer=JOB),
    Endpoint("DELETE", "/leveret/jobs/{job}", "overview.see", cancel, "Cancel a job", status=NO_CONTENT),
)  # fmt: skip
