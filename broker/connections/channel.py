"""A channel: its consumers, what is unacknowledged, confirms and transaction.

Stop "channel" on the publish and settle lanes. Must not: read methods; the handlers do.
"""

from __future__ import annotations

from collections.abc import Callable

from pamqp import base, commands

from broker.connections.confirms import Confirms
from broker.connections.consumer import Consumer, DeliveryContext
from broker.connections.late import LateTags
from broker.connections.output import Output
from broker.connections.publisher import Access, Publisher
from broker.connections.reply import ReplyQueue
from broker.connections.services import Services
from broker.connections.stream_consumer import StreamConsumer
from broker.connections.transaction import Transaction
from broker.connections.unacked import Delivery
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.interfaces import QueueHandle
from broker.model.message import Span
from broker.model.names import REPLY_TO_PREFIX, generated
from broker.model.receipt import Receipt
from broker.requests import Actor
from protocol import encoder
from protocol.commands import Ack, Publish
from protocol.constants import NOT_ALLOWED, PRECONDITION_FAILED
from protocol.errors import AmqpError, ChannelException, ConnectionException
from protocol.outgoing import Outgoing


class ChannelHost:
    """What a channel needs of its connection."""

    __slots__ = ("access", "actor", "confirming", "fail", "frame_max", "live_prefetch", "output", "resume", "services",
                 "suspend", "tags", "tells_cancel", "touch")  # fmt: skip

    def __init__(
        self, services: Services, output: Output, touch: Callable[[], None],
        suspend: Callable[[], None], resume: Callable[[], None], fail: Callable[[int, AmqpError], None],
    ) -> None:  # fmt: skip
        self.services = services
        self.output = output
        self.touch = touch  # there is output
        self.suspend = suspend  # handle no further commands until resumed
        self.resume = resume
        self.fail = fail  # closes the channel of that number with an error that comes outside any command
        self.access = Access()
        self.actor: Actor | None = None  # once the connection is open
        self.tags: frozenset[str] = frozenset()
        self.frame_max = services.limits.frame_max_bytes
        self.live_prefetch = False  # a new prefetch for consumers is for those that are running, too
        self.tells_cancel = False  # the client has the capability consumer_cancel_notify
        self.confirming: dict[Channel, None] = {}  # channels with confirms to flush

    def require_actor(self) -> Actor:
        """Who is logged in; only on an open connection."""
        assert self.actor is not None, "the connection is open"
        return self.actor


class Channel:
    """One channel of a connection."""

    __slots__ = ("_host", "acked", "actor", "consumers", "context", "last_queue", "late", "number",
                 "operations", "publisher", "reply", "transaction")  # fmt: skip

    def __init__(self, number: int, host: ChannelHost) -> None:
        actor = host.require_actor()
        services = host.services
        self.number = number
        self.actor = actor
        self.operations = services.operations
        self.context = DeliveryContext(number, host.frame_max, host.output, host.touch)
        self.publisher = Publisher(
            number, host.frame_max, actor, "impersonator" in host.tags, services.operations, host.access,
            host.output, host.touch,
        )  # fmt: skip
        self.consumers: dict[str, Consumer] = {}
        self.transaction: Transaction | None = None
        self.reply: ReplyQueue | None = None
        self.late: LateTags | None = None  # once deliveries have been taken back
        self.last_queue = ""
        self.acked = 0
        self._host = host
        actor.vhost.counters.channels_opened += 1

    def hold(self, send: Callable[[], None]) -> Callable[[], None]:
        """Handles nothing more on the connection until the returned function is called, which calls `send`."""
        self._host.suspend()
        return lambda: self._release(send)

    def _release(self, send: Callable[[], None]) -> None:
        if self.context.is_open:
            send()
        self._host.resume()

    def answer(self, is_pending: bool, frame: base.Frame) -> None:
        """Sends a method; where what it says is not on the disk yet, once it is."""
        self.answer_by(is_pending, lambda: self.send(frame))

    def answer_by(self, is_pending: bool, send: Callable[[], None]) -> None:
        """Calls `send`; where what it says is not on the disk yet, once it is.

        Where the disk does not take it, the channel is closed with 406: who asked should know, and not wait for ever.
        """
        if is_pending:
            self.actor.vhost.keeper.when_stored(self.hold(send), self._not_stored)
        else:
            send()

    def _not_stored(self, why: str) -> None:
        self._release(lambda: self._host.fail(self.number, ChannelException(PRECONDITION_FAILED, why)))

    # ---- publish lane

    def publish(self, command: Publish) -> None:
        """Takes a run of messages.

        Raises: ChannelException 403, 404, 406; ConnectionException 540.
        """
        publisher = self.publisher
        batch, copies = publisher.batch(command)
        if self.transaction is not None:
            self.transaction.publish(batch, copies)
        else:
            publisher.submit(batch, copies, publisher.receipt(len(command.bodies)))

    def select_confirms(self) -> None:
        """Turns on publisher confirms.

        Raises: ChannelException 406 on a transactional channel.
        """
        if self.transaction is not None:
            raise ChannelException(PRECONDITION_FAILED, "cannot switch from tx to confirm mode")
        if self.publisher.confirms is None:
            self.publisher.confirms = Confirms(self.number, self._confirmed)

    def _confirmed(self) -> None:
        self._host.confirming[self] = None
        self._host.touch()

    def flush_confirms(self, out: Outgoing) -> None:
        """Adds the confirms that are complete."""
        confirms = self.publisher.confirms
        if confirms is None or not self.context.is_open:
            return
        before = confirms.acked
        confirms.flush(out)
        self.actor.vhost.counters.confirmed += confirms.acked - before

    # ---- settle lane

    def ack(self, command: Ack) -> None:
        """Acknowledges the tags of a run of basic.ack.

        Raises: ChannelException 406 for an unknown tag.
        Spec: 1.8.3.13.
        """
        if command.multiple:
            deliveries = self.take_multiple(command.last)
        else:
            deliveries = self._take_run(command.first, command.last)
        if self.transaction is None:
            self._acked(deliveries)
        else:
            self.transaction.settle(deliveries, self._acked)

    def _take_run(self, first: int, last: int) -> list[Delivery]:
        deliveries = self.context.unacked.take(first, last)
        if deliveries is None and self.late is not None:
            deliveries = self.late.take_run(first, last)
        if deliveries is None:  # those before the unknown one count, as if they had come one by one
            unacked = self.context.unacked
            unknown = next(tag for tag in range(first, last + 1) if not unacked.has(tag))
            self.settle_or_keep(unacked.take(first, unknown - 1) or [], self._acked)
            raise ChannelException(PRECONDITION_FAILED, f"unknown delivery tag {unknown}")
        return deliveries

    def take_multiple(self, tag: int) -> list[Delivery]:
        """Takes everything up to a tag, which must be unsettled itself; 0 takes everything.

        Raises: ChannelException 406.
        """
        unacked = self.context.unacked
        if self.late is not None and (taken := self.late.take_multiple(tag)) is not None:
            return taken
        if tag and not unacked.has(tag):
            raise ChannelException(PRECONDITION_FAILED, f"unknown delivery tag {tag}")
        return unacked.take_up_to(tag) if tag else unacked.take_all()

    def nack(self, tag: int, multiple: bool, requeue: bool) -> None:
        """Refuses deliveries: back to their place in the queue, or dropped.

        Raises: ChannelException 406 for an unknown tag.
        Spec: 1.8.3.14 (basic.reject), RabbitMQ's basic.nack.
        """
        deliveries = self.take_multiple(tag) if multiple else self._take_run(tag, tag)
        self.settle_or_keep(deliveries, self._refused if requeue else self._rejected)

    def settle_or_keep(self, deliveries: list[Delivery], action: Callable[[list[Delivery]], None]) -> None:
        """Settles now, or at the transaction's commit."""
        if self.transaction is not None:
            self.transaction.settle(deliveries, action)
        else:
            action(deliveries)

    def _acked(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            delivery.queue.settle(delivery.span)
            self.acked += delivery.last - delivery.first + 1
        self._credit(deliveries)

    def _rejected(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            delivery.queue.reject(delivery.span)
        self._credit(deliveries)

    def _refused(self, deliveries: list[Delivery]) -> None:
        for delivery in reversed(deliveries):
            delivery.queue.refuse(delivery.span)
        self._credit(deliveries)

    def requeued(self, deliveries: list[Delivery]) -> None:
        """Puts deliveries back into their queues, the last first: each goes before those that are there already."""
        for delivery in reversed(deliveries):
            delivery.queue.requeue(delivery.span)
        self._credit(deliveries)

    def _credit(self, deliveries: list[Delivery]) -> None:
        """Gives consumers back the room that settled deliveries took."""
        for delivery in deliveries:
            consumer = delivery.consumer
            if consumer is not None:
                count = delivery.last - delivery.first + 1
                consumer.unacked -= count
                self.context.lent -= count
                consumer.fed()
        if self.context.prefetch.of_channel:
            for other in self.consumers.values():
                if other.waits_for_channel:
                    other.fed()

    def recover(self) -> None:
        """Puts everything unacknowledged back into its queue.

        Spec: 1.8.3.15 (basic.recover).
        """
        self.requeued(self.context.unacked.take_all())

    # ---- transactions

    def select_transaction(self) -> None:
        """Makes the channel transactional.

        Raises: ChannelException 406 in confirm mode.
        """
        if self.publisher.confirms is not None:
            raise ChannelException(PRECONDITION_FAILED, "cannot switch from confirm to tx mode")
        self.transaction = self.transaction or Transaction()

    def require_transaction(self) -> Transaction:
        """The channel's transaction.

        Raises: ChannelException 406 without tx.select.
        """
        if self.transaction is None:
            raise ChannelException(PRECONDITION_FAILED, "channel is not transactional")
        return self.transaction

    def commit(self, answer: Callable[[], None]) -> None:
        """Does what the transaction kept; answers when all of it is where it was to be, and durable.

        Where that cannot be, the channel is closed with 406, as RabbitMQ does with what it cannot do any more.
        """
        transaction = self.require_transaction()
        publishes, settlements = list(transaction.publishes), list(transaction.settlements)
        transaction.clear()
        receipt = Receipt(0, 0, lambda complete: self._committed(complete.rejected, answer))
        vhost = self.actor.vhost
        with vhost.together(receipt):
            for batch, copies in publishes:
                receipt.expect()
                self.publisher.submit(batch, copies, receipt)
            for delivery, action in settlements:
                action([delivery])
        receipt.taken()

    def _committed(self, is_refused: bool, answer: Callable[[], None]) -> None:
        if is_refused and self.context.is_open:
            self._host.fail(self.number, ChannelException(PRECONDITION_FAILED, "partial tx completion"))
        answer()

    def rollback(self) -> None:
        """Forgets what the transaction kept; what was settled in it is unacknowledged again."""
        for delivery in self.require_transaction().clear():
            self.context.unacked.add(delivery)

    # ---- consumers

    def consume(self, queue: QueueHandle, tag: str, no_ack: bool, exclusive: bool, arguments: Arguments) -> None:
        """Starts a consumer under a tag of its own.

        Raises: ConnectionException 530 for a channel that has too many.
        """
        limit = self._host.services.limits.consumers_per_channel_max
        if limit and len(self.consumers) >= limit:
            raise ConnectionException(NOT_ALLOWED, f"reached maximum ({limit}) of consumers per channel")
        create = StreamConsumer if queue.is_numbered() else Consumer
        consumer = create(tag, queue, no_ack, exclusive, arguments, self.context, self._cancelled)
        self.consumers[tag] = consumer
        queue.attach(consumer)

    def limit(self, prefetch_count: int, is_shared: bool) -> None:
        """Sets how much may be unacknowledged (0: no limit): by all consumers together, or by each.

        Spec: 1.8.3.1 (basic.qos) as RabbitMQ has it, where each means each new one; docs/prefetch.md.
        """
        prefetch = self.context.prefetch
        if is_shared:
            prefetch.of_channel = prefetch_count
        else:
            prefetch.of_new_consumers = prefetch_count
        if is_shared or self._host.live_prefetch:
            for consumer in self.consumers.values():
                if not is_shared and not consumer.no_ack:
                    consumer.prefetch = prefetch_count
                consumer.fed()

    def consume_replies(self, tag: str) -> None:
        """Starts the consumer for direct replies."""
        self.reply = ReplyQueue(generated(REPLY_TO_PREFIX))
        self.actor.vhost.replies[self.reply.name] = self.reply
        self.publisher.reply_name = self.reply.name
        self.consume(self.reply, tag, True, False, NO_ARGUMENTS)

    def cancel(self, tag: str) -> None:
        """Ends a consumer; an unknown tag is fine."""
        consumer = self.consumers.pop(tag, None)
        if consumer is None:
            return
        self._host.output.forget(consumer)
        if consumer.queue is self.reply:
            self.forget_reply()
        consumer.queue.detach(consumer)

    def forget_reply(self) -> None:
        """Direct replies have nowhere to go any more."""
        if self.reply is not None:
            self.actor.vhost.replies.pop(self.reply.name, None)
            self.reply = None
            self.publisher.reply_name = ""
            self.publisher.forget_properties()

    def recheck_consumers(self) -> None:
        """Cancels consumers whose user may not read their queue any more."""
        for consumer in list(self.consumers.values()):
            if consumer.queue is not self.reply and not self.operations.may_read(self.actor, consumer.queue.name):
                consumer.queue.detach(consumer)
                self._cancelled(consumer)

    def _cancelled(self, consumer: Consumer) -> None:
        """The consumer's queue has gone, or is not for this user any more."""
        if self.consumers.pop(consumer.tag, None) is None:
            return
        self._host.output.forget(consumer)
        if self._host.tells_cancel:
            self.send(commands.Basic.Cancel(consumer.tag, True))

    def send(self, frame: base.Frame) -> None:
        """Sends a method on this channel."""
        encoder.method(self._host.output.out, self.number, frame)
        self._host.touch()

    def got(self, span: Span, queue: QueueHandle, no_ack: bool) -> int:
        """Notes a message given by basic.get; returns its delivery tag."""
        context = self.context
        context.last_tag += 1
        if not no_ack:
            context.unacked.add(Delivery(context.last_tag, context.last_tag, span, queue, None))
        return context.last_tag

    # ---- end

    def close(self) -> None:
        """Ends everything on the channel; what is unacknowledged goes back into its queues."""
        self.actor.vhost.counters.channels_closed += 1
        self.context.is_open = False
        for tag in list(self.consumers):
            self.cancel(tag)
        if self.transaction is not None:
            self.rollback()
        self.requeued(self.context.unacked.take_all())
        self._host.confirming.pop(self, None)
