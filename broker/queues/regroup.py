"""Begins and ends the regrouping of a queue whose priorities were changed. Must not: move messages (`regrouping`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from broker.model.message import Span
from broker.queues.classic import ClassicQueue
from broker.queues.context import QueueContext
from broker.queues.definition import Former, QueueDefinition
from broker.queues.generation import Generation
from broker.queues.levels import levels_in_memory, levels_of
from broker.queues.ready import ReadyList
from broker.queues.regrouping import POSITIONS_APART, Regrouped
from broker.queues.waits import TimedReady


def regroup(queue: ClassicQueue, former: Former, context: QueueContext) -> None:
    """What waits gets the levels of the queue's settings, which are new; `former` says what it was published under."""
    definition, priority_max = queue.definition, queue.settings.priority_max
    old = _inner(queue.ready)
    new_first = queue.next_position + POSITIONS_APART
    sources, left = [Generation(0, former, old)], []
    back = levels_in_memory(priority_max, context, queue.loaded)
    if isinstance(old, Regrouped):
        old.stop()
        context.regrouping.pop(old, None)
        new_first = max(new_first, old.next_new + POSITIONS_APART)
        sources, left = [Generation(old.new_first, former, old.new), *old.sources], old.left
        for span in old.take_back():
            back.put_back(span)
    new = levels_of(definition, priority_max, context, queue.loaded)
    ready = Regrouped(new, new_first, sources, left, back, context, definition.is_journalled, queue.loaded)
    if isinstance(old, Regrouped):
        ready.moved_to = old.moved_to
    queue.ready = _timed(ready, context)
    if definition.is_journalled:
        context.when_stored(lambda: begin_regrouping(queue, context, ready))
    else:
        begin_regrouping(queue, context, ready)


def begin_regrouping(queue: ClassicQueue, context: QueueContext, expected: Regrouped | None = None) -> None:
    """What waits may be moved, unless another list than the expected one has taken over."""
    ready = _inner(queue.ready)
    if isinstance(ready, Regrouped):
        context.regrouping[ready] = lambda: ready.unsorted
    if isinstance(ready, Regrouped) and (expected is None or ready is expected) and not queue.is_deleted:
        ready.begin(partial(_changed, queue, context, ready), partial(_moved, queue), expected is None)


def _moved(queue: ClassicQueue, span: Span) -> None:
    if queue.expiry is not None:
        queue.expiry.moved(span)


def _changed(queue: ClassicQueue, context: QueueContext, ready: Regrouped, formers: tuple[Former, ...]) -> None:
    """All that waited has been moved, or everything of a former number is gone."""
    if not ready.sources or queue.is_deleted:
        context.regrouping.pop(ready, None)
    if queue.is_deleted or _inner(queue.ready) is not ready:
        return
    if not ready.sources:
        queue.next_position = max(queue.next_position, ready.next_new)
    if ready.is_over:
        ready.stop()
        queue.ready = _timed(ready.new, context)
    if queue.definition.is_journalled and queue.definition.former != formers:
        queue.definition = replace(queue.definition, former=formers)
        context.redefine(queue.definition)


def restored(
    definition: QueueDefinition, priority_max: int, context: QueueContext, on_loaded: Callable[[], None]
) -> ReadyList:
    """The list as the journal and the definition have it."""
    by_age = sorted(former.number for former in definition.former)
    generations = []
    for former in definition.former:
        first = by_age.index(former.number) * POSITIONS_APART
        numbered = replace(definition, number=former.number)
        ready = levels_of(numbered, former.priority_max, context, on_loaded, first)
        generations.append(Generation(first, former, ready, True))
    new_first = len(by_age) * POSITIONS_APART
    new = levels_of(definition, priority_max, context, on_loaded, new_first)
    sources = [one for one in generations if not one.former.is_sorted]
    left = [one.sorted() for one in generations if one.former.is_sorted]
    back = levels_in_memory(priority_max, context, on_loaded)
    return Regrouped(new, new_first, sources, left, back, context, True, on_loaded)


def unsorted(ready: ReadyList) -> int:
    """How many messages are still to be moved to their new level."""
    inner = _inner(ready)
    return inner.unsorted if isinstance(inner, Regrouped) else 0


def _inner(ready: ReadyList) -> ReadyList:
    return ready.inner if isinstance(ready, TimedReady) else ready


def _timed(ready: ReadyList, context: QueueContext) -> ReadyList:
    return TimedReady(ready, context.waits) if context.waits is not None else ready
