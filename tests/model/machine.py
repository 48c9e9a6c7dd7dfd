"""The state machine: everything clients may do to queues and messages, in any order, against the naive broker."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pamqp import commands
from pamqp.commands import Basic, Confirm, Tx
from pamqp.frame import marshal

from tests.model.driver import CLIENTS, Driver
from tests.model.home import DurableHome, MemoryHome
from tests.model.naive import Channel, Consumer, Publishing, Queue, Transaction
from tests.model.pool import (
    BINDING_KEYS,
    CHANNEL_NUMBERS,
    EXCHANGES,
    KEYS,
    LIVES,
    QUEUES,
    RARELY,
    UNKNOWN_TAG,
    arguments_of,
    picks,
    queue_names,
)
from tests.support.sansio import publish_frames


class BrokerMachine(RuleBasedStateMachine):
    """One example: three connections with up to two channels each."""

    queues = QUEUES

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver(self.home())
        self.naive = self.driver.naive
        self.tags = 0
        self.hot = "plain"  # the queue where most things happen in this example

    def home(self) -> MemoryHome | DurableHome:
        """Where the real broker lives."""
        return MemoryHome()

    def channel(self, pick: int) -> Channel:
        """A channel, opened when it is not there."""
        client, number = pick % CLIENTS, CHANNEL_NUMBERS[pick % RARELY == 0]
        self.driver.before(client)
        channel = self.naive.channels.get((client, number))
        if channel is None:
            channel = self.naive.channels[client, number] = Channel(client, number)
            self.driver.expect(channel, "Channel.OpenOk", b"")
            self.driver.step(channel, commands.Channel.Open())
        return channel

    def usable(self, channel: Channel, queue: Queue | None) -> Queue | None:
        """The queue, unless it is missing or locked; then the channel is to be closed with an error."""
        if queue is None:
            self.driver.expect_error(channel, 404)
        elif queue.owner not in (None, channel.client):
            self.driver.expect_error(channel, 405)
        else:
            return queue
        return None

    def existing(self, channel: Channel, pick: int, name: str) -> str:
        """A queue the channel may use, or now and then just any name."""
        names = sorted(name for name, queue in self.naive.queues.items() if queue.owner in (None, channel.client))
        if self.hot in names and pick % 10 < 7:
            return self.hot
        return names[pick // 6 % len(names)] if names and pick % RARELY else name

    # ---- definitions

    @initialize(hot=queue_names, quiet=st.integers(0, 3))
    def start(self, hot: str, quiet: int) -> None:
        self.hot = hot
        for pick, name in enumerate(self.queues):
            self.declare(pick, name)
        for exchange in EXCHANGES:
            self.bind(0, hot, exchange, "a")
        if quiet:
            self.qos(3, quiet, quiet == 2)
            self.consume(0, hot, 1)
            self.consume(3, hot, 1)

    @rule(pick=picks, name=queue_names)
    def declare(self, pick: int, name: str) -> None:
        spec = self.queues[name]
        channel = self.channel(0 if "owner" in spec and pick % 10 else pick)
        queue = self.naive.queues.get(name)
        self.driver.before(channel.client, queue)
        if queue is None:
            queue = self.naive.queues[name] = Queue(name, **spec)
            if "owner" in spec:
                queue.owner = channel.client
        if self.usable(channel, queue):
            self.driver.expect(channel, "Queue.DeclareOk", name, len(queue.ready), len(queue.consumers))
        frame = commands.Queue.Declare(
            queue=name, durable="durable" in spec, exclusive="owner" in spec, auto_delete="auto_delete" in spec,
            arguments=arguments_of(spec),
        )  # fmt: skip
        self.driver.step(channel, frame)

    @rule(pick=picks, name=queue_names)
    def count(self, pick: int, name: str) -> None:
        channel = self.channel(pick)
        name = self.existing(channel, pick, name)
        self.driver.before(channel.client, self.naive.queues.get(name))
        if queue := self.usable(channel, self.naive.queues.get(name)):
            self.driver.expect(channel, "Queue.DeclareOk", name, len(queue.ready), len(queue.consumers))
        self.driver.step(channel, commands.Queue.Declare(queue=name, passive=True))

    @rule(pick=picks, name=queue_names)
    def delete(self, pick: int, name: str) -> None:
        if pick % 4:
            return
        channel, queue = self.channel(pick), self.naive.queues.get(name)
        self.driver.before(channel.client, queue)
        if queue is None:
            self.driver.expect(channel, "Queue.DeleteOk", 0)
        elif self.usable(channel, queue):
            self.driver.expect(channel, "Queue.DeleteOk", self.naive.delete_queue(queue))
        self.driver.step(channel, commands.Queue.Delete(queue=name))

    @rule(pick=picks, name=queue_names)
    def purge(self, pick: int, name: str) -> None:
        if pick % 4:
            return
        channel = self.channel(pick)
        name = self.existing(channel, pick, name)
        self.driver.before(channel.client, self.naive.queues.get(name))
        if queue := self.usable(channel, self.naive.queues.get(name)):
            self.driver.expect(channel, "Queue.PurgeOk", len(queue.ready))
            queue.ready.clear()
        self.driver.step(channel, commands.Queue.Purge(queue=name))

    @rule(pick=picks, name=queue_names, exchange=st.sampled_from(EXCHANGES), key=st.sampled_from(BINDING_KEYS))
    def bind(self, pick: int, name: str, exchange: str, key: str) -> None:
        channel = self.channel(pick)
        name = self.existing(channel, pick, name)
        if self.usable(channel, self.naive.queues.get(name)):
            self.naive.bindings.add((exchange, name, key))
            self.driver.expect(channel, "Queue.BindOk", b"")
        self.driver.step(channel, commands.Queue.Bind(queue=name, exchange=exchange, routing_key=key))

    @rule(pick=picks)
    def unbind(self, pick: int) -> None:
        if not self.naive.bindings:
            return
        exchange, name, key = sorted(self.naive.bindings)[pick % len(self.naive.bindings)]
        channel = self.channel(pick)
        if self.usable(channel, self.naive.queues[name]):
            self.naive.bindings.discard((exchange, name, key))
            self.driver.expect(channel, "Queue.UnbindOk", b"")
        self.driver.step(channel, commands.Queue.Unbind(queue=name, exchange=exchange, routing_key=key))

    # ---- publishing

    @rule(
        pick=picks, exchange=st.sampled_from(("", *EXCHANGES)), key=st.sampled_from(KEYS),
        count=st.integers(1, 4), priority=st.integers(0, 5), persistent=st.booleans(), mandatory=st.booleans(),
        expiration_ms=st.sampled_from(LIVES), cut=st.floats(0, 1),
    )  # fmt: skip
    def publish(self, pick: int, count: int, cut: float, **fields: Any) -> None:
        self.driver.publish(self.channel(pick), Publishing(body=b"", **fields), count, cut)

    @rule(pick=picks, count=st.integers(1, 3), priority=st.integers(0, 3), expiration_ms=st.sampled_from(LIVES))
    def publish_to_queue(self, pick: int, count: int, priority: int, expiration_ms: int | None) -> None:
        channel = self.channel(pick)
        name = self.existing(channel, pick, "plain")
        publishing = Publishing("", name, b"", priority, expiration_ms, pick % 2 == 0, True)
        self.driver.publish(channel, publishing, count, 0)

    @rule(pick=picks)
    def publish_nowhere(self, pick: int) -> None:
        if pick % 4:
            return
        channel = self.channel(pick)
        self.driver.expect_error(channel, 404)
        self.driver.step(channel, data=publish_frames(channel.number, "none", "a", b"lost"))

    @rule(pick=picks)
    def confirm(self, pick: int) -> None:
        if pick % 4:
            return
        channel = self.channel(pick)
        if channel.transaction is not None:
            self.driver.expect_error(channel, 406)
        else:
            channel.confirms = True
            self.driver.expect(channel, "Confirm.SelectOk", b"")
        self.driver.step(channel, Confirm.Select())

    # ---- consuming

    @rule(pick=picks, count=st.integers(0, 3), is_shared=st.booleans())
    def qos(self, pick: int, count: int, is_shared: bool) -> None:
        channel = self.channel(pick)
        if is_shared:
            channel.prefetch_shared = count
        else:
            channel.prefetch_new = count
        self.driver.expect(channel, "Basic.QosOk", b"")
        self.driver.step(channel, Basic.Qos(0, count, is_shared))

    @rule(pick=picks, name=queue_names, no_ack=st.integers(0, 4))
    def consume(self, pick: int, name: str, no_ack: int) -> None:
        channel = self.channel(pick)
        name = self.existing(channel, pick, name)
        self.tags += 1
        tag = f"t{self.tags}"
        if queue := self.usable(channel, self.naive.queues.get(name)):
            consumer = Consumer(tag, queue, channel, no_ack == 0, channel.prefetch_new)
            channel.consumers[tag] = consumer
            channel.counted.append(consumer)
            queue.consumers.append(consumer)
            self.driver.expect(channel, "Basic.ConsumeOk", b"")
        self.driver.step(channel, Basic.Consume(queue=name, consumer_tag=tag, no_ack=no_ack == 0))

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        if pick % 4:
            return
        channel = self.channel(pick)
        tag = sorted(channel.consumers)[pick % len(channel.consumers)] if channel.consumers else "unknown"
        if tag in channel.consumers:
            self.naive.cancel(channel.consumers[tag])
        self.driver.expect(channel, "Basic.CancelOk", b"")
        self.driver.step(channel, Basic.Cancel(tag))

    @rule(pick=picks, name=queue_names, no_ack=st.booleans())
    def get(self, pick: int, name: str, no_ack: bool) -> None:
        channel = self.channel(pick)
        name = self.existing(channel, pick, name)
        if queue := self.usable(channel, self.naive.queues.get(name)):
            self.driver.gets[channel.client, channel.number] = queue, no_ack
        self.driver.step(channel, Basic.Get(queue=name, no_ack=no_ack))

    # ---- settling

    def tag(self, channel: Channel, pick: int) -> int:
        """A tag that may be settled; now and then one that may not."""
        tags = sorted(channel.unacked)
        return UNKNOWN_TAG if not tags or pick % RARELY == 0 else tags[pick % len(tags)]

    def holder(self, pick: int) -> Channel | None:
        """A channel with something to settle; now and then any."""
        holders = [channel for _, channel in sorted(self.naive.channels.items()) if channel.unacked]
        if pick % RARELY == 0:
            return self.channel(pick)
        return self.undisturbed(holders[pick % len(holders)]) if holders else None

    def undisturbed(self, channel: Channel) -> Channel:
        """The channel, when the broker handles what comes on it."""
        self.driver.before(channel.client)
        return channel

    @rule(pick=picks, multiple=st.booleans(), all_of_them=st.booleans())
    def ack(self, pick: int, multiple: bool, all_of_them: bool) -> None:
        channel = self.holder(pick)
        if channel is None:
            return
        tag = 0 if multiple and all_of_them else self.tag(channel, pick)
        self.driver.settle(channel, tag, multiple, "ack")
        self.driver.step(channel, Basic.Ack(tag, multiple))

    @rule(pick=picks, again=st.integers(0, 3), requeue=st.booleans())
    def settle_some(self, pick: int, again: int, requeue: bool) -> None:
        self.nack(pick, False, False, requeue)
        for each in range(again):
            self.reject(pick + each, True)

    @rule(pick=picks, count=st.integers(2, 5))
    def ack_each(self, pick: int, count: int) -> None:
        channel = self.holder(pick)
        if channel is None:
            return
        first = self.tag(channel, pick)
        if first == UNKNOWN_TAG:
            return
        data = b""
        for tag in range(first, first + count):
            data += marshal(Basic.Ack(tag), channel.number)
            if (channel.client, channel.number) not in self.driver.errors:
                self.driver.settle(channel, tag, False, "ack")
        self.driver.step(channel, data=data)

    @rule(pick=picks, multiple=st.booleans(), all_of_them=st.booleans(), requeue=st.booleans())
    def nack(self, pick: int, multiple: bool, all_of_them: bool, requeue: bool) -> None:
        channel = self.holder(pick)
        if channel is None:
            return
        tag = 0 if multiple and all_of_them else self.tag(channel, pick)
        self.driver.settle(channel, tag, multiple, "requeue" if requeue else "drop")
        self.driver.step(channel, Basic.Nack(tag, multiple, requeue))

    @rule(pick=picks, requeue=st.booleans())
    def reject(self, pick: int, requeue: bool) -> None:
        channel = self.holder(pick)
        if channel is None:
            return
        tag = self.tag(channel, pick)
        self.driver.settle(channel, tag, False, "requeue" if requeue else "drop")
        self.driver.step(channel, Basic.Reject(tag, requeue))

    @rule(pick=picks)
    def recover(self, pick: int) -> None:
        channel = self.holder(pick)
        if channel is None:
            return
        for unacked in channel.unacked.values():
            self.naive.settle(unacked, "requeue")
        channel.unacked.clear()
        self.driver.expect(channel, "Basic.RecoverOk", b"")
        self.driver.step(channel, Basic.Recover(True))

    # ---- transactions

    @rule(pick=picks)
    def tx_select(self, pick: int) -> None:
        if pick % 4:
            return
        channel = self.channel(pick)
        if channel.confirms:
            self.driver.expect_error(channel, 406)
        else:
            channel.transaction = channel.transaction or Transaction()
            self.driver.expect(channel, "Tx.SelectOk", b"")
        self.driver.step(channel, Tx.Select())

    def transactional(self, pick: int) -> Channel | None:
        """A channel in a transaction; now and then any."""
        found = [channel for _, channel in sorted(self.naive.channels.items()) if channel.transaction]
        if pick % RARELY == 0:
            return self.channel(pick)
        return self.undisturbed(found[pick % len(found)]) if found else None

    @rule(pick=picks)
    def tx_commit(self, pick: int) -> None:
        channel = self.transactional(pick)
        if channel is None:
            return
        transaction = channel.transaction
        if transaction is None:
            self.driver.expect_error(channel, 406)
        else:
            channel.transaction = Transaction()
            self.driver.commit(channel, transaction)
        self.driver.step(channel, Tx.Commit())

    @rule(pick=picks)
    def tx_rollback(self, pick: int) -> None:
        channel = self.transactional(pick)
        if channel is None:
            return
        if channel.transaction is None:
            self.driver.expect_error(channel, 406)
        else:
            channel.unacked |= {tag: unacked for tag, unacked, _ in channel.transaction.settlements}
            channel.transaction = Transaction()
            self.driver.expect(channel, "Tx.RollbackOk", b"")
        self.driver.step(channel, Tx.Rollback())

    # ---- ends, and time

    @rule(pick=picks)
    def close_channel(self, pick: int) -> None:
        if pick % 4:
            return
        channel = self.channel(pick)
        self.naive.close_channel(channel)
        self.driver.expect(channel, "Channel.CloseOk", b"")
        self.driver.step(channel, commands.Channel.Close(200, "", 0, 0))

    @rule(pick=picks, client=st.integers(0, CLIENTS - 1), is_polite=st.booleans())
    def close_connection(self, pick: int, client: int, is_polite: bool) -> None:
        if pick % 4:
            return
        if self.driver.is_waiting(client):
            self.driver.finish()
        self.naive.close_client(client)
        real = self.driver.clients[client]
        if is_polite:
            assert [event.name for event in real.call(0, commands.Connection.Close(200, "", 0, 0))] == [
                "Connection.CloseOk"
            ]
        else:
            real.lose()
        self.driver.settle_down()
        self.driver.reconnect(client)

    @rule(by_ms=st.sampled_from((1, 19, 20, 49, 50, 100, 200, 1000)))
    def advance(self, by_ms: int) -> None:
        self.driver.broker.advance(by_ms)
        self.driver.settle_down()
