"""One load on one broker, in a process of its own: a specification in (JSON on stdin), figures out (JSON on stdout).

Must not: hold a hot loop (see `bench/loops.py`) or start a broker.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from bench import loops, processes, wire
from bench.apart import STARTED, Figures, Process
from bench.arithmetic import per_message_us, percentile
from bench.connection import BrokerError
from bench.rig import Load, Rig

WHOLE_S = float("inf")  # for a load that has a number of messages to send


def _stream(rig: Rig) -> Callable[[], Figures]:
    consumers, producers = rig.consumers(), rig.producers()

    def run() -> Figures:
        elapsed_s = loops.stream(producers, consumers, rig.load.fanout or 1, rig.load.seconds)
        messages = sum(consumer.count for consumer in consumers)
        return {"messages": messages, "rate": messages / elapsed_s}

    return run


def _publish(rig: Rig) -> Callable[[], Figures]:
    load = rig.load
    consumers, producers = rig.consumers() if load.prefetch else [], rig.producers()

    def run() -> Figures:
        elapsed_s = loops.stream(producers, consumers, int(bool(consumers)), WHOLE_S if load.messages else load.seconds)
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
        trips = loops.one_in_flight(sock, message, consumer, rig.load.seconds)
        return {"messages": len(trips), "rate": len(trips) * 1e9 / sum(trips), **latency(trips)}

    return run


def _paced(rig: Rig) -> Callable[[], Figures]:
    load = rig.load
    consumer = rig.consumers()[0]
    sock, message = rig.single()
    stamp_at = len(message) - 1 - load.size_bytes

    def run() -> Figures:
        latencies, late = loops.paced(sock, message, stamp_at, consumer, load.rate, load.seconds)
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


def start_apart(load: Load, host: str, port: int, pids: list[int]) -> Process:
    """Starts a load in a process of its own."""
    return Process("bench.load", {"load": asdict(load), "host": host, "port": port, "pids": pids})


def run_apart(load: Load, host: str, port: int, pids: list[int]) -> Figures:
    """Runs a load in a process of its own. Raises: RuntimeError."""
    process = start_apart(load, host, port, pids)
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
