"""What every kind of queue is to the vhost, to operations and to whoever looks at it. Must not: hold behaviour."""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import mypyc_attr

from broker.model.interfaces import QueueHandle
from broker.model.policy import EffectivePolicy
from broker.model.settings import QueueSettings
from broker.queues.browsing import Answer, Place, look
from broker.queues.consumers import Picker
from broker.queues.counters import QueueCounters
from broker.queues.definition import QueueDefinition
from broker.queues.ready import ReadyList


@mypyc_attr(allow_interpreted_subclasses=True)
class Queue(QueueHandle):
    """A queue of any kind: its definition, what counts for it now, what it holds and what has happened to it."""

    __slots__ = ("consumers", "counters", "definition", "idle_since_ms", "is_deleted", "kept", "kept_bytes", "policy",
                 "ready", "settings", "unacked", "unacked_bytes")  # fmt: skip

    def __init__(
        self, definition: QueueDefinition, policy: EffectivePolicy, settings: QueueSettings, ready: ReadyList,
        consumers: Picker, now_ms: int,
    ) -> None:  # fmt: skip
        super().__init__(definition.name, definition.is_journalled)
        self.definition = definition
        self.policy = policy
        self.settings = settings
        self.ready = ready
        self.consumers = consumers
        self.counters = QueueCounters()
        self.unacked = 0
        self.unacked_bytes = 0
        self.kept = 0  # dead letters that have not arrived yet, and are sent again
        self.kept_bytes = 0  # of their bodies
        self.is_deleted = False
        self.idle_since_ms = now_ms  # since when it has had no consumer

    def apply(self, policy: EffectivePolicy, settings: QueueSettings) -> None:
        """Another policy counts, and these are the settings now."""
        raise NotImplementedError

    def change(self, definition: QueueDefinition, policy: EffectivePolicy, settings: QueueSettings) -> None:
        """Other arguments count from now on, which were checked."""
        self.definition = definition
        self.apply(policy, settings)

    def now_ms(self) -> int:
        """The time of this turn."""
        raise NotImplementedError

    def used(self, now_ms: int) -> None:
        """It was declared or got from: the time after which it ends unused starts anew."""
        raise NotImplementedError

    def pump(self, now_ms: int) -> None:
        """Gives messages to consumers with room; called once a turn after it has called itself dirty."""
        raise NotImplementedError

    def look(self, begin: Place, answer: Answer) -> None:
        """A step through what is ready, which stays as it is; see `browsing.look`."""
        look(self.ready, begin, answer)

    def remove(self, place: Place, answer: Callable[[bool], None]) -> None:
        """Takes one ready message out for good; answers, perhaps later, whether it was there."""
        raise NotImplementedError

    def delete(self) -> int:
        """Ends the queue and drops what is ready; returns how many messages that was."""
        raise NotImplementedError
