"""A queue that takes a message only while none of its identity is in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pamqp.commands import Basic, Confirm, Queue, Tx

from broker.deduplication.deduplication import clear
from broker.deduplication.presence import Presence
from broker.queues.classic import ClassicQueue
from tests.broker.deduplication.support import Stage, identified
from tests.support.sansio import SansBroker, publish_frames

ON = {"x-message-deduplication": True}
A, AGAIN, B = ("a", b"first"), ("a", b"again"), ("b", b"other")


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.queue(ON)
    return made


def queue_of(stage: Stage) -> ClassicQueue:
    found = stage.broker.vhost.queues["q"]
    assert isinstance(found, ClassicQueue)
    return found


def presence_of(stage: Stage) -> Presence:
    found = queue_of(stage).contents
    assert isinstance(found, Presence)
    return found


def get(stage: Stage, no_ack: bool = False) -> int:
    """Takes one message; its delivery tag."""
    (answer,) = stage.client.call(1, Basic.Get(queue="q", no_ack=no_ack))
    assert isinstance(answer.frame, Basic.GetOk)
    return answer.frame.delivery_tag


def settle(stage: Stage, method: Basic.Ack | Basic.Nack | Basic.Reject) -> None:
    stage.client.method(1, method)
    stage.broker.turn()
    stage.broker.advance(20)


def test_what_is_there_is_not_taken_again(stage: Stage) -> None:
    assert stage.publish("", "q", A, AGAIN, B, AGAIN) == []
    assert queue_of(stage).counters.deduplicated == 2
    assert stage.bodies() == [b"first", b"other"]
    stage.publish("", "q", AGAIN)
    assert stage.bodies() == [b"again"]


def test_of_a_run_of_alike_messages_one_is_taken(stage: Stage) -> None:
    stage.publish("", "q", *[("a", b"%03d" % number) for number in range(30)])
    assert stage.bodies() == [b"000"]


def test_what_is_unacknowledged_is_there(stage: Stage) -> None:
    stage.publish("", "q", A)
    tag = get(stage)
    stage.publish("", "q", AGAIN)
    settle(stage, Basic.Nack(tag, requeue=True))
    stage.publish("", "q", AGAIN)
    assert stage.ready() == 1
    settle(stage, Basic.Ack(get(stage)))
    stage.publish("", "q", AGAIN)
    assert stage.bodies() == [b"again"]


@pytest.mark.parametrize(
    "leave",
    [
        lambda stage: settle(stage, Basic.Ack(get(stage))),
        lambda stage: settle(stage, Basic.Reject(get(stage), requeue=False)),
        lambda stage: get(stage, no_ack=True),
        lambda stage: stage.client.call(1, Queue.Purge(queue="q")),
    ],
)
def test_what_has_left_may_come_again(stage: Stage, leave: Callable[[Stage], None]) -> None:
    stage.publish("", "q", A)
    leave(stage)
    assert len(presence_of(stage)) == 0
    stage.publish("", "q", AGAIN)
    assert stage.ready() == 1


def test_what_has_expired_may_come_again() -> None:
    stage = Stage()
    stage.queue(ON | {"x-message-ttl": 100})
    stage.publish("", "q", A)
    stage.broker.advance(200)
    stage.publish("", "q", AGAIN)
    assert stage.bodies() == [b"again"]


def test_a_consumer_of_what_is_gone_leaves_nothing_behind(stage: Stage) -> None:
    stage.client.method(1, Basic.Consume(queue="q", no_ack=True))
    for _ in range(3):
        stage.publish("", "q", A)
    assert queue_of(stage).counters.delivered_no_ack == 3


def test_other_queues_take_it_all_the_same(stage: Stage) -> None:
    stage.client.call(1, Queue.Declare(queue="plain"))
    for name in ("q", "plain"):
        stage.client.call(1, Queue.Bind(queue=name, exchange="amq.fanout"))
    stage.publish("amq.fanout", "", A, AGAIN, B)
    assert (stage.ready(), stage.broker.vhost.queues["plain"].ready.count) == (2, 3)


def test_a_transaction_brings_one_of_each() -> None:
    client = SansBroker().connect().open()
    client.channel()
    client.call(1, Queue.Declare(queue="q", arguments=ON))
    client.call(1, Tx.Select())
    client.send(b"".join(publish_frames(1, "", "q", b"", identified("a")) for _ in range(5)))
    client.call(1, Tx.Commit())
    assert client.broker.vhost.queues["q"].ready.count == 1


def test_a_kill_forgets_nothing_that_is_there(stage: Stage) -> None:
    stage.publish("", "q", *[(number, b"%03d" % number) for number in range(1000)])
    for _ in range(10):
        get(stage)
    after = stage.restarted()
    while presence_of(after).is_learning:
        after.broker.advance(1)
    assert len(presence_of(after)) == 1000
    after.publish("", "q", (5, b"again"), (999, b"again"), (1000, b"new"))
    assert after.ready() == 1001


def test_a_policy_turns_it_on_and_off_for_what_is_there(stage: Stage) -> None:
    stage.client.call(1, Queue.Delete(queue="q"))
    stage.queue()
    stage.publish("", "q", A, A, B)
    policies = stage.broker.node.policies
    policies.set("/", "once", ".*", {"x-message-deduplication": True}, 0, "queues")
    stage.broker.turn()
    stage.publish("", "q", AGAIN, B, ("c", b"new"))
    assert stage.ready() == 4
    settle(stage, Basic.Ack(get(stage)))
    stage.publish("", "q", AGAIN)  # one of the two is still there
    assert stage.ready() == 3
    policies.clear("/", "once")
    stage.broker.turn()
    stage.publish("", "q", AGAIN, AGAIN)
    assert stage.ready() == 5
    assert stage.broker.vhost.deduplication.learning == 0


def test_a_long_queue_is_learned_a_step_at_a_time(stage: Stage) -> None:
    stage.client.call(1, Queue.Delete(queue="q"))
    stage.queue()
    stage.publish("", "q", *[(number, b"") for number in range(1500)])
    stage.broker.node.policies.set("/", "once", ".*", {"x-message-deduplication": True}, 0, "queues")
    stage.broker.turn()
    assert presence_of(stage).is_learning
    assert stage.broker.vhost.deduplication.learning == 1
    stage.publish("", "q", (1, b"taken, since it is not known yet"))
    while presence_of(stage).is_learning:
        stage.broker.advance(1)
    assert len(presence_of(stage)) == 1500
    stage.publish("", "q", (1, b"known"), (1499, b"known"))
    assert stage.ready() == 1501


def test_clearing_lets_everything_in_again(stage: Stage) -> None:
    stage.publish("", "q", A, B)
    clear(queue_of(stage))
    stage.publish("", "q", AGAIN)
    assert stage.ready() == 3


class Machine(RuleBasedStateMachine):
    """What is there decides, against a naive queue: a list of identities, and those that are handed out."""

    def __init__(self) -> None:
        super().__init__()
        broker = SansBroker()
        self.client = broker.connect().open()
        self.client.channel()
        self.client.call(1, Confirm.Select())
        self.client.call(1, Queue.Declare(queue="q", arguments=ON))
        self.queue = broker.vhost.queues["q"]
        self.ready: list[int] = []
        self.lent: dict[int, int] = {}

    @rule(identities=st.lists(st.integers(0, 4), min_size=1, max_size=6))
    def publish(self, identities: list[int]) -> None:
        frames = b"".join(publish_frames(1, "", "q", b"%d" % one, identified(one, False)) for one in identities)
        self.client.send(frames)
        self.client.broker.turn()
        for one in identities:
            if one not in self.ready and one not in self.lent.values():
                self.ready.append(one)

    @rule(no_ack=st.booleans())
    def get(self, no_ack: bool) -> None:
        answer = self.client.call(1, Basic.Get(queue="q", no_ack=no_ack))[-1]
        if isinstance(answer.frame, Basic.GetOk):
            one = self.ready.pop(0)
            assert answer.body == b"%d" % one
            if not no_ack:
                self.lent[answer.frame.delivery_tag] = one
        else:
            assert not self.ready

    @rule(requeue=st.booleans(), which=st.integers(0, 3))
    def settle(self, requeue: bool, which: int) -> None:
        if not self.lent:
            return
        tag = sorted(self.lent)[which % len(self.lent)]
        one = self.lent.pop(tag)
        self.client.method(1, Basic.Reject(tag, requeue=requeue))
        self.client.broker.turn()
        if requeue:
            self.ready = [int(found.body) for found in self._look()]
            assert one in self.ready

    def _look(self) -> list[object]:
        return [_Body(span.bodies()[at]) for span in self.queue.ready.spans() for at in range(span.stop - span.start)]

    @invariant()
    def is_as_said(self) -> None:
        contents = self.queue.contents
        assert isinstance(contents, Presence)
        assert len(contents) == len({*self.ready, *self.lent.values()})
        assert self.queue.ready.count == len(self.ready)


class _Body:
    def __init__(self, body: bytes) -> None:
        self.body = body


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
