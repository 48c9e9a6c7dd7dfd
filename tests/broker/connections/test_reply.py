"""Direct replies go to their one reader in order, and wait for it within bounds."""

from __future__ import annotations

from broker.connections.reply import BACKLOG_BYTES_MAX, BACKLOG_MAX, ReplyQueue
from broker.model.interfaces import ConsumerPort
from broker.model.message import Batch, Span
from broker.model.receipt import Receipt
from protocol.commands import Address
from protocol.properties import NO_PROPERTIES

ADDRESS = Address("", "q", False, False, b"\x00\x01q")
NOW_MS = 1_000_000


class Reader(ConsumerPort):
    """A consumer with room for so many messages; keeps the bodies it got."""

    def __init__(self, room: int) -> None:
        super().__init__("t", True, False, 0)
        self.left = room
        self.bodies: list[bytes] = []
        self.sizes_asked: set[int] = set()

    def room(self, message_bytes: int) -> int:
        self.sizes_asked.add(message_bytes)
        return self.left

    def deliver(self, span: Span) -> None:
        assert span.deliveries == 0
        assert self.left >= span.stop - span.start
        self.left -= span.stop - span.start
        self.bodies += span.bodies()

    def cancelled(self) -> None:
        raise AssertionError("nobody deletes a reply queue")


def batch(*bodies: bytes) -> Batch:
    return Batch(ADDRESS, NO_PROPERTIES, list(bodies), -1)


def attached(room: int) -> tuple[ReplyQueue, Reader]:
    queue, reader = ReplyQueue("replies"), Reader(room)
    queue.attach(reader)
    return queue, reader


def test_replies_go_out_at_once_and_in_order() -> None:
    queue, reader = attached(10)
    first = batch(b"1", b"2")
    queue.publish(first, None, NOW_MS)
    queue.publish(batch(b"3"), None, NOW_MS)
    assert reader.bodies == [b"1", b"2", b"3"]
    assert (queue.backlog(), queue.dropped) == (0, 0)
    assert reader.sizes_asked == {first.message_bytes}, "properties and names take room too"


def test_what_the_reader_has_no_room_for_waits() -> None:
    queue, reader = attached(2)
    queue.publish(batch(b"1", b"2", b"3", b"4"), None, NOW_MS)
    assert reader.bodies == [b"1", b"2"]
    assert queue.backlog() == 2
    reader.left = 1
    queue.publish(batch(b"5"), None, NOW_MS)
    assert reader.bodies == [b"1", b"2", b"3"], "the newest does not overtake"
    reader.left = 5
    queue.credit(reader)
    assert reader.bodies == [b"1", b"2", b"3", b"4", b"5"]
    assert queue.backlog() == 0


def test_the_backlog_holds_so_many_and_drops_the_newest() -> None:
    queue, reader = attached(0)
    bodies = [b"%05d" % number for number in range(BACKLOG_MAX + 3)]
    for at in range(0, len(bodies), 1000):
        queue.publish(batch(*bodies[at : at + 1000]), None, NOW_MS)
    assert (queue.backlog(), queue.dropped) == (BACKLOG_MAX, 3)
    reader.left = 1
    queue.credit(reader)
    queue.publish(batch(b"after"), None, NOW_MS)
    assert (queue.backlog(), queue.dropped) == (BACKLOG_MAX, 3), "room that was read is room again"
    reader.left = BACKLOG_MAX
    queue.credit(reader)
    assert reader.bodies == [*bodies[:BACKLOG_MAX], b"after"]


def test_the_backlog_holds_so_many_bytes() -> None:
    queue, reader = attached(0)
    big = batch(b"x" * (BACKLOG_BYTES_MAX // 4))  # with its names a little more than a quarter
    for _ in range(5):
        queue.publish(big, None, NOW_MS)
    assert (queue.backlog(), queue.dropped) == (3, 2)
    reader.left = 3
    queue.credit(reader)
    for _ in range(4):
        queue.publish(big, None, NOW_MS)
    assert (queue.backlog(), queue.dropped) == (3, 3), "bytes that were read are free again"


def test_the_last_byte_of_the_backlog_is_used() -> None:
    one = batch(b"x" * (BACKLOG_BYTES_MAX // 2 - batch(b"").message_bytes))
    queue, _ = attached(0)
    for _ in range(3):
        queue.publish(one, None, NOW_MS)
    assert (queue.backlog(), queue.dropped) == (2, 1)


def test_a_dropped_reply_is_confirmed_all_the_same() -> None:
    queue, _ = attached(0)
    queue.publish(batch(*[b"0"] * (BACKLOG_MAX - 1)), None, NOW_MS)
    complete: list[Receipt] = []
    receipt = Receipt(1, 2, complete.append)
    receipt.expect()
    queue.publish(batch(b"1", b"2"), receipt, NOW_MS)
    assert complete == []
    receipt.taken()  # the publisher's own
    assert complete == [receipt]
    assert not receipt.rejected
    assert queue.dropped == 1


def test_what_was_not_read_goes_with_its_reader() -> None:
    queue, reader = attached(0)
    queue.publish(batch(*[b"x"] * BACKLOG_MAX), None, NOW_MS)
    queue.detach(reader)
    assert queue.backlog() == 0
    queue.attach(successor := Reader(BACKLOG_MAX))
    queue.publish(batch(*[b"y"] * BACKLOG_MAX), None, NOW_MS)
    assert reader.bodies == []
    assert successor.bodies == [b"y"] * BACKLOG_MAX
    assert queue.dropped == 0


def test_a_reader_that_goes_gives_its_bytes_back() -> None:
    one = batch(b"x" * (BACKLOG_BYTES_MAX - batch(b"").message_bytes))
    queue, reader = attached(0)
    queue.publish(one, None, NOW_MS)
    queue.detach(reader)
    queue.attach(Reader(0))
    queue.publish(one, None, NOW_MS)
    assert (queue.backlog(), queue.dropped) == (1, 0)


def test_there_is_nothing_to_get_or_purge() -> None:
    queue, _ = attached(0)
    queue.publish(batch(b"1"), None, NOW_MS)
    answers: list[object] = []
    queue.get(True, lambda span, count: answers.append((span, count)))
    queue.purge(answers.append)
    assert answers == [(None, 0), 0]
    assert queue.backlog() == 1
