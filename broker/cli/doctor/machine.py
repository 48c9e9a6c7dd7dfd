"""Checks of the broker's process and machine: alarms, limits, disk, log, clock. Must not: ask the broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.cli.doctor.findings import ERROR, NOTE, WARNING, Facts, Finding

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
NS_PER_MS: Final = 1_000_000
NEAR: Final = 0.8
FILES_MIN: Final = 4096
DISK_FREE_MIN: Final = GIB
SLOW_SYNC_MS: Final = 50.0
LONG_TURN_MS: Final = 100.0
CLOCK_MS_MAX: Final = 2000
ALARMS: Final = (
    ("mem_alarm", "memory", "Consume what waits, give the process more memory, or raise memory_high_watermark."),
    ("disk_free_alarm", "disk", "Make room on the data folder's disk; publishers go on by themselves then."),
    ("log_alarm", "log", "The broker's log says what the disk answered; brokerctl status shows the reason."),
)


def alarms(facts: Facts) -> Iterator[Finding]:
    """Alarms that hold publishers up now."""
    for key, name, advice in ALARMS:
        if facts.node.get(key):
            yield Finding(ERROR, "alarms", f"The {name} alarm is on: publishers wait.", advice)


def memory(facts: Facts) -> Iterator[Finding]:
    """How near memory is to its alarm."""
    used, limit = facts.node.get("mem_used", 0), facts.node.get("mem_limit", 0)
    if limit and used > NEAR * limit and not facts.node.get("mem_alarm"):
        text = f"{used // MIB} MiB of memory are used; at {limit // MIB} MiB publishers are paused."
        yield Finding(WARNING, "memory", text, "Find what grows with brokerctl top, or give the broker more memory.")


def disk(facts: Facts) -> Iterator[Finding]:
    """How near the disk is to its alarm."""
    free, limit = facts.node.get("disk_free", DISK_FREE_MIN), facts.node.get("disk_free_limit", 0)
    if free < max(2 * limit, DISK_FREE_MIN) and not facts.node.get("disk_free_alarm"):
        text = f"{free // MIB} MiB are free under the data folder; at {limit // MIB} MiB publishers are paused."
        yield Finding(WARNING, "disk", text, "Make room, or move the data folder to a larger disk.")
    if not limit and "disk_free_limit" in facts.node:
        text = "Publishers are never paused for the disk: disk_free_min_bytes is 0."
        yield Finding(WARNING, "disk", text, "Set disk_free_min_bytes to at least what a busy minute writes.")


def open_files(facts: Facts) -> Iterator[Finding]:
    """How many connections the system will let in."""
    used, total = facts.node.get("fd_used", 0), facts.node.get("fd_total", 0)
    if total and used > NEAR * total:
        text = f"{used} of {total} open files are used: soon no client can connect."
        yield Finding(ERROR, "open files", text, "Raise the limit (ulimit -n, LimitNOFILE=), or close what leaks.")
    elif 0 < total < FILES_MIN:
        text = f"The process may open {total} files, and each connection is one."
        yield Finding(NOTE, "open files", text, "For more clients raise it: ulimit -n 65536, or LimitNOFILE=65536.")


def connection_limit(facts: Facts) -> Iterator[Finding]:
    """How near the settings' limit of connections is."""
    limit = int(facts.config.get("connections_max") or 0)
    count = facts.overview.get("object_totals", {}).get("connections", 0)
    if limit and count > NEAR * limit:
        text = f"There are {count} connections, and connections_max is {limit}."
        yield Finding(WARNING, "connections", text, "Raise connections_max, or let clients share connections.")


def log(facts: Facts) -> Iterator[Finding]:
    """The log of durable queues: whether it is whole, and what a confirm means."""
    held = facts.node.get("log")
    if not held:
        return
    if held.get("damaged_records"):
        text = f"{held['damaged_records']} records of the log were damaged when the broker started."
        yield Finding(WARNING, "log", text, "brokerctl log verify says whose messages stood there. Check the disk.")
    if (mode := held.get("fsync", "always")) != "always":
        text = f"fsync is {mode}: a message that was confirmed can be lost when the power goes."
        yield Finding(WARNING, "fsync", text, "Set fsync to always where messages must not be lost.")
    syncs, total_ns = sum(held["sync_ns"]["counts"]), held["sync_ns"]["total"]
    if syncs and (mean_ms := total_ns / syncs / NS_PER_MS) > SLOW_SYNC_MS:
        text = f"The disk takes {mean_ms:.0f} ms to make a write safe; no confirm comes sooner."
        yield Finding(WARNING, "disk", text, "Put the data folder on a local SSD, not on a network disk.")


def definitions(facts: Facts) -> Iterator[Finding]:
    """Whether definitions can be stored."""
    if trouble := facts.node.get("definitions_trouble"):
        text = f"Declarations, users and permissions cannot be stored: {trouble}."
        yield Finding(ERROR, "definitions", text, "Make room or mend the disk; it is tried again every second.")


def event_loop(facts: Facts) -> Iterator[Finding]:
    """Whether the broker stands still for clients to feel it."""
    longest_ms = (facts.node.get("loop") or {}).get("longest_ns_last_minute", 0) / NS_PER_MS
    if longest_ms > LONG_TURN_MS:
        text = f"In the last minute the broker was busy in one go for {longest_ms:.0f} ms; all clients waited."
        yield Finding(WARNING, "event loop", text, "Is the machine overloaded, swapping, or short of CPU?")


def clock(facts: Facts) -> Iterator[Finding]:
    """Whether the broker's clock and this machine's agree."""
    ahead_ms = 0 if facts.broker_ms is None else facts.broker_ms - facts.now_ms
    if abs(ahead_ms) > CLOCK_MS_MAX:
        text = f"The broker's clock and the one here differ by {abs(ahead_ms) / 1000:.0f} s."
        yield Finding(WARNING, "clock", text, "Run NTP on both: expiry and ETA of tasks depend on these clocks.")
