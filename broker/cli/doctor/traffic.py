"""Checks of queues, connections and channels: what grows, what nobody reads, what leaks. Must not: ask the broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from broker.cli.doctor.findings import NOTE, WARNING, Facts, Finding, named, queue_names, rate_of

DEEP: Final = 10_000
MINUTE_MS: Final = 60_000
READY_MS_MAX: Final = 60 * MINUTE_MS
UNACKED_MS_MAX: Final = 30 * MINUTE_MS
UNACKED_MAX: Final = 10_000
CHANNELS_MAX: Final = 100
UNBOUNDED_UNACKED: Final = 1000
CHURN_PER_S: Final = 10.0
JUNK_MARKS: Final = ("celeryev.", ".celery.pidbox", ".reply.celery.pidbox")
REPLY_QUEUES_MAX: Final = 100
UUID_LENGTH: Final = 36
UUID_DASHES: Final = 4


def unread(facts: Facts) -> Iterator[Finding]:
    """Queues that nobody consumes from."""
    alone = [one for one in facts.queues if not one.get("consumers") and one.get("messages_ready")]
    growing = [one for one in alone if rate_of(one, "messages") > 0]
    if growing:
        text = f"Messages come into queues that nobody consumes from: {queue_names(growing)}."
        advice = "Start a consumer (a Celery worker with -Q), or limit them: brokerctl set_policy with message-ttl."
        yield Finding(WARNING, "queues", text, advice)
    deep = [one for one in alone if one["messages_ready"] >= DEEP and one not in growing]
    if deep:
        text = f"At least {DEEP} messages wait where nobody consumes: {queue_names(deep)}."
        yield Finding(WARNING, "queues", text, "Start a consumer, or brokerctl purge_queue if nobody needs them.")


def slow(facts: Facts) -> Iterator[Finding]:
    """Queues whose consumers do not keep up."""
    old = [one for one in facts.queues if one.get("consumers") and (one.get("oldest_ready_ms") or 0) > READY_MS_MAX]
    if old:
        text = f"Messages have waited for more than an hour, though somebody consumes: {queue_names(old)}."
        yield Finding(WARNING, "queues", text, "Add consumers, or see with brokerctl top which ones stand still.")


def unsettled(facts: Facts) -> Iterator[Finding]:
    """Messages that consumers keep."""
    old = [one for one in facts.queues if (one.get("oldest_unacknowledged_ms") or 0) > UNACKED_MS_MAX]
    if old:
        text = f"Consumers have kept messages for more than half an hour without an answer: {queue_names(old)}."
        advice = "Tasks that long, tasks with an ETA, or a consumer that hangs: brokerctl list_channels shows whose."
        yield Finding(WARNING, "unacknowledged", text, advice)
    many = [one for one in facts.queues if one.get("messages_unacknowledged", 0) > UNACKED_MAX]
    if many:
        text = f"Consumers hold more than {UNACKED_MAX} unacknowledged messages: {queue_names(many)}."
        yield Finding(WARNING, "unacknowledged", text, "Set a prefetch count, or acknowledge what is done.")


def left_behind(facts: Facts) -> Iterator[Finding]:
    """Queues that Celery's workers and callers forgot."""
    alone = [
        one for one in facts.queues if not one.get("consumers") and "x-expires" not in (one.get("arguments") or {})
    ]
    junk = [one for one in alone if _is_junk(str(one["name"]))]
    if junk:
        text = f"Control and event queues of workers that have gone never end: {queue_names(junk)}."
        yield Finding(WARNING, "queues", text, "Delete them; set control_queue_expires and event_queue_expires.")
    replies = [one for one in alone if _is_uuid(str(one["name"]))]
    if len(replies) > REPLY_QUEUES_MAX:
        text = f"{len(replies)} queues for results have no reader and never end: {queue_names(replies)}."
        yield Finding(WARNING, "queues", text, "Set result_expires, or use result_backend rpc:// of a newer Celery.")


def _is_junk(name: str) -> bool:
    return name.startswith(JUNK_MARKS[0]) or name.endswith(JUNK_MARKS[1:])


def _is_uuid(name: str) -> bool:
    return len(name) == UUID_LENGTH and name.count("-") == UUID_DASHES


def heartbeats(facts: Facts) -> Iterator[Finding]:
    """Connections that may be dead without anybody noticing."""
    without = [one for one in facts.connections if one.get("timeout") == 0]
    if without:
        text = f"{len(without)} connections have no heartbeat: {_whose(without)}. If one breaks, nobody notices."
        yield Finding(WARNING, "connections", text, "Give clients a heartbeat (Celery: broker_heartbeat = 120).")


def leaks(facts: Facts) -> Iterator[Finding]:
    """Connections that open more channels than anybody uses, and channels without a limit."""
    leaking = [one for one in facts.connections if one.get("channels", 0) > CHANNELS_MAX]
    if leaking:
        text = f"Connections with more than {CHANNELS_MAX} channels: {_whose(leaking)}."
        yield Finding(WARNING, "channels", text, "Close channels after use, or keep one per thread.")
    endless = [one for one in facts.channels if _takes_all(one)]
    if endless:
        names = named(str(one.get("name")) for one in endless)
        text = f"Channels without a prefetch count hold more than {UNBOUNDED_UNACKED} messages: {names}."
        yield Finding(WARNING, "channels", text, "Set a prefetch count (basic.qos), so that others get their share.")


def _takes_all(channel: Mapping[str, Any]) -> bool:
    has_limit = channel.get("prefetch_count") or channel.get("global_prefetch_count")
    return not has_limit and channel.get("messages_unacknowledged", 0) > UNBOUNDED_UNACKED


def churn(facts: Facts) -> Iterator[Finding]:
    """Clients that connect for every message."""
    rates = facts.overview.get("churn_rates") or {}
    if (rate := rate_of(rates, "connection_created")) > CHURN_PER_S:
        text = f"{rate:.0f} connections are opened each second."
        yield Finding(WARNING, "connections", text, "Keep connections open; a pool (Celery: broker_pool_limit) does.")


def blocked(facts: Facts) -> Iterator[Finding]:
    """Publishers that are held up."""
    held = [one for one in facts.connections if str(one.get("state")) in ("blocked", "blocking")]
    if held:
        text = f"{len(held)} connections are blocked: {_whose(held)}."
        yield Finding(WARNING, "connections", text, "An alarm holds them; see above.")
    slowed = [one for one in facts.connections if str(one.get("state")) == "flow"]
    if slowed:
        text = f"{len(slowed)} publishers are slowed down, since consumers or the disk are behind: {_whose(slowed)}."
        yield Finding(NOTE, "connections", text, "Add consumers, or let it be: that is what flow control is for.")


def unroutable(facts: Facts) -> Iterator[Finding]:
    """Messages that go nowhere."""
    stats = facts.overview.get("message_stats") or {}
    if (rate := rate_of(stats, "drop_unroutable")) > 0:
        text = f"{rate:.1f} messages a second fit no binding and are dropped."
        yield Finding(
            WARNING, "routing", text, "Bind a queue for them, publish as mandatory, or set an alternate exchange."
        )


def _whose(connections: list[Mapping[str, Any]]) -> str:
    return named(f"{one.get('user')}@{one.get('peer_host')}:{one.get('peer_port')}" for one in connections)
