"""Which numbers of each kind of thing are sampled, named as in RabbitMQ's HTTP API, and how they are read.

Must not: keep anything, or cost more than reading some counters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.connections.channel import Channel
from broker.connections.connection import Connection
from broker.introspection.series import Layout
from broker.queues.counters import QueueCounters
from broker.queues.queue import Queue
from broker.routing.exchange import Exchange
from broker.vhost import Vhost

Numbers = tuple[int, ...]

DELIVERED: Final = ("deliver", "deliver_no_ack", "get", "get_no_ack", "get_empty", "redeliver", "ack", "deliver_get")
LENGTHS: Final = ("messages", "messages_ready", "messages_unacknowledged")
CHURN: Final = (
    "connection_created", "connection_closed", "channel_created", "channel_closed", "queue_declared", "queue_created",
    "queue_deleted",
)  # fmt: skip
OCTETS: Final = ("recv_oct", "send_oct")
UNROUTED: Final = ("confirm", "return_unroutable", "drop_unroutable")
IO: Final = ("io_read_count", "io_read_bytes", "io_write_count", "io_write_bytes", "io_sync_count")
OF_PROCESS: Final = ("mem_used", "fd_used", "sockets_used", "disk_free", *IO)

QUEUE: Final = Layout(("publish", *DELIVERED, *LENGTHS))
EXCHANGE: Final = Layout(("publish_in", "publish_out"))
CONNECTION: Final = Layout(OCTETS)
CHANNEL: Final = Layout(("publish", "confirm", "return_unroutable", "deliver", "deliver_get", "ack"))
VHOST: Final = Layout((*QUEUE.fields, *UNROUTED, *OCTETS))
OVERVIEW: Final = Layout((*VHOST.fields, *CHURN))
NODE: Final = Layout(OF_PROCESS)


def queue(one: Queue, it: QueueCounters) -> Numbers:
    """What QUEUE names. Args: the counters are the queue's own; one that is deleted counts with all that are gone."""
    ready, unacked = one.ready.count, one.unacked
    deliver, no_ack, got, got_no_ack = it.delivered, it.delivered_no_ack, it.got, it.got_no_ack
    return (
        it.published, deliver, no_ack, got, got_no_ack, it.got_empty, it.redelivered, it.acked,
        deliver + no_ack + got + got_no_ack, ready + unacked, ready, unacked,
    )  # fmt: skip


def gone(it: QueueCounters) -> Numbers:
    """What QUEUE names, of queues that are not there any more."""
    delivered = it.delivered + it.delivered_no_ack + it.got + it.got_no_ack
    return (
        it.published, it.delivered, it.delivered_no_ack, it.got, it.got_no_ack, it.got_empty, it.redelivered, it.acked,
        delivered, 0, 0, 0,
    )  # fmt: skip


def exchange(one: Exchange) -> Numbers:
    """What EXCHANGE names."""
    return one.published_in, one.published_out


def connection(one: Connection) -> Numbers:
    """What CONNECTION names."""
    return one.received_bytes, one.output.total_bytes


def channel(one: Channel) -> Numbers:
    """What CHANNEL names."""
    publisher, delivered = one.publisher, one.context.delivered
    confirms = publisher.confirms
    confirmed = confirms.acked if confirms is not None else 0
    return publisher.published, confirmed, publisher.returned, delivered, delivered, one.acked


def vhost(one: Vhost, of_queues: Numbers, octets: Numbers) -> Numbers:
    """What VHOST names. Args: sums over its queues and its connections, those that are gone too."""
    it = one.counters
    return (it.published, *of_queues[1:], it.confirmed, it.returned, it.unroutable, *octets)


def overview(of_vhosts: Numbers, connections: tuple[int, int], vhosts: Iterable[Vhost]) -> Numbers:
    """What OVERVIEW names. Args: sums over all vhosts; connections opened and closed."""
    counters = [one.counters for one in vhosts]
    return (
        *of_vhosts, *connections,
        sum(it.channels_opened for it in counters), sum(it.channels_closed for it in counters),
        sum(it.queues_declared for it in counters), sum(it.queues_created for it in counters),
        sum(it.queues_deleted for it in counters),
    )  # fmt: skip


def total(layout: Layout, rows: Iterable[Numbers]) -> Numbers:
    """The sums of each column."""
    found = tuple(map(sum, zip(*rows, strict=True)))
    return found or (0,) * len(layout.fields)
