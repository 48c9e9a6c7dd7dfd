"""What a change of a queue's arguments comes to, and whether it may be. Must not: change anything, or check rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.model.argument_checks import check_queue_arguments, check_queue_type
from broker.model.arguments import BY_NAME, QUEUE, Arguments
from broker.model.names import queue_rs
from broker.queues.queue import Queue
from broker.queues.regrouping import FORMERS_MAX
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

STREAM: Final = "stream"
CHANGES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Change:
    """One argument that is to be another: its values before and after, None for none."""

    argument: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Plan:
    """A change as a whole: all arguments as they will be, and those of them that differ."""

    arguments: Arguments
    changes: tuple[Change, ...]

    def touches(self, name: str) -> bool:
        """Whether an argument is to be another."""
        return any(change.argument == name for change in self.changes)


def plan_of(queue: Queue, vhost: str, wanted: Mapping[str, object], types: Mapping[str, str]) -> Plan:
    """What the queue will have been declared with once these arguments are changed; None takes one away.

    Args: types are the type letters of the values, as on the wire.
    Raises: ChannelException 406 in the words of a declaration, or with the reason why a live queue cannot be that.
    """
    resource, definition = queue_rs(queue.name, vhost), queue.definition
    if len(wanted) > CHANGES_MAX:
        raise ChannelException(PRECONDITION_FAILED, f"at most {CHANGES_MAX} arguments are changed at once")
    before = definition.arguments
    values, letters = dict(before.values), dict(before.types)
    for name, value in wanted.items():
        if value is None:
            values.pop(name, None)
            letters.pop(name, None)
            continue
        if (QUEUE, name) not in BY_NAME:
            raise ChannelException(PRECONDITION_FAILED, f"no argument of queues is called '{name}'")
        values[name], letters[name] = value, types[name]
    arguments = Arguments(values, letters)
    check_queue_arguments(arguments, resource)
    check_queue_type(arguments, resource, definition.durable, definition.exclusive, definition.auto_delete)
    names = sorted({*before.values, *values})
    changes = tuple(
        Change(name, before.get(name), values.get(name))
        for name in names
        if before.get(name) != values.get(name) or type(before.get(name)) is not type(values.get(name))
    )
    plan = Plan(arguments, changes)
    _check_live(queue, resource, plan)
    return plan


def _check_live(queue: Queue, resource: str, plan: Plan) -> None:
    """Raises: ChannelException 406 for what a new queue could be and this one cannot become."""
    kind_row = BY_NAME[QUEUE, "x-queue-type"]
    kinds = [one.get(kind_row.name) or kind_row.default for one in (queue.definition.arguments, plan.arguments)]
    if kinds[0] != kinds[1] and STREAM in kinds:
        text = f"{resource} cannot become a {kinds[1]} queue: a stream keeps its messages in another form"
        raise ChannelException(PRECONDITION_FAILED, f"{text}; declare another queue and move or copy them")
    if plan.touches("x-max-priority") and len(queue.definition.former) >= FORMERS_MAX:
        text = f"{resource} still has messages from before its last {FORMERS_MAX} changes of x-max-priority"
        raise ChannelException(PRECONDITION_FAILED, f"{text}; they go as they are consumed")
