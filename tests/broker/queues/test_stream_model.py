"""Streams against a naive model: a list of messages, of which the oldest go, under a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.queues.paging import Limits
from broker.queues.retention import AGE_PARTS, CHECK_MS_MIN
from tests.support.streams import StreamBench, TakingConsumer

SMALL = Limits(queue_bytes_max=6000, queue_bytes_min=3000, chunk_bytes=600, low_bytes=300, step_bytes=100)
CONSUMERS_MAX = 8
VALUES = st.sampled_from([None, "a", "b"])


@dataclass
class Message:
    """One that was published."""

    body: bytes
    at_ms: int
    value: str | None


@dataclass
class Seen:
    """A consumer, where it had to begin, and what it wants."""

    consumer: TakingConsumer
    begin: int
    wanted: str | None
    label: str = ""
    acked_spans: int = 0

    def wants(self, message: Message) -> bool:
        return self.wanted is None or message.value == self.wanted


class StreamMachine(RuleBasedStateMachine):
    @initialize(
        age_s=st.sampled_from([0, 0, 5, 60]), bytes_max=st.sampled_from([None, None, 300, 3000]), few=st.booleans()
    )
    def begin(self, age_s: int, bytes_max: int | None, few: bool) -> None:
        arguments: dict[str, Any] = {"x-max-age": f"{age_s}s"} if age_s else {}
        if bytes_max is not None:
            arguments["x-max-length-bytes"] = bytes_max
        self.age_ms, self.bytes_max = age_s * 1000, bytes_max
        self.bench = StreamBench(arguments, SMALL if few else None)
        self.messages: list[Message] = []
        self.durable = 0
        self.dropped = 0
        self.largest = 0
        self.seen: list[Seen] = []
        self.labels = 0
        self.acked: dict[str, int] = {}

    @property
    def first(self) -> int:
        return self.bench.queue.log.first - 1

    # ---- what happens

    @rule(count=st.integers(1, 5), size=st.sampled_from([1, 20, 100]), value=VALUES, persistent=st.booleans())
    def publish(self, count: int, size: int, value: str | None, persistent: bool) -> None:
        begin = len(self.messages)
        bodies = [(b"%d," % number).ljust(size, b".")[-max(size, 6) :] for number in range(begin, begin + count)]
        width = max(map(len, bodies))
        bodies = [body.ljust(width, b".") for body in bodies]
        headers = {"x-stream-filter-value": value} if value else None
        self.bench.publish(*bodies, headers=headers, persistent=persistent)
        self.messages += [Message(body, self.bench.time_ms, value) for body in bodies]
        self.largest = max(self.largest, count * width)

    @rule(later_ms=st.sampled_from([0, 0, 1, 500, 1000, 7000, 30_000]))
    def turn(self, later_ms: int) -> None:
        self.bench.turn(later_ms)
        self.durable = len(self.messages)
        self._everybody_has_what_there_is()
        self._nothing_is_too_old()

    @rule()
    def turn_without_the_disk(self) -> None:
        self.bench.turn(commit=False)

    @precondition(lambda self: len(self.seen) < CONSUMERS_MAX)
    @rule(
        prefetch=st.sampled_from([1, 3, 1000]), wanted=VALUES, named=st.booleans(),
        start=st.sampled_from(["first", "last", "next", "number", "time"]), at=st.integers(0, 40),
    )  # fmt: skip
    def consume(self, prefetch: int, wanted: str | None, named: bool, start: str, at: int) -> None:
        self.turn(0)
        given: dict[str, Any] = {"offset": start}
        begin = {"first": self.first, "last": max(self.first, len(self.messages) - 1)}.get(start, len(self.messages))
        if start == "number":
            given["offset"] = begin = at
        elif start == "time":
            at_s = self.bench.time_ms // 1000 - at
            given["offset"] = datetime.fromtimestamp(at_s, UTC)
            retained = list(enumerate(self.messages))[self.first :]
            begin = next((offset for offset, one in retained if one.at_ms >= at_s * 1000), len(self.messages))
        label = ""
        if wanted is not None:
            given["filter"] = wanted
        if named:
            self.labels += 1
            label = given["consumer_name"] = f"n{self.labels}"
        self.seen.append(Seen(self.bench.consumer(prefetch, **given), begin, wanted, label))

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0, CONSUMERS_MAX), spans=st.integers(1, 3))
    def ack(self, which: int, spans: int) -> None:
        one = self.seen[which % len(self.seen)]
        for span in one.consumer.spans[:spans]:
            self.acked[one.label] = span.number - 1 + span.stop - span.start
        one.consumer.ack(spans)

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0, CONSUMERS_MAX))
    def leave_and_come_back(self, which: int) -> None:
        one = self.seen.pop(which % len(self.seen))
        one.consumer.leave()
        if one.label and one.label in self.acked:
            arguments = {"filter": one.wanted} if one.wanted else {}
            back = self.bench.consumer(1000, consumer_name=one.label, offset="last", **arguments)
            self.seen.append(Seen(back, self.acked[one.label], one.wanted, one.label))

    @rule()
    def restart(self) -> None:
        self.turn(1000)  # offsets are stored by then, and everything is durable
        for one in self.seen:
            one.consumer.leave()
        self.bench.deadlines.__init__()  # type: ignore[misc]
        self.bench.budget.used = 0
        before = self.first, self.bench.queue.ready.count
        self.bench.open()
        assert self.first <= before[0] + before[1]
        labelled = [one for one in self.seen if one.label and one.label in self.acked]
        self.seen = []
        for one in labelled:
            arguments = {"filter": one.wanted} if one.wanted else {}
            back = self.bench.consumer(1000, consumer_name=one.label, offset="first", **arguments)
            self.seen.append(Seen(back, self.acked[one.label], one.wanted, one.label))

    # ---- what must be

    @invariant()
    def readers_get_their_messages_in_order(self) -> None:
        for one in getattr(self, "seen", ()):
            expected = one.begin
            for offset, body in one.consumer.taken:
                assert offset >= one.begin
                assert body == self.messages[offset].body
                assert offset < self.durable or not self._is_volatile(offset)
                assert one.wants(self.messages[offset])
                left_out = self.messages[expected:offset]
                assert all(not one.wants(each) for each in left_out) or expected < self.first
                expected = offset + 1

    def _is_volatile(self, offset: int) -> bool:
        return offset + 1 >= self.bench.queue.feeder.stop

    @invariant()
    def what_is_retained_is_the_end_of_what_was_published(self) -> None:
        if not hasattr(self, "bench"):
            return
        queue = self.bench.queue
        retained = self.messages[self.first :]
        assert queue.ready.count == len(retained)
        assert abs(queue.ready.body_bytes - sum(len(one.body) for one in retained)) <= self.largest + 100
        assert self.first >= self.dropped
        for one in self.messages[self.dropped : self.first]:
            assert self.bytes_max is not None or (self.age_ms and self.bench.time_ms - one.at_ms >= self.age_ms)
        self.dropped = self.first
        if self.bytes_max is not None:
            assert queue.ready.body_bytes <= self.bytes_max + self.largest

    @invariant()
    def memory_is_counted(self) -> None:
        if hasattr(self, "bench"):
            assert self.bench.budget.used == self.bench.queue.log.hot_bytes >= 0

    def _everybody_has_what_there_is(self) -> None:
        for one in self.seen:
            if one.consumer.unacked >= one.consumer.prefetch:
                continue
            after = one.consumer.offsets[-1] + 1 if one.consumer.taken else one.begin
            missing = self.messages[max(after, self.first) : self.durable]
            assert not any(one.wants(each) for each in missing)

    def _nothing_is_too_old(self) -> None:
        if self.age_ms:
            slack_ms = max(CHECK_MS_MIN, self.age_ms // AGE_PARTS)
            oldest = self.messages[self.first : self.first + 1]
            assert all(self.bench.time_ms - one.at_ms <= self.age_ms + slack_ms for one in oldest)


TestStreamModel = StreamMachine.TestCase
TestStreamModel.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
