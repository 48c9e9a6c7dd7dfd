"""brokerctl move, copy, replay, rewind, list_jobs and cancel_job: work on many messages, watched to its end.

Must not: leave a job running that somebody at a keyboard has given up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import click

from broker.cli.arguments import complete_exchange, complete_queue, pairs, queue_argument, vhost_option
from broker.cli.context import Context
from broker.cli.exits import DATA, FOUND, OK, CtlError, DataError
from broker.cli.group import command
from broker.cli.paths import part
from broker.cli.progress import bar

JOBS: Final = "/api/leveret/jobs"
LOOK_S: Final = 0.1
COLUMNS: Final = ("id", "kind", "state", "vhost", "source", "destination", "done", "total", "error")
RUNNING: Final = ("running", "paused")
DID: Final = {"move": "moved", "copy": "copied", "replay": "replayed", "rewind": "got back"}
STAYED: Final = "could not be, and stayed"
LEFT: Final = {"move": STAYED, "copy": STAYED, "replay": STAYED, "rewind": "are not in the log any more"}
VERBS: Final = {"move": "Moving", "copy": "Copying", "replay": "Replaying", "rewind": "Rewinding"}

count_option = click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="How many at most; else all.")
rate_option = click.option("--rate", type=click.IntRange(1), metavar="N", help="How many in a second at most.")
header_option = click.option("--header", "headers", multiple=True, metavar="NAME=VALUE",
                             help="Only messages that have this header; several times.")  # fmt: skip
body_option = click.option("--body", metavar="TEXT", help="Only messages with this text in their body.")
wait_option = click.option("--wait/--no-wait", default=True, show_default=True,
                           help="Wait for the end; else the job's id is told at once.")  # fmt: skip
to_argument = click.argument("to", required=False, shell_complete=complete_queue)
exchange_option = click.option("-x", "--exchange", metavar="NAME", shell_complete=complete_exchange,
                               help="Through this exchange, instead of into a queue.")  # fmt: skip
key_option = click.option("-k", "--routing-key", metavar="KEY",
                          help="With --exchange: with this routing key; by default each message's own.")  # fmt: skip


def watch(context: Context, job: dict[str, Any], is_awaited: bool) -> int:
    """Waits for the end of a job where that is wanted, and tells of it; the exit status. Ctrl-C cancels it."""
    if is_awaited:
        try:
            job = _to_end(context, job)
        except KeyboardInterrupt:
            context.client.delete(f"{JOBS}/{job['id']}")
            raise
    elif not context.is_json:
        context.done(f"Job {job['id']} is running: brokerctl list_jobs shows how far it has come.")
        return OK
    return tell(context, job)


def _to_end(context: Context, job: dict[str, Any]) -> dict[str, Any]:
    with bar(VERBS[job["kind"]], max(1, job["total"])) as advance:
        shown = 0
        while job["state"] in RUNNING:
            time.sleep(LOOK_S)
            job = context.client.get(f"{JOBS}/{job['id']}")
            advance(max(job["looked_at"], job["done"]) - shown)
            shown = max(job["looked_at"], job["done"])
    return job


def tell(context: Context, job: dict[str, Any]) -> int:
    """Tells how a job has ended; the exit status."""
    kind, done, source, to = job["kind"], job["done"], job["source"], job["destination"]
    counted = f"{done} message{'' if done == 1 else 's'}"
    told = f'{counted} {DID[kind]} from queue "{source}" to {to}'
    if job["skipped"]:
        told += f"; {job['skipped']} {LEFT[kind]}"
    if job["state"] == "failed":
        if context.is_json:
            context.done("", **job)
        raise CtlError(f"{job['error']}; until then {told}", DATA)
    if job["state"] == "cancelled":
        context.done(f"Cancelled: {told}.", **job)
        return FOUND
    context.done(f"{told}.", **job)
    return OK


def _body(count: int | None, rate: int | None, headers: tuple[str, ...], body: str | None) -> dict[str, Any]:
    given = {"count": count, "rate": rate, "headers": pairs(headers, "--header") or None, "body": body}
    return {name: value for name, value in given.items() if value is not None}


def _destination(to: str | None, exchange: str | None, routing_key: str | None) -> str | dict[str, str]:
    if (to is None) == (exchange is None):
        raise DataError("say where to: a queue's name, or --exchange")
    if to is not None:
        return to
    return {"exchange": exchange or "", **({} if routing_key is None else {"routing_key": routing_key})}


def _path(vhost: str, queue: str, verb: str) -> str:
    return f"/api/queues/{part(vhost)}/{part(queue)}/{verb}"


def _sending(function: Callable[..., int]) -> Callable[..., int]:
    """What move and copy are told."""
    for option in (wait_option, rate_option, body_option, header_option, count_option, key_option, exchange_option,
                   to_argument, queue_argument, vhost_option):  # fmt: skip
        function = option(function)
    return function


@command
@_sending
def move(
    context: Context, vhost: str, queue: str, to: str | None, exchange: str | None, routing_key: str | None,
    count: int | None, headers: tuple[str, ...], body: str | None, rate: int | None, wait: bool,
) -> int:  # fmt: skip
    """Move waiting messages of a queue into another one, or through an exchange. What consumers hold stays with them.

    Exit status: 65 where the destination takes no more; what was not moved is where it was.
    """
    asked = {"destination": _destination(to, exchange, routing_key), **_body(count, rate, headers, body)}
    return watch(context, context.client.post(_path(vhost, queue, "move"), asked), wait)


@command
@_sending
def copy(
    context: Context, vhost: str, queue: str, to: str | None, exchange: str | None, routing_key: str | None,
    count: int | None, headers: tuple[str, ...], body: str | None, rate: int | None, wait: bool,
) -> int:  # fmt: skip
    """Copy waiting messages of a queue into another one, or through an exchange; the queue stays as it is."""
    asked = {"destination": _destination(to, exchange, routing_key), **_body(count, rate, headers, body), "copy": True}
    return watch(context, context.client.post(_path(vhost, queue, "move"), asked), wait)


@command
@vhost_option
@queue_argument
@click.option("--via", type=click.Choice(("queue", "exchange")), default="queue", show_default=True,
              help="Straight into the queue where they died, or through the exchange that they came from.")  # fmt: skip
@click.option("--reason", metavar="REASON", help="Only what died for this: rejected, expired, maxlen, delivery_limit.")
@click.option("--died-in", metavar="QUEUE", help="Only what died last in this queue.")
@click.option("--task", metavar="NAME", help="Only this Celery task.")
@click.option("--id", "message", metavar="ID", help="Only the message with this id, as peek --json shows it.")
@click.option("--keep-x-death", is_flag=True, help="Leave the headers of their deaths as they are.")
@count_option
@header_option
@body_option
@rate_option
@wait_option
def replay(
    context: Context, vhost: str, queue: str, via: str, reason: str | None, died_in: str | None, task: str | None,
    message: str | None, keep_x_death: bool, count: int | None, headers: tuple[str, ...], body: str | None,
    rate: int | None, wait: bool,
) -> int:  # fmt: skip
    """Put the dead letters that wait in a queue back where they died; what never died stays."""
    asked = {"via": via, "keep_x_death": keep_x_death, **_body(count, rate, headers, body)}
    chosen = {"reason": reason, "queue": died_in, "task": task, "id": message}
    asked |= {name: value for name, value in chosen.items() if value is not None}
    return watch(context, context.client.post(_path(vhost, queue, "replay"), asked), wait)


@command
@vhost_option
@queue_argument
@click.argument("into", required=False)
@click.option("--to", metavar="TIME", help="Since when: 2026-11-21T17:00:00Z, or ms since 1970; else since the first.")
@click.option("--partial", is_flag=True, help="Get back what there is, though some is not in the log any more.")
@wait_option
def rewind(
    context: Context, vhost: str, queue: str, into: str | None, to: str | None, partial: bool, wait: bool
) -> int:  # fmt: skip
    """Get back what was published to a durable queue since a time, settled or not, into a new queue INTO.

    Without INTO it is told how far back that goes.
    """
    path = _path(vhost, queue, "rewind")
    if into is None:
        reach = context.client.get(path)
        earliest = reach["earliest"] or ("at no time" if reach["earliest_ms"] is None else "its first message")
        facts = (("Messages", reach["messages"]), ("Missing", reach["missing"]), ("Whole since", earliest))
        context.show_facts(facts, reach)
        return OK
    asked = {"to": int(to) if to is not None and to.isdigit() else to or 0, "into": into, "partial": partial}
    return watch(context, context.client.post(path, asked), wait)


@command
@vhost_option
@queue_argument
def dead_letters(context: Context, vhost: str, queue: str) -> None:
    """Count the dead letters that wait in a queue, by reason, the queue they died in and Celery task."""
    answer = context.client.get(_path(vhost, queue, "dead-letters"))
    if answer["truncated"]:
        context.warn(f"only the first {answer['looked_at']} messages were looked at")
    context.show(f"Dead letters in queue {queue}", ("reason", "queue", "task", "count"), answer["groups"])


@command
def list_jobs(context: Context) -> None:
    """List the jobs that move, copy, replay or rewind messages, and those that ended lately."""
    context.show("Jobs", COLUMNS, context.client.get(JOBS))


@command
@click.argument("job")
def cancel_job(context: Context, job: str) -> None:
    """Stop a job; what it has done stays done."""
    context.client.delete(f"{JOBS}/{part(job)}")
    context.done(f"Job {job} stops.", id=job)
