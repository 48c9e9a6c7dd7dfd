"""Drives the real broker and the naive one side by side, and compares them after every step.

Must not: decide what happens; the machine's rules do.
"""

from __future__ import annotations

from typing import NamedTuple

from pamqp import base, commands
from pamqp.commands import Basic

from tests.model.home import DurableHome, MemoryHome
from tests.model.memory import Memory
from tests.model.naive import Channel, Consumer, Message, NaiveBroker, Publishing, Queue, Transaction, Unconfirmed
from tests.support.sansio import Received, SansBroker, SansClient, publish_frames

CLIENTS = 3
TELLS_CANCEL = (True, True, False)  # which client has the capability consumer_cancel_notify
Seen = tuple[object, ...]


OBSERVED = ("Basic.Deliver", "Basic.Ack", "Basic.GetOk", "Basic.GetEmpty", "Tx.CommitOk")  # not foretold
DELIVERING = ("Basic.Deliver", "Basic.GetOk", "Basic.GetEmpty")


class Commit(NamedTuple):
    """A tx.commit that is to be answered: what it published and settled in the journal, and how far the disk was."""

    sure: list[Message]
    gone: list[Message]
    mark: int

    def check(self, is_synced: bool) -> None:
        """It has been answered."""
        assert is_synced or not (self.sure or self.gone), "a commit is answered before it was synced"
        for message in self.sure:
            message.is_sure = True
        for message in self.gone:
            message.is_surely_gone = True


def shown(event: Received) -> Seen:
    """What of an event is compared."""
    frame = event.frame
    if isinstance(frame, commands.Queue.DeclareOk):
        return (event.name, frame.queue, frame.message_count, frame.consumer_count)
    if isinstance(frame, commands.Queue.DeleteOk | commands.Queue.PurgeOk):
        return (event.name, frame.message_count)
    if isinstance(frame, Basic.Cancel):
        return (event.name, frame.consumer_tag)
    if isinstance(frame, commands.Channel.Close):
        return (event.name, frame.reply_code)
    return (event.name, event.body)


class Driver:
    """Both brokers.

    Where the real one has a disk that is slow, a step may leave something under way: confirms, loads, answers. `pace`
    is how many pieces of work the disk does in a step.
    """

    def __init__(self, home: MemoryHome | DurableHome) -> None:
        self.home = home
        self.naive = NaiveBroker()
        self.memory = Memory(self.naive)
        self.clients = [self._connect(number) for number in range(CLIENTS)]
        self.bodies = 0
        self.pace = 0
        self.expected: dict[tuple[int, int], list[Seen]] = {}
        self.gets: dict[tuple[int, int], tuple[Queue, bool]] = {}  # that are to be answered: of which queue, no_ack
        self.commits: dict[tuple[int, int], Commit] = {}  # that are to be answered
        self.errors: set[tuple[int, int]] = set()  # channels that are closed with an error in this step

    @property
    def broker(self) -> SansBroker:
        return self.home.broker

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

    def is_waiting(self, client: int) -> bool:
        """Whether the broker handles nothing of a client until the disk has worked."""
        return any(key[0] == client for key in (*self.gets, *self.commits))

    def before(self, client: int, queue: Queue | None = None) -> None:
        """What must not be under way before the client does something that counts a queue's messages."""
        is_unsure = queue is not None and any(message.expires_ms is not None for message in queue.ready)
        if self.is_waiting(client) or (is_unsure and not self.home.is_at_rest):
            self.finish()

    def finish(self) -> None:
        """The disk does everything it has to."""
        self.home.finish()
        self.settle_down()

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
        """Turns the broker, with what is due now, and the disk at its pace, then compares everything."""
        self.broker.advance(0)
        self.memory.note(self.home.end, self.home.is_all_noted)
        self.home.work(self.pace)
        self._expect_cancels()
        self._compare_events()
        for number, name in sorted(self.errors):
            self.clients[number].method(name, commands.Channel.CloseOk())
        self.broker.advance(0)
        self.errors.clear()
        assert not [event for client in self.clients for event in client.take()]
        self.memory.note(self.home.end, self.home.is_all_noted)
        if self.home.is_at_rest:
            assert not self.gets, "not answered"
            assert not self.commits, "not answered"
            self.naive.check_no_idle_consumer(not self.home.is_late)
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
                found = [shown(event) for event in mine if event.name not in OBSERVED]
                expected = self.expected.pop((number, name), [])
                assert sorted(found, key=repr) == sorted(expected, key=repr), (number, name)
                self._compare_commit(number, name, mine)
                channel = self.naive.channels.get((number, name))
                deliveries += [(channel, event) for event in mine if event.name in DELIVERING]  # type: ignore[misc]
            for channel in [each for each in self.naive.channels.values() if each.client == number]:
                self._compare_confirms(channel, [event for event in events if event.channel == channel.number])
        self._absorb(deliveries)

    def _expecting(self, client: int) -> list[tuple[int, int]]:
        return [key for key in (*self.expected, *self.commits) if key[0] == client]

    def _compare_commit(self, client: int, number: int, events: list[Received]) -> None:
        commit = self.commits.get((client, number))
        answers = [event for event in events if event.name == "Tx.CommitOk"]
        if commit is None:
            assert not answers
        elif answers:
            del self.commits[client, number]
            commit.check(self.home.is_synced_since(commit.mark))
        else:
            assert not self.home.is_at_rest, "a commit is not answered"

    def _compare_confirms(self, channel: Channel, events: list[Received]) -> None:
        """Every publish is confirmed once, after its return: what needs no disk in its turn, the rest once synced."""
        returned: set[bytes] = set()
        for event in events:
            if event.name == "Basic.Return":
                returned.add(event.body)
            elif event.name == "Basic.Ack":
                self._confirmed(channel, event.frame, returned)
        for tag, one in channel.unconfirmed.items():
            assert one.messages, f"publish {tag} needs no disk and is not confirmed"
        assert not channel.unconfirmed or not self.home.is_at_rest, "not confirmed"

    def _confirmed(self, channel: Channel, frame: Basic.Ack, returned: set[bytes]) -> None:
        unconfirmed, last = channel.unconfirmed, frame.delivery_tag
        assert last in unconfirmed, "confirmed twice, or never published"
        for tag in [each for each in unconfirmed if each == last or (frame.multiple and each < last)]:
            one = unconfirmed.pop(tag)
            assert one.returned is None or one.returned in returned, "confirmed before it was returned"
            assert not one.messages or self.home.is_synced_since(one.mark), "confirmed before it was synced"
            for message in one.messages:
                message.is_sure = True

    # ---- deliveries

    def _source(self, channel: Channel, event: Received) -> Queue:
        """The queue that a delivery, or the answer to a get, comes from."""
        assert channel is not None, "a delivery on a channel that is closed"
        if event.name == "Basic.Deliver":
            return channel.consumers[event.frame.consumer_tag].queue
        return self.gets[channel.client, channel.number][0]

    def _absorb(self, deliveries: list[tuple[Channel, Received]]) -> None:
        by_queue: dict[Queue, set[bytes]] = {queue: set() for queue in self.naive.queues.values()}
        counts = {queue: len(queue.ready) for queue in by_queue}
        for channel, event in deliveries:
            if event.name == "Basic.GetEmpty":
                continue
            bodies = by_queue[self._source(channel, event)]
            assert event.body not in bodies, "delivered twice"
            bodies.add(event.body)
        messages = {
            (queue, message.body): message
            for queue, bodies in by_queue.items()
            for message in self.naive.absorb(queue, bodies, self.now_ms, self.home.is_at_rest)
        }
        last: dict[Consumer, tuple[int, int]] = {}
        for channel, event in deliveries:
            queue = self._source(channel, event)
            if event.name == "Basic.Deliver":
                self._note_delivery(channel, event, messages[queue, event.body], last)
            else:
                self._note_get(channel, event, queue, messages.get((queue, event.body)), counts.get(queue, 0))

    def _note_delivery(
        self, channel: Channel, event: Received, message: Message, last: dict[Consumer, tuple[int, int]]
    ) -> None:
        consumer = channel.consumers[event.frame.consumer_tag]
        place = (-consumer.queue.level(message), message.position)
        assert last.get(consumer, place) <= place, "out of order"
        last[consumer] = place
        assert consumer.room() > 0, "more than the prefetch allows"
        self.naive.deliver(consumer, message)
        assert event.frame.delivery_tag == channel.last_tag
        assert event.frame.redelivered == message.redelivered

    def _note_get(self, channel: Channel, event: Received, queue: Queue, message: Message | None, count: int) -> None:
        _, no_ack = self.gets.pop((channel.client, channel.number))
        left = [each for each in queue.ready if not each.is_due(self.now_ms)]
        if message is None:
            assert event.name == "Basic.GetEmpty"
            assert not left, f"{queue.name} is not empty"
            return
        self.naive.got(channel, queue, message, no_ack)
        assert event.frame.delivery_tag == channel.last_tag
        assert event.frame.redelivered == message.redelivered
        most = count - 1 if self.home.is_late else len(queue.ready)
        assert len(left) <= event.frame.message_count <= most

    # ---- what is there

    def compare_state(self) -> None:
        """Counters and invariants of the real broker against the naive one."""
        assert set(self.broker.vhost.queues) == set(self.naive.queues)
        for queue in self.naive.queues.values():
            self._compare_queue(queue)
        for (client, number), channel in self.naive.channels.items():
            if self.is_waiting(client):
                continue
            mine = self.clients[client].connection.channels[number]
            assert mine.context.unacked.count == len(channel.unacked)
            held = {tag: consumer.unacked for tag, consumer in mine.consumers.items()}
            assert held == {tag: consumer.unacked for tag, consumer in channel.consumers.items()}
        if self.home.is_at_rest:
            self.memory.compare(self.broker)

    def _compare_queue(self, queue: Queue) -> None:
        real = self.broker.vhost.queues[queue.name]
        due = 0 if self.home.is_at_rest else sum(message.is_due(self.now_ms) for message in queue.ready)
        assert len(queue.ready) - due <= real.ready.count <= len(queue.ready), queue.name
        spans = list(real.ready.spans())
        hot = [(body, span.deliveries) for span in spans for body in span.bodies()]
        bodies = {body for body, _ in hot}
        assert hot == [(each.body, each.times) for each in queue.in_order() if each.body in bodies], queue.name
        if not isinstance(self.home, DurableHome):
            assert len(hot) == real.ready.count
        elif len(hot) < real.ready.count:
            self.home.reached["cold" if queue.durable else "spooled"] += 1
        assert due or real.ready.body_bytes == sum(len(message.body) for message in queue.ready)
        assert real.unacked == self.naive.unacked_of(queue), queue.name
        assert len(real.consumers.everyone()) == len(queue.consumers)

    # ---- actions that need more than one line

    def publish(self, channel: Channel, publishing: Publishing, count: int, cut_share: float) -> None:
        """Publishes a run of `count` messages, its bytes cut at `cut_share` of their length."""
        self.before(channel.client)
        data = self.publishes(channel, publishing, count)
        self.step(channel, data=data, cut=0 if publishing.persistent else int(len(data) * cut_share))

    def publishes(self, channel: Channel, publishing: Publishing, count: int) -> bytes:
        """The bytes of a run of `count` messages, which take effect in the naive broker."""
        batch, data, mark = object(), b"", self.home.mark()
        for _ in range(count):
            one = Publishing(**{**vars(publishing), "body": self.next_body()})
            properties = Basic.Properties(
                priority=one.priority or None, delivery_mode=2 if one.persistent else None,
                expiration=None if one.expiration_ms is None else str(one.expiration_ms),
            )  # fmt: skip
            data += publish_frames(channel.number, one.exchange, one.key, one.body, properties, one.mandatory)
            if channel.transaction is not None:
                channel.transaction.publishes.append((one, batch))
                continue
            copies = self.published(channel, one, batch)
            if channel.confirms:
                channel.published += 1
                journalled = [copy for copy in copies if copy.batch is not None]
                returned = one.body if one.mandatory and not copies else None
                channel.unconfirmed[channel.published] = Unconfirmed(journalled, mark, returned)
        return data

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

    def published(self, channel: Channel, one: Publishing, batch: object) -> list[Message]:
        """A message takes effect; returns its copies."""
        copies = self.naive.publish(one, batch, self.now_ms)
        if not copies and one.mandatory:
            self.expect(channel, "Basic.Return", one.body)
        return copies

    def commit(self, channel: Channel, transaction: Transaction) -> None:
        """A transaction takes effect; its answer comes once the disk has it."""
        mark, sure, gone = self.home.mark(), list[Message](), list[Message]()
        for publishing, _ in transaction.publishes:
            copies = self.published(channel, publishing, transaction)
            sure += [copy for copy in copies if copy.batch is not None]
        for _, unacked, how in transaction.settlements:
            self.naive.settle(unacked, how)
            if how != "requeue" and unacked.message.batch is not None and not unacked.queue.is_deleted:
                unacked.message.ended_by = transaction
                gone.append(unacked.message)
        self.commits[channel.client, channel.number] = Commit(sure, gone, mark)

    def reconnect(self, number: int) -> None:
        """A new connection in the place of one that has ended."""
        assert not self.clients[number].connection.channels
        self.clients[number] = self._connect(number)

    # ---- ends

    def restart(self, how: str, seed: int) -> None:
        """The broker ends in that way, and another one starts on what it has left."""
        home = self.home
        assert isinstance(home, DurableHome)
        limit = home.crash(how, seed)
        self.memory.restarted(home.find(), limit, how, self.now_ms)
        home.restart()
        for waiting in (self.expected, self.gets, self.commits):
            waiting.clear()
        self.clients = [self._connect(number) for number in range(CLIENTS)]
        self.settle_down()

    def drain(self) -> None:
        """Takes whatever the queues have left, in order."""
        self.finish()
        for number in range(CLIENTS):
            self.naive.close_client(number)
            self.clients[number].lose()
            self.settle_down()
            self.finish()
            self.reconnect(number)
        channel = self.naive.channels[0, 1] = Channel(0, 1)
        self.expect(channel, "Channel.OpenOk", b"")
        self.step(channel, commands.Channel.Open())
        for queue in list(self.naive.queues.values()):
            while queue.ready:
                self.gets[0, 1] = queue, True
                self.step(channel, Basic.Get(queue=queue.name, no_ack=True))
                self.finish()
