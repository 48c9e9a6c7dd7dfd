"""Whether everybody gets their turn: the loop's longest stall while it is asked about much, and heartbeats in a flood.

The stalls are what brokerd itself exports, so other brokers have no such figures. Must not: run a flood itself.
"""

from __future__ import annotations

import http.client
import json
import math
import select
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import processes
from bench.apart import Figures
from bench.brokers import Broker, own_broker
from bench.connection import Control
from bench.frames import method, short, table
from bench.load import run_apart, start_apart
from bench.rig import Load
from bench.scenarios.scenario import BESIDE_LEAD_S, Scenario
from bench.settings import Settings

CONNECTIONS: Final = 1000
QUEUES: Final = 10_000
MEMORY: Final = "memory_after_mb"
PREFIX: Final = "leveret-bench-fair"
ROUNDS: Final = 3
PAGE: Final = 500
NS_PER_MS: Final = 1_000_000
EXCLUSIVE: Final = bytes([4])
HEARTBEAT_S: Final = 1
BEAT: Final = b"\x08\0\0\0\0\0\0\xce"
READ_BYTES: Final = 65536

DETAILED: Final = (
    "/metrics/detailed?family=queue_coarse_metrics&family=queue_metrics&family=queue_delivery_metrics"
    "&family=leveret_queue_metrics"
)


def _get(folder: Path, path: str) -> Any:
    """What the management socket answers."""
    connection = http.client.HTTPConnection("broker", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(folder / "brokerd.sock"))
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _counts(folder: Path) -> tuple[list[float], list[int], float]:
    """The bounds of stalls in ms, how many there were in each, and the longest ever."""
    loop = _get(folder, "/api/nodes")[0]["loop"]
    bounds = [bound / NS_PER_MS for bound in loop["stall_ns"]["bounds"]]
    return [*bounds, math.inf], loop["stall_ns"]["counts"], loop["longest_ns"] / NS_PER_MS


def _stall_ms(folder: Path, work: Callable[[], None]) -> float:
    """How long at most the loop stood still in one go while something was done, as exactly as the bounds tell it."""
    _, before, _ = _counts(folder)
    work()
    bounds, after, longest_ms = _counts(folder)
    new = [bound for bound, old, now in zip(bounds, before, after, strict=True) if now > old]
    return min(max(new, default=1.0), longest_ms) if new else 1.0


def _run(load: Load, broker: Broker) -> None:
    run_apart(load, broker.host, broker.port, [])


def _ask_everything(folder: Path, metrics_port: int, rounds: int = 1) -> None:
    for _ in range(rounds):
        _ask_once(folder, metrics_port)


def _ask_once(folder: Path, metrics_port: int) -> None:
    for path in ("/metrics", "/metrics/per-object", DETAILED):
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}{path}", timeout=60) as answer:
            answer.read()
    for path in ("/api/overview", "/api/nodes", "/api/vhosts", "/api/queues"):
        _get(folder, path)
    for what, count in (("queues", QUEUES), ("connections", CONNECTIONS)):
        for page in range(1, count // PAGE + 1):
            _get(folder, f"/api/{what}?page={page}&page_size={PAGE}")


def stalls(broker: Broker, settings: Settings) -> Figures:
    """The longest stalls with 10,000 queues and 1,000 connections; only for a broker of the bench's own."""
    if broker.daemon is None:
        return {"ask_stall_ms": None, "flood_stall_ms": None, MEMORY: None}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with own_broker(settings, "--metrics-port", str(port)) as fresh:
        assert fresh.folder is not None
        folder = fresh.folder
        opened = [Control(fresh.host, fresh.port) for _ in range(CONNECTIONS)]
        try:
            names = [short(f"leveret-bench-many-{at:05}") for at in range(QUEUES)]
            requests = [method(50, 10, b"\0\0" + name + EXCLUSIVE + table({})) for name in names]
            opened[0].call_all(requests, (50, 11))
            _ask_everything(folder, port)  # what is imported at the first question is not measured
            ask_ms = _stall_ms(folder, lambda: _ask_everything(folder, port, ROUNDS))
            flood = Load(prefix=PREFIX, seconds=settings.seconds)
            flood_ms = _stall_ms(folder, lambda: _run(flood, fresh))
            memory_mb = processes.memory_mb(fresh.pids())
        finally:
            for control in opened:
                control.close()
    return {"ask_stall_ms": ask_ms, "flood_stall_ms": flood_ms, MEMORY: memory_mb}


def heartbeats(broker: Broker, settings: Settings) -> Figures:
    """The longest time between two heartbeats that a connection with an interval of a second gets beside a flood.

    Raises: RuntimeError where it is cut.
    """
    control = Control(broker.host, broker.port, HEARTBEAT_S)
    load = Load(prefix=PREFIX, seconds=settings.seconds + 2 * BESIDE_LEAD_S)
    flood = start_apart(load, broker.host, broker.port, [])
    try:
        flood.wait_started()
        longest_s = _longest_silence_s(control.sock, time.monotonic() + settings.seconds)
        rate = flood.figures()["rate"]
        memory_mb = processes.memory_mb(broker.pids())
        return {"heartbeat_gap_ms": longest_s * 1000, "beside_rate": rate, MEMORY: memory_mb}
    finally:
        flood.stop()
        control.sock.close()


def _longest_silence_s(sock: socket.socket, until: float) -> float:
    last, longest = time.monotonic(), 0.0
    while last < until:
        if select.select([sock], [], [], 10 * HEARTBEAT_S)[0] and not sock.recv(READ_BYTES):
            raise RuntimeError("the broker has cut a connection that sends heartbeats")
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        sock.sendall(BEAT)
    return longest


SCENARIOS = [
    Scenario(
        "stalls",
        "the loop's longest stall, 10,000 queues and 1,000 connections: asked for everything; a pair at full speed",
        shown=("ask_stall_ms", "flood_stall_ms", MEMORY),
        measure=stalls,
    ),
    Scenario(
        "heartbeats",
        "heartbeats every half second beside a pair at full speed",
        shown=("heartbeat_gap_ms", "beside_rate", MEMORY),
        measure=heartbeats,
    ),
]
