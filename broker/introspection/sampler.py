"""Looks at everything that counts, in rounds, and keeps what rates and histories are made of.

A message costs nothing here: a round reads the counters that are there anyway, some of them at a time, with turns of
the broker in between. Must not: change anything, or work longer than a millisecond in one go.

What is kept is bounded: a queue, exchange, connection or channel that does nothing keeps one row at most; of those that
do something, the first MINUTES_MAX keep ten minutes, those up to MINUTE_MAX one minute, others two rounds. The broker
and its first VHOSTS_MAX vhosts keep a day, the older the coarser.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from broker.alarms import memory_used_bytes
from broker.clock import Clock, Deadlines
from broker.config import Config
from broker.connections.connection import Connection
from broker.introspection import rows
from broker.introspection.ages import Ages
from broker.introspection.machine import disk_free, open_files
from broker.introspection.rows import Numbers
from broker.introspection.series import Layout, LongSeries, Rounds, Series, Tier
from broker.loop_watch import LoopWatch
from broker.vhost import Vhost
from storage.journal import Journal

SLICE: Final = 100  # things looked at in one go: less than a millisecond's work
PAUSE_MS: Final = 2  # between two slices
MINUTES_MAX: Final = 500
MINUTE_MAX: Final = 10_000
VHOSTS_MAX: Final = 100
TEN_MINUTES: Final = 120  # rounds of RabbitMQ's 5 s, as all of these
ONE_MINUTE: Final = 12
TWO_ROUNDS: Final = 1
DAY: Final = (Tier(1, 120), Tier(12, 720), Tier(120, 5760), Tier(360, 17_280))  # 10 min, 1 h, 8 h, 24 h as RabbitMQ has
MINUTE: Final = (Tier(1, ONE_MINUTE),)
WHOLE: Final = "overview"
NODE: Final = "node"


class Registry(Protocol):
    """The connections."""

    open: dict[Connection, None]
    opened: int
    closed: int


class Sampled(Protocol):
    """The parts of a node that are looked at."""

    config: Config
    clock: Clock
    deadlines: Deadlines
    loop_watch: LoopWatch
    vhosts: dict[str, Vhost]
    journal: Journal

    @property
    def connections(self) -> Registry:
        """The connections."""
        ...


class Sampler:
    """`start` begins the first round; `of` and `long` are what has been seen of a thing up to `rounds.last`."""

    def __init__(self, node: Sampled) -> None:
        self.rounds = Rounds(-1, -1, node.config.statistics_interval_ms)
        self.ages = Ages()
        self.publishers = 0  # channels that had published something, in the last round
        self.node = node
        self._series: dict[object, Series] = {}  # by thing: what the last round has seen
        self._found: dict[object, Series] = {}  # what this round has seen so far
        self._long: dict[object, LongSeries] = {}
        self._work: Iterator[None] = iter(())
        self._number = -1  # of this round
        self._active = 0  # things that have done something lately, found in this round

    def start(self) -> None:
        """The first round begins with the next turn; each begins the next one."""
        self.node.deadlines.add(self.node.clock.now_ms(), self._begin)

    def of(self, thing: object) -> Series | None:
        """What is known of a queue, exchange, connection or channel."""
        return self._series.get(thing)

    def long(self, thing: object) -> LongSeries | None:
        """What is known of a vhost, of WHOLE or of NODE."""
        return self._long.get(thing)

    # ---- a round

    def _begin(self) -> None:
        self._number = self.node.clock.now_ms() // self.rounds.interval_ms
        self._work = self._round()
        self._go_on()

    def _go_on(self) -> None:
        clock = self.node.clock
        begun_ns = clock.now_ns()
        is_over = next(self._work, self) is self
        self.node.loop_watch.worked(begun_ns, clock.now_ns())
        now_ms = clock.now_ms()
        if is_over:
            due_ms = max((self._number + 1) * self.rounds.interval_ms, now_ms + PAUSE_MS)
            self.node.deadlines.add(due_ms, self._begin)
        else:
            self.node.deadlines.add(now_ms + PAUSE_MS, self._go_on)

    def _round(self) -> Iterator[None]:
        """One look at everything; what it finds counts from its end on."""
        vhosts = list(self.node.vhosts.values())
        self._active = 0
        self.ages.begin()
        octets = {vhost: (vhost.counters.received_bytes, vhost.counters.sent_bytes) for vhost in vhosts}
        yield from self._connections(octets)
        of_vhosts: list[Numbers] = []
        for vhost in vhosts:
            of_queues = yield from self._queues(vhost)
            yield from self._exchanges(vhost)
            of_vhosts.append(rows.vhost(vhost, of_queues, octets[vhost]))
            self._note_long(vhost, rows.VHOST, of_vhosts[-1], DAY if len(of_vhosts) <= VHOSTS_MAX else MINUTE)
        self._note_long(WHOLE, rows.OVERVIEW, self._overview(of_vhosts, vhosts), DAY)
        self._note_long(NODE, rows.NODE, self._of_node(), DAY)
        self._long = {thing: self._long[thing] for thing in (WHOLE, NODE, *vhosts)}
        self._series, self._found = self._found, {}
        self.ages.end()
        self.rounds = Rounds(self._number, self.rounds.last, self.rounds.interval_ms)

    def _queues(self, vhost: Vhost) -> Generator[None, None, Numbers]:
        """Notes the queues of a vhost; returns sums over those that were there at the beginning or before it."""
        sums = rows.gone(vhost.deleted_queues)
        every = list(vhost.queues.values())
        waiting = zip(every, [queue.counters for queue in every], strict=True)
        while some := list(islice(waiting, SLICE)):
            found = [rows.queue(queue, counters) for queue, counters in some]
            for (queue, _), numbers in zip(some, found, strict=True):
                if not queue.is_deleted:
                    self._note(queue, rows.QUEUE, numbers)
                    self.ages.see_queue(queue)
            sums = rows.total(rows.QUEUE, (sums, *found))
            yield
        return sums

    def _exchanges(self, vhost: Vhost) -> Iterator[None]:
        waiting = iter(list(vhost.table.exchanges.values()))
        while some := list(islice(waiting, SLICE)):
            for exchange in some:
                self._note(exchange, rows.EXCHANGE, rows.exchange(exchange))
            yield

    def _connections(self, octets: dict[Vhost, tuple[int, int]]) -> Iterator[None]:
        """Notes connections and channels; adds what connections have received and sent to `octets`."""
        publishers = work = 0
        for connection in list(self.node.connections.open):
            numbers = rows.connection(connection)
            self._note(connection, rows.CONNECTION, numbers)
            actor = connection.host.actor
            if actor is not None and actor.vhost in octets:
                received, sent = octets[actor.vhost]
                octets[actor.vhost] = (received + numbers[0], sent + numbers[1])
            work += 1
            for channel in list(connection.channels.values()):
                publishers += channel.publisher.published > 0
                self._note(channel, rows.CHANNEL, rows.channel(channel))
                work += 1 + self.ages.see_channel(channel, self.node.clock.now_ms())
                if work >= SLICE:
                    work = 0
                    yield
            if work >= SLICE:
                work = 0
                yield
        self.publishers = publishers

    def _overview(self, of_vhosts: Sequence[Numbers], vhosts: Sequence[Vhost]) -> Numbers:
        connections = self.node.connections
        return rows.overview(rows.total(rows.VHOST, of_vhosts), (connections.opened, connections.closed), vhosts)

    def _of_node(self) -> Numbers:
        log = self.node.journal.status()
        return (
            memory_used_bytes(), open_files(), len(self.node.connections.open), disk_free(self.node.config.data_dir),
            log.loads, log.loaded_bytes, log.commits, log.written_bytes, log.sync_ns.count,
        )  # fmt: skip

    # ---- what is kept

    def _note(self, thing: Any, layout: Layout, numbers: Numbers) -> None:
        """Keeps a thing's numbers; of what has never done anything there is nothing to keep."""
        row = layout.numbers.pack(*numbers)
        series = self._series.get(thing)
        if series is None:
            if row == layout.zero:
                return
            series = self._first(layout, row)
        series.add(self._number, row, self._keep())
        self._active += len(series) > 1
        self._found[thing] = series

    def _first(self, layout: Layout, row: bytes) -> Series:
        """A thing seen for the first time has begun with zeros since the last round; in the first one, nobody knows."""
        if self.rounds.last < 0:
            return Series(self._number, row, self._number)
        return Series(self.rounds.last, layout.zero)

    def _keep(self) -> int:
        if self._active < MINUTES_MAX:
            return TEN_MINUTES
        return ONE_MINUTE if self._active < MINUTE_MAX else TWO_ROUNDS

    def _note_long(self, thing: object, layout: Layout, numbers: Numbers, tiers: Sequence[Tier]) -> None:
        row = layout.numbers.pack(*numbers)
        series = self._long.get(thing)
        if series is None:
            is_first = self.rounds.last < 0
            begin = (self._number, row, self._number) if is_first else (self.rounds.last, layout.zero)
            series = self._long[thing] = LongSeries(tiers, *begin)
        series.add(self._number, row)
