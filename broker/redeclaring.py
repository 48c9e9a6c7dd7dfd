"""What becomes of a declaration that differs from what is there: refused with what to do about it, or taken and logged.

Must not: compare anything (`model/argument_checks` does), or change what is there.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from broker.model.argument_checks import Difference, different, different_flag
from broker.model.arguments import QUEUE
from broker.queues.definition import QueueDefinition
from broker.requests import Actor, QueueRequest
from protocol.constants import PRECONDITION_FAILED, REPLY_NAMES
from protocol.errors import REPLY_TEXT_BYTES_MAX, ChannelException

log = logging.getLogger("leveret.redeclare")
STRICT: Final = "strict"
LENIENT: Final = "lenient"
LINES_MAX: Final = 20  # logged in each
PERIOD_MS: Final = 10_000
PREFIX_BYTES: Final = len(REPLY_NAMES[PRECONDITION_FAILED]) + len(" - ")
FIXED: Final = (". This cannot be changed: declare it as it is, or delete it first",)


class Redeclarations:
    """Refuses what differs, or lets it pass with a log line; `accepted` counts what has passed."""

    def __init__(self, mode: str = STRICT, now_ms: Callable[[], int] = lambda: 0) -> None:
        """Args: mode is STRICT or LENIENT."""
        self._is_lenient = mode == LENIENT
        self._now_ms = now_ms
        self._since_ms = 0
        self._lines = 0
        self.accepted = 0

    def settle(
        self, actor: Actor, differences: Iterable[Difference], resource: str,
        advice: Callable[[Difference], Sequence[str]] = lambda _: FIXED,
    ) -> None:  # fmt: skip
        """Looks at every difference, the most important first; advice gives sentences about one, the longest first.

        Raises: ChannelException 406 with RabbitMQ's text and, where there is room, one of those sentences.
        """
        passed = 0
        for difference in differences:
            if not self._is_lenient:
                raise ChannelException(PRECONDITION_FAILED, advised(difference.text(resource), advice(difference)))
            passed += 1
            self._log(actor, difference, resource)
        self.accepted += passed > 0

    def _log(self, actor: Actor, difference: Difference, resource: str) -> None:
        now_ms = self._now_ms()
        if now_ms - self._since_ms >= PERIOD_MS:
            if self._lines > LINES_MAX:
                log.warning("%d more differences in redeclarations were not logged", self._lines - LINES_MAX)
            self._since_ms, self._lines = now_ms, 0
        self._lines += 1
        if self._lines <= LINES_MAX:
            fields: Mapping[str, object] = getattr(actor.owner, "log_fields", {"user": actor.user})
            log.warning("%s stays as it is: %s", _who(fields, actor), difference.text(resource), extra=dict(fields))


def queue_differences(definition: QueueDefinition, request: QueueRequest) -> Iterator[Difference]:
    """Where a redeclaration differs from what is there; whether an exclusive queue is durable does not matter."""
    is_durable = definition.durable if definition.exclusive else request.durable
    yield from different_flag("durable", definition.durable, is_durable)
    yield from different_flag("auto_delete", definition.auto_delete, request.auto_delete)
    yield from different(QUEUE, definition.arguments, request.arguments)


def _who(fields: Mapping[str, object], actor: Actor) -> str:
    """The connection's name, or its address where it has none; the user where there is no connection."""
    name = fields.get("connection_name") or fields.get("connection")
    return f"redeclared by connection {name!s}" if name else f"redeclared by user {actor.user!r}"


def advised(text: str, sentences: Sequence[str]) -> str:
    """The text with the first sentence that a reply text still has room for; sentences begin with what divides them."""
    room = REPLY_TEXT_BYTES_MAX - PREFIX_BYTES - len(text.encode("utf-8", "surrogateescape"))
    return text + next((one for one in sentences if len(one.encode("utf-8", "surrogateescape")) <= room), "")


def queue_advice(vhost: str, queue: str, wanted: Mapping[str, object]) -> Callable[[Difference], Sequence[str]]:
    """What to do about a queue's arguments: how to change each to the wanted value in place."""

    def about(difference: Difference) -> Sequence[str]:
        name = difference.name
        if not name.startswith("x-") or (name == "x-queue-type" and "stream" in f"{difference}"):
            return FIXED
        option = f"--argument {_pair(name, wanted[name])}" if name in wanted else f"--remove {name}"
        where = "" if vhost == "/" else f" -p {shlex.quote(vhost)}"
        command = f"brokerctl change_queue{where} {shlex.quote(queue)} {option}"
        return (
            f". Declare it as it is, or change it in place: {command}",
            f". To change it in place: {command}",
            ". To change it in place: brokerctl change_queue",
        )

    return about


def _pair(name: str, value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else value
    return shlex.quote(f"{name}={shown}")
