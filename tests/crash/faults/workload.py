"""What a broker might do to its journal, by seed. Must not: look at the disk."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.crash.faults.run import Run

STREAMS_MAX: Final = 6
WAITING_MAX: Final = 40  # messages of a stream, above which some are settled
ITEM_BYTES: Final = (0, 1, 20, 20, 100, 100, 700, 3000)
TARGETS: Final = (1, 1, 1, 2, 3)


class Workload:
    """Does one thing after another to a run."""

    def __init__(self, run: Run, seed: int) -> None:
        self.run = run
        self._random = Random(seed)
        self._last_stream = run.promise.last_stream
        self._items = 0
        self._is_in_group = False
        self._doings = (
            (self._append, 10), (self._settle_in_order, 6), (self._settle_somewhere, 4), (self._settle_all_but_one, 1),
            (self._deliver, 5), (self._redeliver, 2), (self._group, 3), (self._drop, 0.4), (self._commit, 6),
            (self._commit_lazily, 3), (self._work_a_little, 3), (self._wait, 2), (self._load, 1),
        )  # fmt: skip
        self._weights = [weight for _, weight in self._doings]

    def steps(self, count: int) -> None:
        """Does so many things."""
        for _ in range(count):
            self.step()

    def step(self) -> None:
        """Does one thing."""
        doing = self._random.choices(self._doings, self._weights)[0][0]
        doing()

    # ---- messages

    def _streams(self, count: int) -> list[int]:
        alive = self.run.promise.alive()
        if len(alive) < STREAMS_MAX and (len(alive) < count or self._random.random() < 0.1):
            for _ in range(max(1, count - len(alive))):
                self._last_stream += 1
                alive.append(self._last_stream)
        return self._random.sample(alive, count)

    def _append(self) -> None:
        size = self._random.choice(ITEM_BYTES)
        count = 1 if size > 500 else self._random.choice((1, 1, 2, 5, 12))
        items = [self._item(size) for _ in range(count)]
        streams = self._streams(self._random.choice(TARGETS))
        targets = [(stream, self._random.choice((0, 0, self._now_ms() + 5000))) for stream in streams]
        head = b"head %d" % self._random.randrange(3) * self._random.choice((0, 1, 4))
        self.run.append(targets, self._now_ms(), head, items)

    def _item(self, size: int) -> bytes:
        self._items += 1
        return (b"%d." % self._items * size)[:size]

    def _now_ms(self) -> int:
        return self.run.clock.now_ms()

    # ---- what becomes of them

    def _stream_with_messages(self) -> tuple[int, list[int]]:
        waiting = {stream: self.run.promise.waiting(stream) for stream in self.run.promise.alive()}
        full = [stream for stream, numbers in waiting.items() if len(numbers) > WAITING_MAX]
        some = full or [stream for stream, numbers in waiting.items() if numbers]
        if not some:
            return 0, []
        stream = self._random.choice(some)
        return stream, waiting[stream]

    def _settle_ranges(self, stream: int, numbers: list[int]) -> None:
        """Runs of neighbours as one range each."""
        first = stop = 0
        for number in numbers:
            if number != stop:
                if stop:
                    self.run.settle(stream, first, stop)
                first = number
            stop = number + 1
        if stop:
            self.run.settle(stream, first, stop)

    def _settle_in_order(self) -> None:
        stream, numbers = self._stream_with_messages()
        count = self._random.choice((1, 3, 10, len(numbers)))
        if numbers:
            self.run.mark_delivered(stream, numbers[:count][-1] + 1)
            self._settle_ranges(stream, numbers[:count])

    def _settle_somewhere(self) -> None:
        stream, numbers = self._stream_with_messages()
        for number in self._random.sample(numbers, min(len(numbers), 4)):
            self.run.settle(stream, number, number + 1)

    def _settle_all_but_one(self) -> None:
        for stream in self.run.promise.alive():
            numbers = self.run.promise.waiting(stream)
            if numbers:
                numbers.remove(self._random.choice(numbers))
                self._settle_ranges(stream, numbers)

    def _deliver(self) -> None:
        stream, numbers = self._stream_with_messages()
        if numbers:
            self.run.mark_delivered(stream, self._random.choice(numbers) + 1)

    def _redeliver(self) -> None:
        stream, numbers = self._stream_with_messages()
        delivered = [number for number in numbers if number < self.run.promise.delivered.get(stream, 0)]
        if delivered:
            number = self._random.choice(delivered)
            counts = self.run.promise.streams[stream][number].counts
            self.run.set_deliveries(stream, number, number + 1, counts[-1][0] + 1 if counts else 2)

    def _group(self) -> None:
        """Dead letters, or a transaction: some go, others come."""
        self.run.begin()
        for _ in range(self._random.choice((0, 1, 2))):
            self._append()
        for _ in range(self._random.choice((0, 1, 2))):
            self._random.choice((self._settle_in_order, self._settle_somewhere))()
        self.run.end()

    def _drop(self) -> None:
        alive = self.run.promise.alive()
        if len(alive) > 2:
            self.run.drop(self._random.choice(alive))

    # ---- time

    def _commit(self) -> None:
        self.run.commit()

    def _commit_lazily(self) -> None:
        self.run.ask(self._random.random() < 0.5)

    def _work_a_little(self) -> None:
        self.run.writer.run_one()
        self.run.reader.run_one()

    def _wait(self) -> None:
        self.run.advance(self._random.choice((1, 20, 200)))

    def _load(self) -> None:
        stream, numbers = self._stream_with_messages()
        if numbers:
            self.run.journal.stream(stream).load(self._random.choice(numbers), 1000, _ignored)


def _ignored(*_: object) -> None:
    """Somebody else wants to know."""
