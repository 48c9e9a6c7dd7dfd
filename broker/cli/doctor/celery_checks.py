"""Checks of a Celery configuration against a broker, in plain words. Must not: load it, or ask the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from broker.cli.doctor.celery_config import AMQP_SCHEMES, BrokerUrl, Settings
from broker.cli.doctor.celery_queues import declared_queues, differences, priorities
from broker.cli.doctor.findings import ERROR, NOTE, WARNING, Facts, Finding, named

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
PICKLES: Final = frozenset({"pickle", "application/x-python-serialize"})
TRANSIENT: Final = (1, "transient")
Check = Callable[[Settings, Facts], Iterator[Finding]]


def transport(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Whether it speaks AMQP at all."""
    others = [url.scheme for url in settings.urls() if url.scheme not in AMQP_SCHEMES]
    if others:
        text = f"broker_url goes to {named(others)}, not to an AMQP broker."
        yield Finding(ERROR, "broker_url", text, "Set broker_url to amqp://user:password@host:5672/vhost.")


def address(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Whether somebody listens where it connects."""
    ports = {one["port"] for one in facts.overview.get("listeners", ()) if str(one["protocol"]).startswith("amqp")}
    for url in _amqp(settings):
        if url.host in LOOPBACK and ports and url.port not in ports:
            text = f"broker_url says port {url.port}; this broker listens for AMQP on {named(map(str, sorted(ports)))}."
            yield Finding(ERROR, "broker_url", text, "Correct the port in broker_url.")
        if url.host not in LOOPBACK and url.has_default_password:
            text = f"broker_url logs in at {url.host} as guest with the default password."
            yield Finding(ERROR, "broker_url", text, "guest may log in from the broker's machine only; make a user.")
        if url.host not in LOOPBACK and url.scheme != "amqps" and not settings["broker_use_ssl"]:
            text = f"The password and every task travel readably to {url.host}."
            yield Finding(WARNING, "broker_url", text, "Use amqps:// (or broker_use_ssl) on networks you do not trust.")


def account(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Whether the user and the vhost are there, and fit."""
    for url in _amqp(settings):
        if facts.vhosts and url.vhost not in facts.vhosts:
            text = f'broker_url names the virtual host "{url.vhost}", which is not there.'
            yield Finding(ERROR, "broker_url", text, f"brokerctl add_vhost {url.vhost}, or correct broker_url.")
        elif facts.users and url.user not in facts.users:
            text = f'broker_url names the user "{url.user}", whom this broker does not know.'
            yield Finding(ERROR, "broker_url", text, f"brokerctl add_user {url.user}, or correct broker_url.")
        elif facts.permissions and not _rights(url, facts):
            text = f'User "{url.user}" has no rights in the virtual host "{url.vhost}".'
            advice = f"brokerctl set_permissions -p {url.vhost} {url.user} '.*' '.*' '.*'"
            yield Finding(ERROR, "permissions", text, advice)


def _rights(url: BrokerUrl, facts: Facts) -> bool:
    return any(one["user"] == url.user and one["vhost"] == url.vhost for one in facts.permissions)


def _amqp(settings: Settings) -> list[BrokerUrl]:
    return [url for url in settings.urls() if url.scheme in AMQP_SCHEMES]


def confirms(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Whether whoever sends a task knows that the broker has it."""
    if not settings["broker_transport_options"].get("confirm_publish"):
        text = "A task that is sent while the broker stops or the network breaks is lost without an error."
        advice = 'Set broker_transport_options = {"confirm_publish": True}: apply_async then waits for the broker.'
        yield Finding(WARNING, "confirms", text, advice)
    if not settings["task_publish_retry"]:
        text = "Sending a task is not tried again when the connection breaks (task_publish_retry is off)."
        yield Finding(WARNING, "confirms", text, "Turn task_publish_retry on.")
    if "visibility_timeout" in settings["broker_transport_options"]:
        text = "visibility_timeout has no effect here: it is for Redis and SQS. A task comes back when its worker goes."
        yield Finding(NOTE, "transport options", text, "Take it out of broker_transport_options.")


def acknowledgement(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """What happens to a task whose worker dies."""
    if not settings["task_acks_late"]:
        text = "A task that has begun is gone if its worker is killed: it is acknowledged before it runs."
        advice = "For tasks that may run twice, set task_acks_late = True and task_reject_on_worker_lost = True."
        yield Finding(NOTE, "acknowledgement", text, advice)
        return
    if not settings["task_reject_on_worker_lost"]:
        text = "A task is acknowledged though its process was killed (by the kernel for want of memory, for example)."
        advice = "Set task_reject_on_worker_lost = True; a task that always kills its process then comes back forever."
        yield Finding(WARNING, "acknowledgement", text, advice)
    if settings["worker_prefetch_multiplier"] not in (0, 1):
        text = "Each process takes several tasks ahead, which wait for it though others are idle."
        yield Finding(NOTE, "prefetch", text, "For tasks longer than a second set worker_prefetch_multiplier = 1.")
    if not settings["worker_cancel_long_running_tasks_on_connection_loss"]:
        text = "When its connection breaks, a worker goes on with a task that another worker gets as well."
        advice = "Set worker_cancel_long_running_tasks_on_connection_loss = True, or let tasks bear being run twice."
        yield Finding(NOTE, "acknowledgement", text, advice)


def prefetch(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Whether a worker takes everything."""
    if settings["worker_prefetch_multiplier"] == 0:
        text = "The first worker takes all tasks that wait (worker_prefetch_multiplier is 0)."
        yield Finding(WARNING, "prefetch", text, "Set worker_prefetch_multiplier to 1, or to 10 for very short tasks.")


def schedule(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """How tasks with an ETA or a countdown are kept."""
    limit = settings["worker_eta_task_limit"]
    held = f"up to {limit} of them" if limit else "any number of them"
    text = f"Tasks with eta or countdown wait in a worker, unacknowledged, {held}; if it goes, another one starts over."
    advice = "Fine for minutes. For more, keep the date in a table and let beat send what is due."
    yield Finding(NOTE, "eta and countdown", text, advice)


def durability(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Whether tasks outlive a restart of the broker."""
    if settings["task_default_delivery_mode"] in TRANSIENT:
        text = "Tasks are lost when the broker restarts: task_default_delivery_mode is transient."
        yield Finding(WARNING, "durability", text, "Take the setting out; persistent is the default.")
    transient = [queue.name for queue in declared_queues(settings) if not queue.durable]
    if transient:
        text = f"These queues and their tasks are lost when the broker restarts: {named(transient)}."
        yield Finding(WARNING, "durability", text, "Declare them with durable=True.")


def results(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """What becomes of results."""
    backend = str(settings["result_backend"] or "")
    scheme = backend.partition("://")[0]
    if scheme == "amqp":
        text = "The amqp result backend is not in Celery any more."
        yield Finding(ERROR, "results", text, "Set result_backend = 'rpc://', or a database for results that are kept.")
    if scheme == "rpc":
        text = "With rpc:// only the process that sent a task can read its result, once, and while it lives."
        yield Finding(NOTE, "results", text, "Where others ask for results, use a database or cache as backend.")
    if scheme == "rpc" and settings.given("result_expires") == 0:
        text = "Queues for results never end: result_expires is 0."
        yield Finding(WARNING, "results", text, "Set result_expires to the longest time anybody waits, in seconds.")


def connection(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Heartbeats and pools."""
    if not settings["broker_heartbeat"]:
        text = "Heartbeats are off (broker_heartbeat = 0): a broken connection may go unnoticed for hours."
        yield Finding(WARNING, "heartbeat", text, "Take the setting out; 120 s is the default.")
    if settings.given("broker_pool_limit") == 0:
        text = "Every task that is sent opens a connection (broker_pool_limit = 0)."
        yield Finding(WARNING, "connections", text, "Take the setting out, or set it to the number of sending threads.")


def leftovers(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Queues of workers that have gone."""
    endless = [name for name in ("control_queue_expires", "event_queue_expires") if settings[name] == 0]
    if endless:
        text = f"Queues of workers that have gone stay for ever: {named(endless)} is 0."
        yield Finding(WARNING, "queues", text, "Take the setting out.")


def serializer(settings: Settings, _facts: Facts) -> Iterator[Finding]:
    """Whether a message can run code."""
    accepted = {settings["task_serializer"], *settings["accept_content"]}
    if accepted & PICKLES:
        text = "Workers accept pickle: whoever can put a message into a queue can run any code in them."
        yield Finding(WARNING, "serializer", text, "Use json for task_serializer and accept_content.")


def queues(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Queues that are there, but not as configured, and priorities."""
    for url in _amqp(settings)[:1]:
        yield from differences(settings, facts, url.vhost)
    yield from priorities(settings)


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("broker_url is AMQP", transport),
    ("broker_url leads here", address),
    ("user, vhost and rights are there", account),
    ("sent tasks are confirmed", confirms),
    ("tasks outlive their worker", acknowledgement),
    ("workers share tasks", prefetch),
    ("eta and countdown", schedule),
    ("tasks outlive the broker", durability),
    ("queues are as configured", queues),
    ("results arrive", results),
    ("connections last", connection),
    ("no queues are left behind", leftovers),
    ("messages cannot run code", serializer),
)


def run(settings: Settings, facts: Facts) -> dict[str, list[Finding]]:
    """What each check has found, by what it makes sure of."""
    return {f"Celery: {name}": list(check(settings, facts)) for name, check in CHECKS}
