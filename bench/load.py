"""One load on one broker, in a process of its own: a specification in (JSON on stdin), figures out (JSON on stdout).

Must not: hold a hot loop (see `bench/wire.py`) or start a broker.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from bench import frames, processes, wire
from bench.arithmetic import per_message_us, percentile
from bench.connection import BrokerError, Control
from bench.frames import Stride

BLOCK_MESSAGES = 2000  # encoded ahead; a multiple of every number of keys and of priorities
STARTED = "started"
WHOLE_S = float("inf")  # for a load that has a number of messages to send
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Load:
    """What to do.

    `kind`: stream (full speed), flight (one message in flight), paced, publish (full speed, counted by confirms;
    consumers only with a prefetch) or drain (takes what is waiting in one queue).
    """

    kind: str = "stream"
    prefix: str = "leveret-bench"
    seconds: float = 3.0
    pairs: int = 1  # producers, each with its own queue and consumer
    fanout: int = 0  # queues behind one fanout exchange
    topic_bindings: int = 0  # behind one topic exchange, shared out over TOPIC_QUEUES
    size_bytes: int = 100
    persistent: bool = False
    confirms: int = 0  # most unconfirmed per producer; 0: none
    prefetch: int = 0  # 0: automatic acknowledgement
    priority_max: int = 0
    own_ids: bool = False  # every message has another message-id, as most applications' have
    unlike: bool = False  # every message has the properties of another Celery task
    rate: int = 0  # messages a second where paced
    messages: int = 0  # to publish, however long it takes, or to drain; 0: as many as there is time for
    first: int = 0  # number in its block of the first message to drain
    straggler_every: int = 0  # one message in so many goes to a second queue
    keeps: bool = False  # its queues are there already and stay


TOPIC_QUEUES = 10


def queue_name(prefix: str, at: int) -> str:
    """The name of a load's queue number `at`."""
    return f"{prefix}-{at:04}"


class Rig:
    """The queues, producers and consumers of one load on one broker."""

    def __init__(self, load: Load, host: str, port: int) -> None:
        self.load = load
        self._address = (host, port)
        self._sockets: list[Control] = []
        self._control = Control(host, port)
        self._acks = wire.AckFrames() if load.prefetch else None
        self.exchange = f"{load.prefix}-x" if load.fanout or load.topic_bindings else ""
        count = load.fanout or self._topic_queues or load.pairs
        self.queues = [queue_name(load.prefix, at) for at in range(count)]
        self.keys = [f"k.{at:04}.x" for at in range(load.topic_bindings)]
        self.heads = self._heads()

    def _heads(self) -> list[bytes]:
        """The property lists that take turns."""
        load = self.load
        if load.unlike:
            return [frames.celery_properties(at) for at in range(BLOCK_MESSAGES)]
        if load.own_ids:
            return [frames.properties(load.persistent, message_id=f"{at:036}") for at in range(BLOCK_MESSAGES)]
        priorities = range(load.priority_max + 1) if load.priority_max else [None]
        return [frames.properties(load.persistent, priority) for priority in priorities]

    @property
    def _topic_queues(self) -> int:
        return TOPIC_QUEUES if self.load.topic_bindings else 0

    def set_up(self) -> None:
        """Declares and binds."""
        control, load = self._control, self.load
        if load.keeps:
            return
        for queue in self.queues:
            control.declare(queue, load.persistent, load.priority_max)
        if load.fanout:
            control.declare_exchange(self.exchange, "fanout")
            control.bind_all([(queue, "") for queue in self.queues], self.exchange)
        if load.topic_bindings:
            control.declare_exchange(self.exchange, "topic")
            patterns = [f"*.{at:04}.#" for at in range(load.topic_bindings)]
            bindings = [(self.queues[at % TOPIC_QUEUES], pattern) for at, pattern in enumerate(patterns)]
            control.bind_all(bindings, self.exchange)

    def tear_down(self) -> None:
        """Deletes everything."""
        for opened in self._sockets:
            opened.close()
        if not self.load.keeps:
            for queue in self.queues:
                self._control.delete(queue)
            if self.exchange:
                self._control.delete_exchange(self.exchange)
        self._control.close()

    def connect(self) -> Control:
        """One more connection, closed by `tear_down`."""
        opened = Control(*self._address)
        self._sockets.append(opened)
        return opened

    def stride(self) -> Stride:
        """The layout of a delivery."""
        key = self.keys[0] if self.keys else "" if self.exchange else self.queues[0]
        return Stride(self.exchange, key, len(self.heads[0]), self.load.size_bytes)

    def consumers(self) -> list[wire.Consumer]:
        """One consumer per queue, on connections of their own."""
        stride, load = self.stride(), self.load
        result = []
        for at, queue in enumerate(self.queues):
            control = self.connect()
            control.consume(queue, acked=bool(load.prefetch), prefetch=load.prefetch)
            control.sock.setblocking(False)
            first, step = self._order(at)
            result.append(wire.Consumer(control.sock, stride, self._acks, first, step, BLOCK_MESSAGES))
        return result

    def _order(self, at: int) -> tuple[int, int]:
        """First body number of queue `at` and the step from one to the next; step 0 where there is no such order."""
        if self.load.topic_bindings:
            return at, TOPIC_QUEUES
        return 0, int(self.load.kind in ("stream", "publish") and not self.load.priority_max)

    def producers(self) -> list[wire.Producer]:
        """One producer per pair, or one for an exchange."""
        load = self.load
        targets = [self.keys or [""]] if self.exchange else [[queue] for queue in self.queues]
        if load.straggler_every:
            targets = [[queue_name(load.prefix, 1)] + self.queues * (load.straggler_every - 1)]
        result = []
        for keys in targets:
            control = self.connect()
            if load.confirms:
                control.select_confirms()
            control.sock.setblocking(False)
            block = frames.block(self.exchange, keys, self.heads, load.size_bytes, BLOCK_MESSAGES)
            result.append(wire.Producer(control.sock, block, BLOCK_MESSAGES, load.confirms, load.messages))
        return result

    def drain(self) -> tuple[wire.Consumer, int, tuple[int, int]]:
        """Takes waiting messages; returns the consumer, when it was begun (ns), and what `wire.drain` returns."""
        load, control = self.load, self.connect()
        step = 0 if load.straggler_every else 1
        consumer = wire.Consumer(control.sock, self.stride(), self._acks, load.first, step, BLOCK_MESSAGES)
        begun = time.monotonic_ns()
        control.consume(self.queues[0], acked=bool(load.prefetch), prefetch=load.prefetch)
        consumer.feed(control.take_unread())
        control.sock.setblocking(False)
        reached = wire.drain(consumer, load.messages, frames.method(60, 30, frames.short(frames.TAG) + b"\0"))
        control.synchronise()
        return consumer, begun, reached

    def single(self) -> tuple[socket.socket, bytes]:
        """A publisher's socket and one encoded message, for the loops that send one at a time."""
        body = frames.body(self.load.size_bytes, 0)
        return self.connect().sock, frames.content("", self.queues[0], self.heads[0], body)


def _stream(rig: Rig) -> Callable[[], Figures]:
    consumers, producers = rig.consumers(), rig.producers()

    def run() -> Figures:
        elapsed_s = wire.stream(producers, consumers, rig.load.fanout or 1, rig.load.seconds)
        messages = sum(consumer.count for consumer in consumers)
        return {"messages": messages, "rate": messages / elapsed_s}

    return run


def _publish(rig: Rig) -> Callable[[], Figures]:
    load = rig.load
    consumers, producers = rig.consumers() if load.prefetch else [], rig.producers()

    def run() -> Figures:
        elapsed_s = wire.stream(producers, consumers, int(bool(consumers)), WHOLE_S if load.messages else load.seconds)
        messages = sum(producer.sent for producer in producers)
        waits = [wait for producer in producers for wait in producer.waits_ns]
        return {"messages": messages, "rate": messages / elapsed_s, **latency(waits)}

    return run


def _drain(rig: Rig) -> Callable[[], Figures]:
    def run() -> Figures:
        consumer, begun, (at, count) = rig.drain()
        return {"messages": consumer.count, "rate": count * 1e9 / (at - begun)}

    return run


def _flight(rig: Rig) -> Callable[[], Figures]:
    consumer = rig.consumers()[0]
    sock, message = rig.single()

    def run() -> Figures:
        trips = wire.one_in_flight(sock, message, consumer, rig.load.seconds)
        return {"messages": len(trips), "rate": len(trips) * 1e9 / sum(trips), **latency(trips)}

    return run


def _paced(rig: Rig) -> Callable[[], Figures]:
    load = rig.load
    consumer = rig.consumers()[0]
    sock, message = rig.single()
    stamp_at = len(message) - 1 - load.size_bytes

    def run() -> Figures:
        latencies, late = wire.paced(sock, message, stamp_at, consumer, load.rate, load.seconds)
        figures: Figures = {"messages": len(latencies), "rate": load.rate, **latency(latencies)}
        since_sent = [whole - delay for whole, delay in zip(latencies, late, strict=True)]
        return figures | {f"sent_{name}": value for name, value in latency(since_sent).items()}

    return run


def latency(values_ns: Sequence[int]) -> Figures:
    """Percentiles in microseconds."""
    shares = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
    return {name: (percentile(values_ns, share) or 0) / 1000 for name, share in shares.items()}


KINDS = {"stream": _stream, "flight": _flight, "paced": _paced, "publish": _publish, "drain": _drain}


def run(load: Load, host: str, port: int, pids: list[int]) -> Figures:
    """Sets up, runs and cleans up one load; `pids` are the broker's processes, for its CPU time."""
    rig = Rig(load, host, port)
    try:
        rig.set_up()
        go = KINDS[load.kind](rig)
        print(STARTED, flush=True)
        broker_s, own_s = processes.cpu_s(pids), time.process_time()
        figures = go()
        own_us = per_message_us(time.process_time() - own_s, int(figures["messages"] or 0))
        after_s = processes.cpu_s(pids)
    finally:
        rig.tear_down()
    spent_s = after_s - broker_s if after_s is not None and broker_s is not None else None
    figures["cpu_us"] = per_message_us(spent_s, int(figures["messages"] or 0))
    return figures | {"generator_cpu_us": own_us}


class Process:
    """A load that runs in a process of its own."""

    def __init__(self, load: Load, host: str, port: int, pids: list[int]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin
        assert self._process.stdout
        self._out = self._process.stdout
        self._process.stdin.write(json.dumps({"load": asdict(load), "host": host, "port": port, "pids": pids}))
        self._process.stdin.close()
        self._is_started = False

    def wait_started(self) -> None:
        """Until everything is set up and the first message goes out. Raises: RuntimeError."""
        if not self._is_started and self._out.readline().strip() != STARTED:
            raise RuntimeError("the load did not start")
        self._is_started = True

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def figures(self) -> Figures:
        """Its results, once it has ended. Raises: RuntimeError where it failed."""
        self.wait_started()
        text = self._out.read()
        if self._process.wait():
            raise RuntimeError("the load failed")
        figures: Figures = json.loads(text)
        return figures

    def stop(self) -> None:
        """Ends it where it still runs."""
        if self.is_running():
            self._process.kill()
        self._process.wait()
        self._out.close()


def run_apart(load: Load, host: str, port: int, pids: list[int]) -> Figures:
    """Runs a load in a process of its own. Raises: RuntimeError."""
    process = Process(load, host, port, pids)
    try:
        return process.figures()
    finally:
        process.stop()


def main() -> int:
    """Runs the load described on stdin."""
    request = json.load(sys.stdin)
    try:
        figures = run(Load(**request["load"]), request["host"], request["port"], request["pids"])
    except (wire.Lost, BrokerError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
