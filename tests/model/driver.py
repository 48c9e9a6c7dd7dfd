"""Drives the real broker and the naive one side by side, and compares them after every step.

Must not: decide what happens; the machine's rules do.
"""

from __future__ import annotations

from pamqp import base, commands
from pamqp.commands import Basic

from tests.model.naive import Channel, Consumer, Message, NaiveBroker, Publishing, Queue
from tests.support.sansio import Received, SansBroker, SansClient, publish_frames

CLIENTS = 3
TELLS_CANCEL = (True, True, False)  # which client has the capability consumer_cancel_notify
Seen = tuple[object, ...]


def shown(event: Received) -> Seen:
    """What of an event is compared."""
    frame = event.frame
    if isinstance(frame, commands.Queue.DeclareOk):
        return (event.name, frame.queue, frame.message_count, frame.consumer_count)
    if isinstance(frame, Basic.GetOk):
        return (event.name, frame.delivery_tag, frame.redelivered, frame.message_count, event.body)
    if isinstance(frame, commands.Queue.DeleteOk | commands.Queue.PurgeOk):
        return (event.name, frame.message_count)
    if isinstance(frame, Basic.Cancel):
        return (event.name, frame.consumer_tag)
    if isinstance(frame, commands.Channel.Close):
        return (event.name, frame.reply_code)
    return (event.name, event.body)


class Driver:
    """Both brokers."""

    def __init__(self) -> None:
        self.broker = SansBroker()
        self.naive = NaiveBroker()
        self.clients = [self._connect(number) for number in range(CLIENTS)]
        self.bodies = 0
        self.expected: dict[tuple[int, int], list[Seen]] = {}
        self.errors: set[tuple[int, int]] = set()  # channels that are closed with an error in this step

    def _connect(self, number: int) -> SansClient:
        return self.broker.connect().open({"consumer_cancel_notify": TELLS_CANCEL[number]})

    @property
    def now_ms(self) -> int:
        return self.broker.clock.now_ms()

    def next_body(self) -> bytes:
        """A body like no other, of the same size."""
        self.bodies += 1
        return b"%06d" % self.bodies

    # ---- a step

    def expect(self, channel: Channel, *seen: object) -> None:
        """The channel is going to receive this."""
        self.expected.setdefault((channel.client, channel.number), []).append(seen)

    def expect_error(self, channel: Channel, code: int) -> None:
        """The channel is going to be closed by the broker."""
        self.expect(channel, "Channel.Close", code)
        self.errors.add((channel.client, channel.number))
        self.naive.close_channel(channel)

    def step(self, channel: Channel, *frames: base.Frame, data: bytes = b"", cut: int = 0) -> None:
        """Sends frames, or bytes in two pieces, and compares what comes of it."""
        client = self.clients[channel.client]
        if data:
            for piece in (data[:cut], data[cut:]):
                if piece:
                    client.send(piece)
        for frame in frames:
            client.method(channel.number, frame)
        self.settle_down()

    def settle_down(self) -> None:
        """Turns the broker until it rests, then compares everything."""
        self.broker.turn()
        self._expect_cancels()
        self._compare_events()
        for number, name in sorted(self.errors):
            self.clients[number].method(name, commands.Channel.CloseOk())
        self.broker.turn()
        self.errors.clear()
        assert not [event for client in self.clients for event in client.take()]
        self.naive.check_no_idle_consumer()
        self.compare_state()

    def _expect_cancels(self) -> None:
        for consumer in self.naive.cancelled:
            channel = consumer.channel
            is_open = self.naive.channels.get((channel.client, channel.number)) is channel
            if is_open and TELLS_CANCEL[channel.client]:
                self.expect(channel, "Basic.Cancel", consumer.tag)
        self.naive.cancelled.clear()

    def _compare_events(self) -> None:
        deliveries: list[tuple[Channel, Received]] = []
        for number, client in enumerate(self.clients):
            events = client.take()
            for name in sorted({event.channel for event in events} | {key[1] for key in self._expecting(number)}):
                mine = [event for event in events if event.channel == name]
                found = [shown(event) for event in mine if event.name not in ("Basic.Deliver", "Basic.Ack")]
                expected = self.expected.pop((number, name), [])
                assert sorted(found, key=repr) == sorted(expected, key=repr), (number, name)
                self._compare_confirms(number, name, mine)
                channel = self.naive.channels.get((number, name))
                deliveries += [(channel, event) for event in mine if event.name == "Basic.Deliver"]  # type: ignore[misc]
        self._absorb(deliveries)

    def _expecting(self, client: int) -> list[tuple[int, int]]:
        return [key for key in self.expected if key[0] == client]

    def _compare_confirms(self, client: int, number: int, events: list[Received]) -> None:
        """Every publish number is confirmed once, in the turn of its publish, after its return."""
        acks = [event.frame for event in events if event.name == "Basic.Ack"]
        channel = self.naive.channels.get((client, number))
        open_ = list(range(channel.confirmed + 1, channel.published + 1)) if channel else []
        for frame in acks:
            assert frame.delivery_tag in open_, "confirmed twice, or never published"
            open_ = [
                tag for tag in open_ if tag > frame.delivery_tag or (not frame.multiple and tag != frame.delivery_tag)
            ]
        assert not open_, "not confirmed"
        if channel:
            channel.confirmed = channel.published
        names = [event.name for event in events]
        if acks and "Basic.Return" in names:
            assert names.index("Basic.Ack") > max(at for at, name in enumerate(names) if name == "Basic.Return")

    def _absorb(self, deliveries: list[tuple[Channel, Received]]) -> None:
        by_queue: dict[Queue, set[bytes]] = {queue: set() for queue in self.naive.queues.values()}
        for channel, event in deliveries:
            assert channel is not None, "a delivery on a channel that is closed"
            consumer = channel.consumers[event.frame.consumer_tag]
            assert event.body not in by_queue[consumer.queue], "delivered twice"
            by_queue[consumer.queue].add(event.body)
        messages = {
            (queue, message.body): message
            for queue, bodies in by_queue.items()
            for message in self.naive.absorb(queue, bodies, self.now_ms)
        }
        self._note_deliveries(deliveries, messages)

    def _note_deliveries(
        self, deliveries: list[tuple[Channel, Received]], messages: dict[tuple[Queue, bytes], Message]
    ) -> None:
        last: dict[Consumer, tuple[int, int]] = {}
        for channel, event in deliveries:
            consumer = channel.consumers[event.frame.consumer_tag]
            message = messages[consumer.queue, event.body]
            place = (-consumer.queue.level(message), message.position)
            assert last.get(consumer, place) <= place, "out of order"
            last[consumer] = place
            assert consumer.room() > 0, "more than the prefetch allows"
            self.naive.deliver(consumer, message)
            assert event.frame.delivery_tag == channel.last_tag
            assert event.frame.redelivered == message.redelivered

    # ---- what is there

    def compare_state(self) -> None:
        """Counters and invariants of the real broker against the naive one."""
        vhost = self.broker.vhost
        assert set(vhost.queues) == set(self.naive.queues)
        for name, queue in self.naive.queues.items():
            real = vhost.queues[name]
            assert real.ready.count == len(queue.ready), name
            assert [body for span in real.ready.spans() for body in span.bodies()] == [
                message.body for message in queue.in_order()
            ]
            assert real.ready.body_bytes == sum(len(message.body) for message in queue.ready)
            assert real.unacked == self.naive.unacked_of(queue), name
            assert len(real.consumers.everyone()) == len(queue.consumers)
        for (client, number), channel in self.naive.channels.items():
            mine = self.clients[client].connection.channels[number]
            assert mine.context.unacked.count == len(channel.unacked)
            held = {tag: consumer.unacked for tag, consumer in mine.consumers.items()}
            assert held == {tag: consumer.unacked for tag, consumer in channel.consumers.items()}
        assert len(list(self.broker.node.journal.replay())) == self.naive.records()

    # ---- actions that need more than one line

    def publish(self, channel: Channel, publishing: Publishing, count: int, cut_share: float) -> None:
        """Publishes a run of `count` messages, its bytes cut at `cut_share` of their length."""
        batch, data = object(), b""
        for _ in range(count):
            one = Publishing(**{**vars(publishing), "body": self.next_body()})
            properties = Basic.Properties(
                priority=one.priority or None, delivery_mode=2 if one.persistent else None,
                expiration=None if one.expiration_ms is None else str(one.expiration_ms),
            )  # fmt: skip
            data += publish_frames(channel.number, one.exchange, one.key, one.body, properties, one.mandatory)
            if channel.transaction is not None:
                channel.transaction.publishes.append((one, batch))
            else:
                self.published(channel, one, batch)
        if channel.confirms:
            channel.published += count
        self.step(channel, data=data, cut=0 if publishing.persistent else int(len(data) * cut_share))

    def settle(self, channel: Channel, tag: int, multiple: bool, how: str) -> None:
        """What an ack, nack or reject of a tag does."""
        if tag not in channel.unacked and not (multiple and tag == 0):
            self.expect_error(channel, 406)
            return
        tags = [each for each in sorted(channel.unacked) if each <= (tag or each)] if multiple else [tag]
        for each in tags:
            unacked = channel.unacked.pop(each)
            if channel.transaction is not None:
                channel.transaction.settlements.append((each, unacked, how))
            else:
                self.naive.settle(unacked, how)

    def published(self, channel: Channel, one: Publishing, batch: object) -> None:
        """A message takes effect."""
        if not self.naive.publish(one, batch, self.now_ms) and one.mandatory:
            self.expect(channel, "Basic.Return", one.body)

    def reconnect(self, number: int) -> None:
        """A new connection in the place of one that has ended."""
        assert not self.clients[number].connection.channels
        self.clients[number] = self._connect(number)
