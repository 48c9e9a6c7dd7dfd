"""What becomes of messages that a queue does not keep: where they go, what they say, and what is lost."""

from __future__ import annotations

from pamqp.commands import Basic, Exchange, Queue, Tx

from broker.model.arguments import NO_ARGUMENTS
from broker.model.interfaces import Gate
from broker.model.message import Batch
from broker.model.receipt import Receipt
from broker.queues.letters import SLICE_RUNS, WAITING_RUNS_MAX
from broker.queues.parts import MAXLEN
from tests.broker.letters import Desk, deaths, headers, properties
from tests.support.sansio import START_MS, SansBroker
from tests.support.workers import HeldWorker


class Closed(Gate):
    """Refuses everything while it is closed."""

    def __init__(self) -> None:
        self.is_closed = True
        self.asked = 0

    def passes(self, batch: Batch, now_ms: int) -> bool:  # noqa: ARG002
        return not self.is_closed

    def admit(self, batch: Batch, receipt: Receipt | None, now_ms: int) -> bool:  # noqa: ARG002
        self.asked += len(batch.bodies)
        if self.is_closed:
            assert len(batch.bodies) == 1, "what does not pass comes one by one"
            if receipt is not None:
                receipt.expect()
                receipt.refused()
        return not self.is_closed


def shut(desk: Desk, queue: str) -> Closed:
    """A gate before a queue."""
    gate = desk.broker.vhost.queues[queue].gate = Closed()
    desk.broker.vhost.table.version += 1
    return gate


def drop_front(desk: Desk, queue: str) -> None:
    """What a length limit does with the message in front."""
    found = desk.broker.vhost.queues[queue]
    span = found.ready.take(1)
    assert span is not None
    found.drop(span, MAXLEN)  # type: ignore[attr-defined]
    desk.broker.turn()


def test_a_rejected_message_goes_to_its_queues_exchange_with_its_own_key() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="amq.fanout")
    desk.queue("dead")
    desk.client.call(1, Queue.Bind(queue="dead", exchange="amq.fanout"))
    desk.publish("work", "a", headers={"k": 1}, priority=3, expiration="60000", message_id="m")
    desk.reject("work")
    letter = desk.got("dead")
    assert isinstance(letter.frame, Basic.GetOk)
    assert (letter.frame.exchange, letter.frame.routing_key, letter.body) == ("amq.fanout", "work", b"a")
    assert not letter.frame.redelivered
    assert (properties(letter).priority, properties(letter).message_id, properties(letter).expiration) == (3, "m", None)
    assert deaths(letter) == [("work", "rejected", 1)]
    assert headers(letter)["k"] == 1
    assert desk.bodies("work") == []


def test_a_run_of_messages_is_written_and_published_as_one() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead", message_ttl=10)
    desk.queue("dead")
    desk.publish("work", *"abcd")
    desk.broker.advance(10)
    ready = desk.broker.vhost.queues["dead"].ready
    assert ready.count == 4
    assert [span.stop - span.start for span in ready.spans()] == [4]
    assert desk.bodies("dead") == list("abcd")


def test_expired_and_rejected_and_too_many_are_told_apart() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    desk.publish("work", "a")
    desk.reject("work")
    desk.publish("work", "b", expiration="5")
    desk.broker.advance(5)
    desk.publish("work", "c")
    drop_front(desk, "work")
    assert [deaths(desk.got("dead")) for _ in "abc"] == [
        [("work", "rejected", 1)], [("work", "expired", 1)], [("work", "maxlen", 1)],
    ]  # fmt: skip
    assert desk.broker.vhost.counters.left.numbers == {
        ("classic", "at_most_once", reason): 1 for reason in ("rejected", "expired", "maxlen")
    }
    assert desk.broker.vhost.queues["work"].counters.dead_lettered == 3


def test_without_an_exchange_or_with_one_that_is_not_there_they_are_gone() -> None:
    desk = Desk()
    desk.queue("plain")
    desk.queue("work", dead_letter_exchange="not there")
    for queue in ("plain", "work"):
        desk.publish(queue, "a")
        desk.reject(queue)
    assert desk.broker.vhost.counters.left.numbers == {("classic", "disabled", "rejected"): 2}
    assert desk.broker.vhost.queues["work"].counters.dead_lettered == 0


def test_a_queue_that_expires_into_itself_drops_what_comes_round() -> None:
    desk = Desk()
    desk.queue("round", dead_letter_exchange="", message_ttl=10)
    desk.publish("round", "a")
    desk.broker.advance(100)
    assert desk.broker.vhost.queues["round"].ready.count == 0
    assert desk.broker.vhost.queues["round"].counters.expired == 1


def test_only_the_queue_that_would_see_it_again_is_left_out() -> None:
    desk = Desk()
    desk.queue("one", dead_letter_exchange="amq.fanout", message_ttl=10)
    desk.queue("other")
    for queue in ("one", "other"):
        desk.client.call(1, Queue.Bind(queue=queue, exchange="amq.fanout"))
    desk.publish("one", "a")
    desk.broker.advance(10)
    assert desk.bodies("other") == ["a"]
    assert desk.bodies("one") == []


def test_a_rejection_lets_a_message_go_round_and_is_counted() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="wait")
    desk.queue("wait", dead_letter_exchange="", dead_letter_routing_key="work", message_ttl=10)
    desk.publish("work", "a")
    for times in (1, 2, 3):
        desk.reject("work")
        desk.broker.advance(10)
        held = desk.get("work", no_ack=False)
        assert held is not None
        assert deaths(held) == [("wait", "expired", times), ("work", "rejected", times)]
        assert headers(held)["x-first-death-queue"] == "work"
        assert headers(held)["x-last-death-queue"] == "wait"
        assert isinstance(held.frame, Basic.GetOk)
        desk.client.method(1, Basic.Reject(delivery_tag=held.frame.delivery_tag, requeue=True))
        desk.broker.turn()


def test_a_task_that_is_published_once_more_with_its_deaths_is_delayed_once_more() -> None:
    """As Celery before 5.7 retries with native delayed delivery; RabbitMQ before 4.0.1 drops it as a cycle."""
    desk = Desk()
    for name in ("delay_1", "delay_0"):
        desk.client.call(1, Exchange.Declare(exchange=name, exchange_type="topic"))
    desk.queue("d1", dead_letter_exchange="delay_0", message_ttl=20)
    desk.queue("d0", dead_letter_exchange="amq.topic", message_ttl=10)
    desk.queue("tasks")
    for queue, exchange in (("d1", "delay_1"), ("d0", "delay_0"), ("tasks", "amq.topic")):
        desk.client.call(1, Queue.Bind(queue=queue, exchange=exchange, routing_key="#"))
    sent: dict[str, object] = {"task": "t"}
    for times in (1, 2, 3):
        desk.publish("tasks", "a", exchange="delay_1", headers=sent)
        desk.broker.advance(30)
        received = desk.got("tasks")
        assert sorted(deaths(received)) == [("d0", "expired", times), ("d1", "expired", times)]
        sent = headers(received)


def test_copies_follow_their_message_unless_another_key_counts() -> None:
    desk = Desk()
    desk.queue("kept", dead_letter_exchange="amq.direct")
    desk.queue("changed", dead_letter_exchange="amq.direct", dead_letter_routing_key="dead")
    desk.queue("dead")
    desk.client.call(1, Queue.Bind(queue="dead", exchange="amq.direct", routing_key="dead"))
    for queue, copies in (("kept", ["dead"]), ("changed", ["elsewhere"])):
        desk.publish(queue, queue, headers={"CC": copies})
        desk.bodies("dead")
        desk.reject(queue)
        letter = desk.got("dead")
        assert headers(letter).get("CC") == (copies if queue == "kept" else None)
        assert headers(letter)["x-death"][0]["routing-keys"] == [queue, *copies]


def test_the_time_of_a_death_is_the_clocks() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    desk.broker.advance(5000)
    desk.publish("work", "a")
    desk.reject("work")
    assert headers(desk.got("dead"))["x-death"][0]["time"].timestamp() == START_MS // 1000 + 5


def test_very_many_that_expire_at_once_are_sent_in_slices() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    many = [f"{number:0{3 + number % 2}}" for number in range(3 * SLICE_RUNS)]  # each a run of its own
    desk.publish("work", *many, expiration="10")
    dead = desk.broker.vhost.queues["dead"].ready
    desk.broker.clock.advance(10)
    desk.broker.node.deadlines.run_due(desk.broker.clock.now_ms())
    desk.broker.turn()
    assert dead.count <= SLICE_RUNS
    desk.broker.advance(0)
    assert dead.count == len(many)
    assert desk.bodies("dead") == many


def test_a_long_chain_of_queues_is_no_recursion() -> None:
    desk = Desk()
    length = 150
    for number in range(length):
        desk.queue(f"q{number}", dead_letter_exchange="", dead_letter_routing_key=f"q{number + 1}", message_ttl=0)
    desk.queue(f"q{length}")
    desk.publish("q0", "a")
    desk.broker.advance(1)
    letter = desk.got(f"q{length}")
    assert len(deaths(letter)) == length


def test_the_gate_of_a_target_is_asked_message_by_message() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    gate = shut(desk, "dead")
    desk.publish("work", "a", "b")
    desk.reject("work", 2)
    assert gate.asked == 2
    assert desk.bodies("dead") == [], "at-most-once: what is refused is gone"
    gate.is_closed = False
    desk.publish("work", "c")
    desk.reject("work")
    assert desk.bodies("dead") == ["c"]


def test_a_transaction_rejects_with_its_commit() -> None:
    desk = Desk()
    desk.queue("work", durable=True, dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead", durable=True)
    desk.publish("work", "a", delivery_mode=2)
    desk.client.call(1, Tx.Select())
    desk.client.method(1, Basic.Reject(delivery_tag=desk.held("work"), requeue=False))
    desk.broker.turn()
    assert desk.broker.vhost.queues["dead"].ready.count == 0
    assert isinstance(desk.client.answer(1, Tx.Commit()), Tx.CommitOk)
    assert desk.broker.vhost.queues["dead"].ready.count == 1


def test_a_policy_sends_dead_letters_from_then_on_and_an_argument_beats_it() -> None:
    desk = Desk()
    desk.queue("work")
    desk.queue("own", dead_letter_exchange="amq.direct", dead_letter_routing_key="mine")
    desk.queue("dead")
    desk.queue("mine")
    desk.client.call(1, Queue.Bind(queue="mine", exchange="amq.direct", routing_key="mine"))
    desk.broker.node.policies.set(
        "/", "p", pattern=".*", definition={"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}, priority=0,
        apply_to="queues",
    )  # fmt: skip
    desk.broker.advance(1000)
    for queue in ("work", "own"):
        desk.publish(queue, queue)
        desk.reject(queue)
    assert desk.bodies("dead") == ["work"]
    assert desk.bodies("mine") == ["own"]
    desk.broker.node.policies.clear("/", "p")
    desk.broker.advance(1000)
    desk.publish("work", "gone")
    desk.reject("work")
    assert desk.bodies("dead") == []


def test_a_headers_exchange_sees_the_death() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="amq.headers")
    desk.queue("rejected")
    binding = {"x-match": "all-with-x", "x-first-death-reason": "rejected"}
    desk.client.call(1, Queue.Bind(queue="rejected", exchange="amq.headers", arguments=binding))
    desk.publish("work", "a")
    desk.reject("work")
    assert desk.bodies("rejected") == ["a"]


def test_messages_of_a_deleted_queue_are_not_sent() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    desk.publish("work", "ready", "held")
    tag = desk.held("work")
    desk.client.call(1, Queue.Delete(queue="work"))
    desk.client.method(1, Basic.Reject(delivery_tag=tag, requeue=False))
    desk.broker.turn()
    assert desk.bodies("dead") == []


def test_a_queue_waits_while_too_many_letters_are_on_their_way() -> None:
    desk = Desk()
    desk.queue("work", dead_letter_exchange="", dead_letter_routing_key="dead")
    desk.queue("dead")
    letters = desk.broker.vhost.queues["work"].leaving._letters  # type: ignore[attr-defined]
    many = 2 * WAITING_RUNS_MAX  # some are sent while others leave
    for number in range(many):
        desk.client.publish(1, "", "work", b"a" * (1 + number % 2), Basic.Properties(expiration="10"))
    desk.broker.turn()
    assert letters.has_room()
    desk.broker.clock.advance(10)
    turns = 0
    while letters.has_room() and turns < many // SLICE_RUNS:
        desk.broker.node.deadlines.run_due(desk.broker.clock.now_ms())
        desk.broker.one_turn()
        turns += 1
    assert not letters.has_room()
    desk.publish("work", "new")
    desk.client.call(1, Basic.Consume(queue="work", no_ack=True))
    assert [event for event in desk.client.take(1) if event.name == "Basic.Deliver"] == []
    desk.broker.advance(0)
    assert letters.has_room()
    assert [event.body for event in desk.client.take(1)] == [b"new"]
    assert desk.broker.vhost.queues["dead"].ready.count == many


def test_a_letter_waits_until_its_queue_would_outlive_a_crash() -> None:
    worker = HeldWorker()
    broker = SansBroker(worker=worker)
    broker.turn()
    worker.close()
    desk = Desk(broker)
    desk.client.method(1, Queue.Declare(queue="work", arguments={"x-dead-letter-exchange": "amq.fanout"}))
    desk.publish("work", "a")
    tag = desk.held("work")
    other = Desk(broker)
    other.client.method(1, Queue.Declare(queue="dead", durable=True))
    broker.turn()
    other.broker.vhost.bind(broker.vhost.table.exchanges["amq.fanout"], broker.vhost.queues["dead"], "", NO_ARGUMENTS)
    desk.client.method(1, Basic.Reject(delivery_tag=tag, requeue=False))
    broker.turn()
    dead = broker.vhost.queues["dead"].ready
    assert (dead.count, len(worker.waiting)) == (0, 1)
    worker.close()
    broker.turn()
    assert dead.count == 1
