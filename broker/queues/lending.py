"""What a queue has lent to its consumers, and how messages leave it for good.

Must not: choose messages or consumers, or know when a message expires.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from broker.model.message import Span
from broker.model.policy import EffectivePolicy
from broker.model.settings import QueueSettings
from broker.model.vhost_counters import DISABLED
from broker.queues.consumers import Picker
from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.parts import REJECTED, Contents, Handing, Leaving
from broker.queues.queue import Queue
from broker.queues.ready import ReadyList


@mypyc_attr(allow_interpreted_subclasses=True)
class LendingQueue(Queue):
    """A queue whose messages are ready, lent, or gone; most have neither `contents` nor `leaving` nor `handing`."""

    __slots__ = ("_context", "_is_dirty", "contents", "handing", "leaving")

    def __init__(
        self, definition: QueueDefinition, policy: EffectivePolicy, settings: QueueSettings, ready: ReadyList,
        consumers: Picker, context: QueueContext,
    ) -> None:  # fmt: skip
        super().__init__(definition, policy, settings, ready, consumers, context.now_ms())
        self.contents: Contents | None = None
        self.leaving: Leaving | None = None
        self.handing: Handing | None = None
        self._context = context
        self._is_dirty = False

    def _mark_dirty(self) -> None:
        if not self._is_dirty:
            self._is_dirty = True
            self._context.mark_dirty(self)

    def wake(self) -> None:
        """It is pumped at the end of this turn, or in the next one."""
        self._mark_dirty()

    def _lend(self, span: Span) -> None:
        held = span.stop - span.start
        size = held * span.batch.body_bytes
        self.unacked += held
        self.unacked_bytes += size
        self._context.budget.used += size  # it stays in memory, so that others get less

    def settle(self, span: Span) -> None:
        """These messages are done with."""
        self.counters.acked += span.stop - span.start
        self._give_back(span)
        self.done(span)

    def reject(self, span: Span) -> None:
        """These messages were refused for good."""
        self._give_back(span)
        self.drop(span, REJECTED)

    def _give_back(self, span: Span) -> None:
        if self.handing is not None:
            self.handing.take_back(span)
        held = span.stop - span.start
        size = held * span.batch.body_bytes
        self.unacked -= held
        self.unacked_bytes -= size
        self._context.budget.used -= size
        if self.consumers.is_held:
            self._mark_dirty()

    def done(self, span: Span) -> None:
        """The messages leave this queue for good."""
        if self.contents is not None:
            self.contents.gone(span)
        if span.number:
            self.ready.settle(span)

    def drop(self, span: Span, reason: str) -> None:
        """Does not keep messages that are neither ready nor lent any more: they are gone, or go elsewhere."""
        count = span.stop - span.start
        self.counters.left(reason, count)
        if self.leaving is None:
            self._context.left.add(self.settings.queue_type, DISABLED, reason, count)
            self.done(span)
        else:
            self.leaving.leave(span, reason)
