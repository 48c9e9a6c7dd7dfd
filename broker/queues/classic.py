"""The plain queue: joins ready list, consumers, expiry and lifetime, and counts.

Stop "queue" on a message's way. Must not: know connections, frames or exchanges, or hold what a part can hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from broker.model.interfaces import ConsumerPort
from broker.model.message import Batch, Span
from broker.model.policy import EffectivePolicy
from broker.model.receipt import Receipt
from broker.model.settings import QueueSettings
from broker.queues.browsing import Place, remove
from broker.queues.consumers import Picker, quantum
from broker.queues.context import QueueContext
from broker.queues.definition import QueueDefinition
from broker.queues.expiry import Expiry, expires_at_ms, latest_expiry_ms
from broker.queues.gets import GetAnswer, WaitingGets
from broker.queues.lending import LendingQueue
from broker.queues.lifetime import Lifetime
from broker.queues.overdue import NEVER_LAST
from broker.queues.parts import Bound, Returning
from broker.queues.ready import ReadyList
from storage.journal import Stream


class ClassicQueue(LendingQueue):
    """A queue on one node; a QueueHandle for channels, and the owner of its parts.

    `gate`, `bound`, `returning`, `leaving` and `handing` are parts that most queues do not have.

    Invariants
    1. Every message published and neither settled, rejected, expired nor purged is either in `ready` or counted in
       `unacked`.
    2. A position is used once; a requeued message keeps it.
    """

    __slots__ = ("_gets", "_is_ended", "_lifetime", "bound", "expiry", "next_position", "returning")

    def __init__(
        self,
        definition: QueueDefinition,
        policy: EffectivePolicy,
        settings: QueueSettings,
        create_ready: Callable[[Callable[[], None]], ReadyList],
        consumers: Picker,
        context: QueueContext,
    ) -> None:
        super().__init__(definition, policy, settings, create_ready(self.loaded), consumers, context)
        self.bound: Bound | None = None
        self.returning: Returning | None = None
        self._is_ended = False
        self.next_position = 1
        self._gets: WaitingGets | None = None  # of messages that are being loaded
        self.expiry: Expiry | None = None  # once messages may expire
        self._lifetime: Lifetime | None = None  # of a queue that may end by itself
        if definition.auto_delete or settings.expires_ms:
            self._lifetime = Lifetime(definition.auto_delete, settings.expires_ms, context, self._end)
        self.used(self.idle_since_ms)
        context.equip(self, context)
        self._resume()

    def _resume(self) -> None:
        """Goes on with what the journal has of it."""
        streams = self.ready.streams()
        self.next_position = self.ready.next_position()
        if self.bound is not None and self.ready.count:  # what was dropped last may not have been written
            self._mark_dirty()
        if self.ready.count and any(stream.may_expire() for stream in streams):
            expiry = self._expire_from(latest_expiry_ms(self.settings.ttl_ms, self.idle_since_ms))
            if not all(stream.in_order for stream in streams):
                expiry.walk(self.ready.end_position())
            self._mark_dirty()

    def _expire_from(self, latest_ms: int) -> Expiry:
        """Messages may expire from now on; of those that are here, the last one then."""
        self.expiry = Expiry(lambda: self.ready, self.drop, self._mark_dirty, self._context, latest_ms)
        return self.expiry

    def apply(self, policy: EffectivePolicy, settings: QueueSettings) -> None:
        """Another policy counts, and these are the settings now; what waits keeps the expiry it came with."""
        expires_ms = self.settings.expires_ms
        if self.expiry is not None and settings.ttl_ms != self.settings.ttl_ms:
            self.expiry.changed()
        self.policy = policy
        self.settings = settings
        self._context.equip(self, self._context)
        self._mark_dirty()
        if settings.expires_ms == expires_ms:
            return
        if self._lifetime is None:
            self._lifetime = Lifetime(self.definition.auto_delete, settings.expires_ms, self._context, self._end)
            if self.consumers.everyone():
                self._lifetime.in_use()
        self._lifetime.change(settings.expires_ms, self._context.now_ms())

    def loaded(self) -> None:
        """Messages that were not in memory are."""
        self.ready.recount()
        self._mark_dirty()

    def now_ms(self) -> int:
        """The time of this turn."""
        return self._context.now_ms()

    def used(self, now_ms: int) -> None:
        """It was declared or got from: the time after which it ends unused starts anew."""
        if self._lifetime is not None:
            self._lifetime.touch(now_ms)

    # ---- publish lane

    def target(self, batch: Batch, now_ms: int) -> tuple[Stream, int]:
        """Where a durable queue's messages are journalled, and when they expire."""
        stream = self.ready.stream_for(batch)
        assert stream is not None, "only durable queues are journalled"
        return stream, expires_at_ms(self.settings.ttl_ms, batch, now_ms)

    def publish(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> None:
        """Takes the batch, and answers the receipt when it has it. Into a durable queue it has been journalled."""
        count = len(batch.bodies)
        stream = self.ready.stream_for(batch) if batch.position else None
        number = stream.next - count if stream is not None else 0
        expires_ms = expires_at_ms(self.settings.ttl_ms, batch, now_ms)
        span = Span(batch, 0, count, self.next_position, expires_ms, batch.deliveries, number)
        if expires_ms or self.expiry is not None:
            is_alone = not self.ready.count and not self.unacked
            (self.expiry or self._expire_from(0 if is_alone else NEVER_LAST)).came(span, is_alone)
        self.ready.append(span)
        if self.contents is not None:
            self.contents.came(batch)
        self.next_position += count
        self.counters.published += count
        if not self._is_dirty:
            self._mark_dirty()
        if self.bound is not None:
            self.bound.enforce(now_ms)
        if receipt is not None:
            receipt.taken()

    def backlog(self) -> int:
        """How many messages its consumers are behind; 0 where it has none."""
        consumers = self.consumers
        return self.ready.count if self.unacked or consumers.offered or consumers.everyone() else 0

    # ---- deliver lane

    def pump(self, now_ms: int) -> None:
        """Gives ready messages to consumers with room; what expires this very turn is offered first."""
        self._is_dirty = False
        if self.is_deleted:
            if not self._is_ended:
                return
            if self._gets is not None:
                self._gets.give_up()
            for consumer in self.consumers.everyone():
                consumer.cancelled()
            return
        if self.leaving is not None and not self.leaving.has_room():
            self._pump_later(now_ms)
            return
        if not self._clear_front(now_ms):
            return
        if self.bound is not None:  # what is too much may have been on disk, or the bound another one
            self.bound.enforce(now_ms)
        if self._gets is not None:
            self._gets.answer(self.ready)
        self.hand_out(now_ms)
        if self.expiry is not None:
            self.expiry.take_due(now_ms)

    def hand_out(self, now_ms: int) -> None:
        """Gives ready messages to consumers with room, without waiting for the end of the turn."""
        ready, pick = self.ready, self.consumers.pick
        if not self._clear_front(now_ms):
            return
        while self.consumers.offered and (message_bytes := ready.next_message_bytes()):
            picked = pick(message_bytes)
            if picked is None:
                break
            self._hand(picked[0], min(picked[1], quantum(self.consumers.offered, ready.count)), message_bytes)
            if not self._clear_front(now_ms):
                return

    def _clear_front(self, now_ms: int) -> bool:
        """What is overdue in front leaves; False where there is more of it than a turn has time for."""
        if self.expiry is None or self.expiry.take_front(now_ms - 1):
            return True
        self._pump_later(now_ms)
        return False

    def _pump_later(self, now_ms: int) -> None:
        """There is more to do than a turn has time for."""
        self._context.timers.add(now_ms, self._mark_dirty)

    def _hand(self, consumer: ConsumerPort, count: int, message_bytes: int) -> None:
        """Delivers up to `count` messages of up to `message_bytes` each to one consumer.

        Where messages may expire it stops after a span: the next one may be overdue.
        """
        ready, counters = self.ready, self.counters
        while count and 0 < ready.next_message_bytes() <= message_bytes:
            span = ready.take(count)
            assert span is not None
            held = span.stop - span.start
            count -= held
            if span.deliveries:
                if self.handing is not None and not self.handing.hand(span):
                    continue
                counters.redelivered += held
            if self._context.tracer is not None:
                self._context.tracer.delivered(self.name, span, consumer.tag)
            if consumer.no_ack:
                counters.delivered_no_ack += held
                consumer.deliver(span)
                self.done(span)
            else:
                counters.delivered += held
                self._lend(span)
                consumer.deliver(span)
            if self.expiry is not None:
                return

    def get(self, no_ack: bool, answer: GetAnswer) -> None:
        """Answers with one message, or None, and how many are still ready; later where it has to be loaded."""
        if self._gets or (self.ready.count and not self.ready.next_message_bytes()) or not self._get(no_ack, answer):
            if self._gets is None:
                self._gets = WaitingGets(self._get)
            self._gets.add(no_ack, answer)

    def _get(self, no_ack: bool, answer: GetAnswer) -> bool:
        """Answers; False where what was there has expired, and the rest is being loaded or has to leave first."""
        now_ms = self._context.now_ms()
        self.used(now_ms)
        if self.bound is not None:  # messages may have come back in this very turn
            self.bound.enforce(now_ms)
        if self.expiry is not None:
            if not self.expiry.take_front(now_ms):
                self._pump_later(now_ms)
                return False
            self._mark_dirty()  # what this uncovers may be due
        is_due = self.consumers.may_get(no_ack)
        span = self.ready.take(1) if is_due else None
        if self.expiry is not None:
            self.expiry.take_front(now_ms)  # what this uncovers is not counted where it is due
        counters = self.counters
        while span is not None and self.handing is not None and not self.handing.hand(span):
            span = self.ready.take(1)
        if span is None and is_due and self.ready.count:
            return False
        if span is None:
            counters.got_empty += 1
        else:
            counters.redelivered += span.deliveries > 0
            if self._context.tracer is not None:
                self._context.tracer.delivered(self.name, span, "")
            if no_ack:
                counters.got_no_ack += 1
                self.done(span)
            else:
                counters.got += 1
                self._lend(span)
        answer(span, self.ready.count)
        return True

    # ---- settle lane

    def requeue(self, span: Span) -> None:
        """These messages go back to where they were, redelivered."""
        self._come_back(span, False)

    def refuse(self, span: Span) -> None:
        """The same for what a consumer has refused by itself, which may have to wait."""
        self._come_back(span, True)

    def _come_back(self, span: Span, is_refused: bool) -> None:
        self._give_back(span)
        if self.is_deleted:
            self.done(span)
            return
        self.counters.requeued += span.stop - span.start
        span.deliveries += 1
        back = self.returning
        if back is None or not (back.refused(span) if is_refused else back.take(span)):
            if self.expiry is not None:
                self.expiry.came_back(span)
            self.ready.put_back(span)
            self._mark_dirty()

    # ---- consumers

    def attach(self, consumer: ConsumerPort) -> None:
        """Starts a consumer."""
        self.consumers.add(consumer)
        if self._lifetime is not None:
            self._lifetime.in_use()
        self._mark_dirty()

    def detach(self, consumer: ConsumerPort) -> None:
        """Ends a consumer; what it has unacknowledged stays with its channel."""
        self.consumers.remove(consumer)
        if self.is_deleted:
            return
        self._mark_dirty()  # a single active consumer may have a successor
        if not self.consumers.everyone():
            self.idle_since_ms = self._context.now_ms()
            if self._lifetime is not None:
                self._lifetime.out_of_use(self.idle_since_ms)

    def credit(self, consumer: ConsumerPort) -> None:
        """The consumer may have room again."""
        self.consumers.offer(consumer)
        if self.ready.count and not self._is_dirty:
            self._mark_dirty()

    # ---- looking, and taking single ones out

    def remove(self, place: Place, answer: Callable[[bool], None]) -> None:
        """Takes one ready message out for good; answers, perhaps later, whether it was there."""

        remove(self.ready, place, self._context.removing, self.counters, self.done, answer)

    # ---- the queue as a whole

    def purge(self, answer: Callable[[int], None]) -> None:
        """Drops every ready message and answers with how many there were."""
        count = self.ready.count
        self.counters.purged += count
        for span in self.ready.clear():
            self.done(span)
        if self.contents is not None:
            self.contents.clear()
        if self._gets is not None:  # what they wait for is gone
            self._mark_dirty()
        answer(count)

    def delete(self) -> int:
        """Ends the queue and drops what is ready; returns how many messages that was.

        Its consumers are cancelled at the end of the turn, so that whoever deleted it hears of that first.
        """
        count = self.ready.count
        self.is_deleted = True
        if self._lifetime is not None:
            self._lifetime.stop()
        if self.expiry is not None:
            self.expiry.stop()
        streams = self.ready.streams()
        self.ready.clear()
        if streams:  # a queue that comes back after a crash, since its end was not stored, is whole
            self._context.when_stored(lambda: self._ended(streams))
        else:
            self._ended(streams)
        return count

    def _ended(self, streams: Iterable[Stream]) -> None:
        """Its end is final: whoever asked for it is told in this turn, and its consumers after that."""
        for stream in streams:
            stream.drop()
        self._is_ended = True
        self._mark_dirty()

    def _end(self) -> None:
        self._context.delete(self.name)
