"""The state machine for expiry, limits, dead letters, priorities, delivery limits and delays together.

One client publishes, gets and settles under a fake clock; after every step each queue must hold what the naive one
holds. Must not: know how the broker does any of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pamqp import commands
from pamqp.commands import Basic, Confirm

from broker.queues.browsing import FRONT, Place, Waiting
from tests.model.extended_naive import Death, ExtendedNaive, Message, Spec
from tests.model.home import KILL, DurableHome
from tests.support.sansio import SansBroker, SansClient, publish_frames

SPECS: Final[dict[str, Spec]] = {
    "plain": Spec(),
    "dead": Spec(),
    "short": Spec(length_max=3, dlx="", dlx_key="dead"),
    "bytes": Spec(length_bytes_max=20, dlx="", dlx_key="dead", priority_max=2),
    "closed": Spec(length_max=3, overflow="reject-publish", dlx="amq.fanout"),
    "diverting": Spec(length_max=2, overflow="reject-publish-dlx", dlx="", dlx_key="dead"),
    "levels": Spec(priority_max=3, ttl_ms=200, dlx="amq.fanout", delivery_limit=2),
    "retry": Spec(delivery_limit=1, dlx=""),
    "here": Spec(ttl_ms=50, dlx="", dlx_key="there"),
    "there": Spec(ttl_ms=70, dlx="", dlx_key="here", delivery_limit=1),
}
UNORDERED: Final = ("dead", "here", "there", "retry")  # letters of one millisecond come in any order
BINDINGS: Final[dict[str, list[tuple[str | None, str]]]] = {
    "amq.fanout": [(None, "dead"), (None, "here")],
    "later": [(name, name) for name in SPECS],
}
ARGUMENTS: Final = {
    "priority_max": "x-max-priority",
    "ttl_ms": "x-message-ttl",
    "length_max": "x-max-length",
    "length_bytes_max": "x-max-length-bytes",
    "dlx": "x-dead-letter-exchange",
    "dlx_key": "x-dead-letter-routing-key",
    "delivery_limit": "x-delivery-limit",
}
LIVES: Final = (None, None, None, 0, 1, 30, 120)
DELAYS: Final = (0, 1, 25, 60, 1000)
QUIET_MS: Final = 100  # in which whatever nobody waits for gets onto the disk
REACHED: Final[Counter[str]] = Counter()  # what happened in all examples of this process together
names = st.sampled_from(sorted(SPECS))
picks = st.integers(0, 1000)


def arguments_of(spec: Spec) -> dict[str, Any]:
    """The arguments of a declare."""
    found = {argument: getattr(spec, name) for name, argument in ARGUMENTS.items()}
    given = {argument: value for argument, value in found.items() if value is not None and value != 0}
    return given | ({"x-overflow": spec.overflow} if spec.overflow != "drop-head" else {})


def deaths_of(headers: dict[str, Any]) -> tuple[Death, ...]:
    """What the x-death header says."""
    return tuple(
        Death(
            each["queue"], each["reason"], each["count"], each["exchange"], tuple(each["routing-keys"]),
            each.get("original-expiration"),
        )
        for each in headers.get("x-death", [])
    )  # fmt: skip


class ExtendedMachine(RuleBasedStateMachine):
    """One example; everything is durable, messages mostly persistent, and the disk is prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.home = DurableHome(False, 1, REACHED)
        self.naive = ExtendedNaive(SPECS, BINDINGS, REACHED)
        self.naive.now_ms = self.broker.clock.now_ms()
        self.bodies = 0
        self.hot = "plain"  # the queue where most things happen in this example
        self.is_delay_durable = True
        self.client = self._connect()
        for name, spec in SPECS.items():
            declare = commands.Queue.Declare(queue=name, durable=True, arguments=arguments_of(spec))
            assert self.client.answer(1, declare).name == "Queue.DeclareOk"
        later = commands.Exchange.Declare(
            exchange="later", exchange_type="x-delayed-message", durable=True, arguments={"x-delayed-type": "direct"}
        )
        assert self.client.answer(1, later).name == "Exchange.DeclareOk"
        for exchange, bound in BINDINGS.items():
            for key, name in bound:
                bind = commands.Queue.Bind(queue=name, exchange=exchange, routing_key=key or "")
                assert self.client.answer(1, bind).name == "Queue.BindOk"

    @property
    def broker(self) -> SansBroker:
        return self.home.broker

    def _connect(self) -> SansClient:
        client = self.broker.connect().open()
        client.channel()
        client.call(1, Confirm.Select())
        return client

    # ---- what happens

    @initialize(hot=names)
    def start(self, hot: str) -> None:
        """Most happens in one queue, so that things meet.

        Delayed messages are all durable or all transient: what of both is due at the same time has no promised order.
        """
        self.hot = hot
        self.is_delay_durable = hot not in ("bytes", "short")

    def queue(self, name: str, pick: int) -> str:
        """That queue, or mostly the hot one."""
        return self.hot if pick % 3 else name

    @rule(
        name=names, pick=picks, count=st.integers(1, 4), priority=st.integers(0, 4), life=st.sampled_from(LIVES),
        delay=st.sampled_from(DELAYS), persistent=st.integers(0, 5),
    )  # fmt: skip
    def publish(
        self, name: str, pick: int, count: int, priority: int, life: int | None, delay: int, persistent: int
    ) -> None:
        """A run of messages: straight into a queue, or through the delayed exchange."""
        name = self.queue(name, pick)
        exchange = "later" if delay else ""
        is_persistent = self.is_delay_durable if delay else persistent > 0
        properties = Basic.Properties(
            priority=priority or None, expiration=None if life is None else str(life),
            delivery_mode=2 if is_persistent else 1, headers={"x-delay": delay} if delay else None,
        )  # fmt: skip
        data, verdicts = b"", []
        for _ in range(count):
            self.bodies += 1
            body = b"%06d" % self.bodies
            data += publish_frames(1, exchange, name, body, properties)
            message = Message(body, exchange, name, priority, life, is_persistent)
            verdicts.append(self.naive.publish(message, delay))
        self.client.send(data)
        self.broker.turn()
        assert self._verdicts(count) == verdicts
        self.compare()

    def _verdicts(self, count: int) -> list[bool]:
        """Which of the last `count` publishes were acknowledged, and which refused."""
        first = self.client.connection.channels[1].publisher.confirms.last_number - count + 1  # type: ignore[union-attr]
        found: dict[int, bool] = {}
        for event in self.client.take(1):
            tag = event.frame.delivery_tag
            tags = range(first, tag + 1) if event.frame.multiple else (tag,)
            found = dict.fromkeys(tags, event.name == "Basic.Ack") | found
        return [found[number] for number in range(first, first + count)]

    @rule(name=names, pick=picks, how=st.sampled_from(("ack", "reject", "requeue", "keep", "keep")))
    def get(self, name: str, pick: int, how: str) -> None:
        """Takes a message, and perhaps settles it at once."""
        name = self.queue(name, pick)
        message = self.naive.get(name)
        answer = self.client.call(1, Basic.Get(queue=name))[-1]
        if message is None:
            assert answer.name == "Basic.GetEmpty"
            return
        if name in UNORDERED:  # which of them came first is not foretold
            queue = self.naive.queues[name]
            got = next(each for each in (message, *queue.ready) if each.body == answer.body)
            if got is not message:
                queue.ready.remove(got)
                queue.ready.append(message)
                self.naive.unacked[self.naive.last_tag] = queue, got
                message = got
        assert answer.body == message.body
        assert answer.frame.redelivered == (message.deliveries > 0)
        assert answer.frame.delivery_tag == self.naive.last_tag
        if how != "keep":
            self.settle(self.naive.last_tag, how)
        self.compare()

    @rule(pick=picks, how=st.sampled_from(("ack", "reject", "requeue")))
    def settle_one(self, pick: int, how: str) -> None:
        """Settles any of those that were kept."""
        if self.naive.unacked:
            self.settle(sorted(self.naive.unacked)[pick % len(self.naive.unacked)], how)
            self.compare()

    def settle(self, tag: int, how: str) -> None:
        """Both brokers hear of it."""
        self.naive.settle(tag, how)
        self.client.method(1, Basic.Ack(tag) if how == "ack" else Basic.Nack(tag, requeue=how == "requeue"))
        self.broker.turn()

    @rule(by_ms=st.sampled_from((1, 5, 29, 30, 50, 70, 120, 200, 1000)))
    def advance(self, by_ms: int) -> None:
        """Time passes."""
        self.naive.advance(by_ms)
        self.broker.advance(by_ms)
        self.compare()

    @rule(how=st.sampled_from(("reject", "requeue")), count=st.integers(2, 5))
    def refuse_some(self, how: str, count: int) -> None:
        """Takes what is in front of the hot queue, and refuses it, again and again."""
        for _ in range(count):
            self.get("plain", 1, how)

    @rule(pick=picks)
    def kill(self, pick: int) -> None:
        """The broker is killed when everything is on the disk, and started again."""
        if pick % 5:
            return
        self.home.finish()
        self.advance(QUIET_MS)
        self.home.finish()
        self.home.crash(KILL, pick)
        self.naive.killed()
        self.home.restart()
        self.client = self._connect()
        self.compare()

    # ---- what must hold

    def compare(self) -> None:
        """Each queue holds what the naive one does, with the same past."""
        self.naive.settle_down()
        self.broker.advance(0)
        assert not self.client.take(), "nothing unasked for"
        for name, queue in self.naive.queues.items():
            expected = [(each.body, each.deliveries, each.deaths) for each in queue.in_order()]
            found = self._found(name)
            if name in UNORDERED:
                expected.sort(key=repr)
                found.sort(key=repr)
            assert found == expected, name
        assert self._held() == len(self.naive.held)

    def _found(self, name: str) -> list[tuple[bytes, int, tuple[Death, ...]]]:
        """What is ready in a queue, looked at without being touched."""
        found: list[tuple[bytes, int, tuple[Death, ...]]] = []
        queue = self.broker.vhost.queues[name]
        place: Place | None = FRONT

        def answered(waiting: Sequence[Waiting], following: Place | None) -> None:
            nonlocal place
            for each in waiting:
                deaths = deaths_of(each.batch.properties.headers())
                found.append((each.batch.bodies[each.at], each.deliveries, deaths))
            place = following

        while place is not None:
            before = place
            queue.look(place, answered)
            assert place != before, "a look that leads nowhere"
        return found

    def _held(self) -> int:
        """How many messages wait for their time."""
        return len(self.broker.vhost.holding.store.index)

    def teardown(self) -> None:
        self.home.count()
