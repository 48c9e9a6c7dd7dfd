"""The queues that a Celery configuration declares, beside those that the broker has. Must not: declare one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.cli.doctor.celery_config import Settings
from broker.cli.doctor.findings import ERROR, WARNING, Facts, Finding

MAX_PRIORITY: Final = "x-max-priority"
QUEUE_TYPE: Final = "x-queue-type"
MS_PER_S: Final = 1000
# Attributes of kombu's Queue, the arguments they become, and by how much they are multiplied.
ATTRIBUTES: Final = (
    ("expires", "x-expires", MS_PER_S), ("message_ttl", "x-message-ttl", MS_PER_S), ("max_length", "x-max-length", 1),
    ("max_length_bytes", "x-max-length-bytes", 1), ("max_priority", MAX_PRIORITY, 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declared:
    """A queue as a worker or a caller will declare it."""

    name: str
    durable: bool
    arguments: Mapping[str, Any]


def declared_queues(settings: Settings) -> list[Declared]:
    """What Celery declares, by its configuration."""
    queues = settings["task_queues"]
    if not queues:
        return [Declared(settings["task_default_queue"], True, _completed({}, settings))]
    if isinstance(queues, Mapping):
        return [_from_options(str(name), options or {}, settings) for name, options in queues.items()]
    return [_from_object(queue, settings) for queue in queues]


def _from_options(name: str, options: Mapping[str, Any], settings: Settings) -> Declared:
    arguments = dict(options.get("queue_arguments") or {})
    for attribute, argument, factor in ATTRIBUTES:
        if options.get(attribute) is not None:
            arguments[argument] = int(options[attribute] * factor)
    return Declared(name, bool(options.get("durable", True)), _completed(arguments, settings))


def _from_object(queue: Any, settings: Settings) -> Declared:
    if isinstance(queue, str):
        return Declared(queue, True, _completed({}, settings))
    options = {name: getattr(queue, name, None) for name, _, _ in ATTRIBUTES}
    options |= {"queue_arguments": getattr(queue, "queue_arguments", None), "durable": getattr(queue, "durable", True)}
    return _from_options(str(queue.name), options, settings)


def _completed(arguments: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """With what Celery adds to queues that do not say otherwise."""
    if settings["task_queue_max_priority"] is not None:
        arguments.setdefault(MAX_PRIORITY, settings["task_queue_max_priority"])
    if settings["task_default_queue_type"] != "classic":
        arguments.setdefault(QUEUE_TYPE, settings["task_default_queue_type"])
    return arguments


def differences(settings: Settings, facts: Facts, vhost: str) -> Iterator[Finding]:
    """Queues that are there with other arguments: declaring them fails with 406."""
    there = {one["name"]: one for one in facts.queues if one["vhost"] == vhost}
    for wanted in declared_queues(settings):
        found = there.get(wanted.name)
        if found is None:
            continue
        differing = _differing(wanted, found)
        if differing:
            text = f'Queue "{wanted.name}" is there with other settings, and workers fail with 406: {differing}.'
            advice = (
                f"Give the configuration the same, or stop everything, move what waits, brokerctl delete_queue "
                f"{wanted.name}, and start again."
            )
            yield Finding(ERROR, "queues", text, advice)


def _differing(wanted: Declared, found: Mapping[str, Any]) -> str:
    held: Mapping[str, Any] = found.get("arguments") or {}
    names = sorted({*wanted.arguments, *held})
    parts = [
        f"{name} is {held.get(name, 'not set')}, the configuration says {wanted.arguments.get(name, 'nothing')}"
        for name in names
        if held.get(name) != wanted.arguments.get(name)
    ]
    if bool(found.get("durable")) != wanted.durable:
        parts.append(f"durable is {str(bool(found.get('durable'))).lower()}")
    return "; ".join(parts)


def priorities(settings: Settings) -> Iterator[Finding]:
    """Priorities that have no effect, or little."""
    queues = declared_queues(settings)
    with_levels = [one for one in queues if one.arguments.get(MAX_PRIORITY)]
    if settings["task_default_priority"] is not None and not with_levels:
        text = "Tasks have a priority (task_default_priority), but no queue has levels: it is ignored."
        advice = "Set task_queue_max_priority = 10. Queues that are there already have to be made anew."
        yield Finding(WARNING, "priorities", text, advice)
    if with_levels and settings["worker_prefetch_multiplier"] != 1:
        text = "Workers take several tasks ahead (worker_prefetch_multiplier), so that an urgent one waits behind them."
        yield Finding(WARNING, "priorities", text, "Set worker_prefetch_multiplier = 1 and task_acks_late = True.")
