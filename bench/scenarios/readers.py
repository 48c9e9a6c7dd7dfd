"""A thousand readers of one stream: what each delivery costs the broker, and what each reader takes of its memory."""

from __future__ import annotations

import selectors
import socket
import struct
import time

from bench import processes
from bench.apart import Figures
from bench.brokers import Broker, rested
from bench.connection import FRAME_MAX, Control
from bench.frames import content, long, method, properties, short
from bench.scenarios.scenario import Measure, Scenario
from bench.settings import Settings

READERS = 1000
BODY_BYTES = 100
BEHIND = 20_000  # messages that were there before, for each of a hundred readers
BEHIND_READERS = 100
LIVE = 300  # messages for a thousand readers, published one at a time
PREFETCH = 100
QUEUE = "leveret-bench-stream"
STREAM = long(short("x-queue-type") + b"S" + long(b"stream"))
TAG = "r"
NO_WAIT = bytes([8])  # no consume-ok, which deliveries could follow
READ_BYTES = 1 << 18
WAIT_S = 120.0


class Reader:
    """One consumer on a connection of its own, which acknowledges what it has seen, many at a time."""

    def __init__(self, broker: Broker, offset: str, message_bytes: int) -> None:
        self.control = Control(broker.host, broker.port)
        self.sock: socket.socket = self.control.sock
        self.control.call(method(60, 10, struct.pack(">IHB", 0, PREFETCH, 0)), (60, 11))
        arguments = long(short("x-stream-offset") + b"S" + long(offset.encode()))
        self.sock.sendall(method(60, 20, b"\0\0" + short(QUEUE) + short(TAG) + NO_WAIT + arguments))
        self._message_bytes = message_bytes
        self._received = 0
        self._acked = 0

    def read(self) -> int:
        """Takes what has come; returns how many messages were new."""
        before = self._received // self._message_bytes
        self._received += len(self.sock.recv(READ_BYTES))
        seen = self._received // self._message_bytes
        if seen - self._acked >= PREFETCH // 2:
            self.sock.send(method(60, 80, struct.pack(">QB", seen, 1)))
            self._acked = seen
        return seen - before


def _delivery_bytes() -> int:
    """The frames of one delivery: all are of one size."""
    header = 12 + 2 + 4 + 25 + 1  # flags, the table's size, its entry, delivery mode
    deliver = 4 + len(short(TAG)) + 8 + 1 + len(short("")) + len(short(QUEUE))
    return 3 * 8 + deliver + header + BODY_BYTES


def _until(readers: list[Reader], expected: int) -> float:
    """Reads until all has come; returns the seconds that took."""
    begun = time.monotonic()
    missing = expected * len(readers)
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader.sock, selectors.EVENT_READ, reader)
        while missing:
            if time.monotonic() - begun > WAIT_S:
                raise RuntimeError(f"{missing} deliveries are missing")
            for key, _ in selector.select(1.0):
                missing -= key.data.read()
    return time.monotonic() - begun


def _publish(control: Control, count: int) -> None:
    message = content("", QUEUE, properties(True), b"x" * BODY_BYTES)
    control.sock.sendall(message * count)


def _measure(readers_count: int, offset: str, before: int, live: int) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        with rested(broker, settings) as fresh:
            return _run(fresh, readers_count, offset, before, live)

    return run


def _run(broker: Broker, readers_count: int, offset: str, before: int, live: int) -> Figures:
    control = Control(broker.host, broker.port)
    control.call(method(50, 10, b"\0\0" + short(QUEUE) + bytes([2]) + STREAM), (50, 11))
    for _ in range(before // 1000):
        _publish(control, 1000)
    while before and control.depth(QUEUE) != before:
        time.sleep(0.05)
    memory_mb = processes.memory_mb(broker.pids())
    cpu_s = processes.cpu_s(broker.pids())
    readers = [Reader(broker, offset, _delivery_bytes()) for _ in range(readers_count)]
    if not before:  # what it takes to connect is not what is measured
        cpu_s = processes.cpu_s(broker.pids())
    seconds = _until(readers, before) if before else 0.0
    for _ in range(live // 10):
        for _ in range(10):
            _publish(control, 1)
        seconds += _until(readers, 10)
    used_s, grown_mb = processes.cpu_s(broker.pids()), processes.memory_mb(broker.pids())
    for reader in readers:
        reader.control.close()
    control.delete(QUEUE)
    control.close()
    delivered = (before + live) * readers_count
    return {
        "rate": delivered / seconds,
        "cpu_us": (used_s - cpu_s) * 1e6 / delivered if used_s is not None and cpu_s is not None else None,
        "reader_memory_kb": (grown_mb - memory_mb) * 1000 / readers_count if grown_mb and memory_mb else None,
    }


assert PREFETCH * _delivery_bytes() < FRAME_MAX * 8
SHOWN = ("rate", "cpu_us", "reader_memory_kb")
SCENARIOS = [
    Scenario(
        "readers-live", "a stream, 1,000 readers at its end, messages one by one", shown=SHOWN,
        measure=_measure(READERS, "next", 0, LIVE), uses_disk=True, reps=1, is_usual=False,
    ),
    Scenario(
        "readers-behind", "a stream of 20,000, 100 readers from its beginning on", shown=SHOWN,
        measure=_measure(BEHIND_READERS, "first", BEHIND, 0), uses_disk=True, reps=1, is_usual=False,
    ),
]  # fmt: skip
