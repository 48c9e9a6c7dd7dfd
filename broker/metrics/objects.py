"""The second part of the table: what exists once an object, and where RabbitMQ has it, once for all of them together.

Labels are RabbitMQ's; it calls a connection's process `channel` too, so does the label. Must not: render anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from broker.introspection.deduplication_infos import DeduplicationInfo
from broker.introspection.infos import ChannelInfo, ConnectionInfo, ExchangeInfo, QueueInfo, VhostInfo
from broker.introspection.pace_infos import PaceInfo
from broker.introspection.stream_infos import StreamInfo
from broker.metrics.kinds import COUNTER, GAUGE, ObjectKind, ObjectMetric, Sources
from broker.metrics.table import MS_PER_S

Total = Callable[[Sources], float | None]


def _queue(name: str, family: str, help: str, each: Callable[[QueueInfo], float | None],
           total: Total | None = None) -> ObjectMetric:  # fmt: skip
    return ObjectMetric(f"rabbitmq_queue_{name}", _kind(name), family, help, each, total)


def _ours(name: str, help: str, each: Callable[[QueueInfo], float | None], total: Total | None = None) -> ObjectMetric:
    return ObjectMetric(f"leveret_queue_{name}", _kind(name), "leveret_queue_metrics", help, each, total)


def _stream(name: str, help: str, each: Callable[[StreamInfo], float | None]) -> ObjectMetric:
    return _ours(f"stream_{name}", help, lambda it: each(it.stream) if it.stream is not None else None)


def _channel(name: str, family: str, help: str, each: Callable[[ChannelInfo], float | None],
             total: Total | None = None) -> ObjectMetric:  # fmt: skip
    return ObjectMetric(f"rabbitmq_{name}", _kind(name), family, help, each, total)


def _connection(name: str, family: str, help: str, each: Callable[[ConnectionInfo], float],
                total: Total | None = None) -> ObjectMetric:  # fmt: skip
    return ObjectMetric(f"rabbitmq_connection_{name}", _kind(name), family, help, each, total)


def _exchange(
    name: str, kind: str, family: str, help: str, each: Callable[[ExchangeInfo], float | None]
) -> ObjectMetric:
    return ObjectMetric(name, kind, family, help, each)


def _not_counted(_: ChannelInfo) -> None:
    """A channel does not count this by itself."""


def _kind(name: str) -> str:
    return COUNTER if name.endswith("_total") else GAUGE


def _seconds(age_ms: int | None) -> float | None:
    return None if age_ms is None else age_ms / MS_PER_S


def _per_second(pace: PaceInfo | None) -> float | None:
    if pace is None or not pace.rate_limit or not pace.rate_limit_period:
        return None
    return pace.rate_limit * MS_PER_S / pace.rate_limit_period


def _duplicates(info: DeduplicationInfo | None) -> float | None:
    return None if info is None else info.duplicates


QUEUE_ROWS: Final = (
    _queue("messages_ready", "queue_coarse_metrics", "Messages ready to be delivered to consumers",
           lambda it: it.messages_ready, lambda s: s.overview.queue_totals.messages_ready),
    _queue("messages_unacked", "queue_coarse_metrics", "Messages delivered to consumers but not yet acknowledged",
           lambda it: it.messages_unacknowledged, lambda s: s.overview.queue_totals.messages_unacknowledged),
    _queue("messages", "queue_coarse_metrics", "Sum of ready and unacknowledged messages",
           lambda it: it.messages, lambda s: s.overview.queue_totals.messages),
    _queue("consumers", "queue_consumer_count", "Consumers on a queue",
           lambda it: it.consumers, lambda s: s.overview.object_totals.consumers),
    _queue("messages_bytes", "queue_metrics", "Size of ready and unacknowledged message bodies",
           lambda it: it.message_bytes, lambda s: s.overview.queue_totals.message_bytes_ready
           + s.overview.queue_totals.message_bytes_unacknowledged),
    _queue("messages_ready_bytes", "queue_metrics", "Size of ready message bodies",
           lambda it: it.message_bytes_ready, lambda s: s.overview.queue_totals.message_bytes_ready),
    _queue("messages_unacked_bytes", "queue_metrics", "Size of unacknowledged message bodies",
           lambda it: it.message_bytes_unacknowledged, lambda s: s.overview.queue_totals.message_bytes_unacknowledged),
    _queue("messages_ram", "queue_metrics", "Ready and unacknowledged messages that are in memory",
           lambda it: it.messages_ram, lambda s: s.overview.queue_totals.messages_ram),
    _queue("messages_ram_bytes", "queue_metrics", "Size of ready and unacknowledged message bodies in memory",
           lambda it: it.message_bytes_ram, lambda s: s.overview.queue_totals.message_bytes_ram),
    _queue("messages_paged_out", "queue_metrics", "Ready messages that are on disk only",
           lambda it: it.messages_paged_out, lambda s: s.overview.queue_totals.messages_paged_out),
    _queue("messages_paged_out_bytes", "queue_metrics", "Size of message bodies that are on disk only",
           lambda it: it.message_bytes_paged_out, lambda s: s.overview.queue_totals.message_bytes_paged_out),
    _ours("messages_held", "Messages held until a time, when they come into the queue", lambda it: it.messages_held),
    _queue("head_message_timestamp", "queue_metrics", "The timestamp that the publisher gave the first ready message, "
           "in seconds since 1970; no line where it gave none", lambda it: it.head_message_timestamp),
    _queue("messages_delivered_ack_total", "queue_delivery_metrics", "Messages given to consumers that acknowledge",
           lambda it: it.message_stats.deliver),
    _queue("messages_delivered_total", "queue_delivery_metrics", "Messages given to consumers that do not acknowledge",
           lambda it: it.message_stats.deliver_no_ack),
    _queue("get_ack_total", "queue_delivery_metrics", "Messages given by basic.get that are to be acknowledged",
           lambda it: it.message_stats.get),
    _queue("get_total", "queue_delivery_metrics", "Messages given by basic.get that are not acknowledged",
           lambda it: it.message_stats.get_no_ack),
    _queue("get_empty_total", "queue_delivery_metrics", "basic.get that found no message",
           lambda it: it.message_stats.get_empty),
    _queue("messages_redelivered_total", "queue_delivery_metrics", "Messages delivered again",
           lambda it: it.message_stats.redeliver),
    _queue("messages_acked_total", "queue_delivery_metrics", "Messages acknowledged", lambda it: it.message_stats.ack),
    _ours("messages_published_total", "Messages that came into a queue", lambda it: it.message_stats.publish),
    _ours("messages_expired_total", "Messages dropped because they were too old", lambda it: it.message_stats.expire),
    _ours("messages_overflowed_total", "Messages dropped from the front because the queue was too long",
          lambda it: it.message_stats.drop_overflow),
    _ours("publishes_refused_total", "Messages refused because the queue was full",
          lambda it: it.message_stats.refuse_overflow),
    _ours("messages_rejected_total", "Messages rejected, and not put back", lambda it: it.message_stats.reject),
    _ours("messages_requeued_total", "Messages put back", lambda it: it.message_stats.requeue),
    _ours("messages_dead_lettered_total", "Messages that went to a dead letter exchange",
          lambda it: it.message_stats.dead_letter),
    _ours("messages_over_delivery_limit_total", "Messages that had come back too often",
          lambda it: it.message_stats.delivery_limit),
    _ours("messages_dlx", "Dead letters that could not arrive yet, and are tried again", lambda it: it.messages_dlx),
    _ours("oldest_ready_seconds", "How long ago the oldest ready message was published; no line where there is none, "
          "and the total is the largest", lambda it: _seconds(it.oldest_ready_ms),
          lambda s: _seconds(s.overview.oldest_ready_ms)),
    _ours("oldest_unacked_seconds", "For how long at least the oldest unacknowledged message has been delivered, to "
          "the last round of sampling; the total is the largest", lambda it: _seconds(it.oldest_unacknowledged_ms),
          lambda s: _seconds(s.overview.oldest_unacknowledged_ms)),
    _ours("messages_deduplicated_total", "Messages not taken since their like was there; no line where that may be",
          lambda it: it.deduplication.duplicates if it.deduplication else None),
    _ours("concurrency_max", "Most messages that may be unacknowledged at a time; no line where there is no such limit",
          lambda it: it.pace.concurrency_max if it.pace else None),
    _ours("rate_limit_per_second", "Messages that may be handed out in a second; no line where there is no such limit",
          lambda it: _per_second(it.pace)),
    _ours("waits_for_pace", "Is 1 while messages are ready that concurrency or rate hold back; no line without limits",
          lambda it: float(it.pace.waits_for is not None) if it.pace else None),
    _stream("first_offset", "Offset of the oldest message that a stream retains", lambda it: it.first_offset),
    _stream("next_offset", "Offset that a stream's next message gets", lambda it: it.next_offset),
    _stream("lag_messages", "Messages that the reader of a stream that is furthest behind has not been given; no line "
            "without readers", lambda it: it.lag),
    _stream("cached_bytes", "About the memory that a stream's messages take, whoever reads them",
            lambda it: it.cached_bytes),
    _stream("chunk_loads_total", "Reads from the log for a stream's readers", lambda it: it.chunk_loads),
)  # fmt: skip

CHANNEL_ROWS: Final = (
    _channel("channel_consumers", "channel_metrics", "Consumers on a channel",
             lambda it: it.consumer_count, lambda s: s.overview.object_totals.consumers),
    _channel("channel_messages_unacked", "channel_metrics", "Delivered but not yet acknowledged messages",
             lambda it: it.messages_unacknowledged, lambda s: s.overview.queue_totals.messages_unacknowledged),
    _channel("channel_messages_unconfirmed", "channel_metrics", "Published but not yet confirmed messages",
             lambda it: it.messages_unconfirmed),
    _channel("channel_messages_uncommitted", "channel_metrics", "Messages of a transaction that is not committed yet",
             lambda it: it.messages_uncommitted),
    _channel("channel_acks_uncommitted", "channel_metrics",
             "Acknowledgements in a transaction that is not committed yet", lambda it: it.acks_uncommitted),
    _channel("consumer_prefetch", "channel_metrics", "Limit of unacknowledged messages for each new consumer",
             lambda it: it.prefetch_count),
    _channel("channel_prefetch", "channel_metrics", "Limit of unacknowledged messages for all consumers of a channel",
             lambda it: it.global_prefetch_count),
    _channel("channel_messages_published_total", "channel_exchange_metrics", "Messages published on a channel",
             lambda it: it.message_stats.publish, lambda s: s.overview.message_stats.publish),
    _channel("channel_messages_confirmed_total", "channel_exchange_metrics", "Messages confirmed on a channel",
             lambda it: it.message_stats.confirm, lambda s: s.overview.message_stats.confirm),
    _channel("channel_messages_unroutable_returned_total", "channel_exchange_metrics",
             "Mandatory messages that could not be routed and were returned",
             lambda it: it.message_stats.return_unroutable, lambda s: s.overview.message_stats.return_unroutable),
    _channel("channel_messages_delivered_ack_total", "channel_queue_metrics",
             "Messages given to the consumers of a channel", lambda it: it.message_stats.deliver,
             lambda s: s.overview.message_stats.deliver),
    _channel("channel_messages_delivered_total", "channel_queue_metrics",
             "Messages given to consumers that do not acknowledge; only the total", _not_counted,
             lambda s: s.overview.message_stats.deliver_no_ack),
    _channel("channel_messages_redelivered_total", "channel_queue_metrics",
             "Messages delivered again; only the total", _not_counted, lambda s: s.overview.message_stats.redeliver),
    _channel("channel_get_ack_total", "channel_queue_metrics",
             "Messages given by basic.get that are to be acknowledged; only the total", _not_counted,
             lambda s: s.overview.message_stats.get),
    _channel("channel_get_total", "channel_queue_metrics",
             "Messages given by basic.get that are not acknowledged; only the total", _not_counted,
             lambda s: s.overview.message_stats.get_no_ack),
    _channel("channel_get_empty_total", "channel_queue_metrics",
             "basic.get that found no message; only the total", _not_counted,
             lambda s: s.overview.message_stats.get_empty),
    _channel("channel_messages_unroutable_dropped_total", "channel_exchange_metrics",
             "Messages dropped because no queue was bound; only the total", _not_counted,
             lambda s: s.overview.message_stats.drop_unroutable),
    _channel("channel_messages_acked_total", "channel_queue_metrics", "Messages acknowledged on a channel",
             lambda it: it.message_stats.ack, lambda s: s.overview.message_stats.ack),
)  # fmt: skip

CONNECTION_ROWS: Final = (
    _connection("incoming_bytes_total", "connection_coarse_metrics", "Bytes received on a connection",
                lambda it: it.recv_oct, lambda s: s.overview.recv_oct),
    _connection("outgoing_bytes_total", "connection_coarse_metrics", "Bytes sent on a connection",
                lambda it: it.send_oct, lambda s: s.overview.send_oct),
    _connection("channels", "connection_metrics", "Channels on a connection",
                lambda it: it.channels, lambda s: s.overview.object_totals.channels),
)  # fmt: skip

EXCHANGE_ROWS: Final = (
    _exchange("rabbitmq_cluster_exchange_name", GAUGE, "exchange_names", "An exchange that is there", lambda _: 1),
    _exchange("leveret_exchange_messages_published_in_total", COUNTER, "exchange_metrics",
              "Messages published into an exchange", lambda it: it.message_stats.publish_in),
    _exchange("leveret_exchange_messages_published_out_total", COUNTER, "exchange_metrics",
              "Copies of them that queues got", lambda it: it.message_stats.publish_out),
    _exchange("leveret_exchange_messages_deduplicated_total", COUNTER, "exchange_metrics", "Messages that an exchange "
              "of type x-message-deduplication has kept out", lambda it: _duplicates(it.deduplication)),
    _exchange("leveret_exchange_deduplication_identities", GAUGE, "exchange_metrics", "Identities that such an "
              "exchange knows", lambda it: it.deduplication.identities if it.deduplication else None),
)  # fmt: skip

VHOST_ROWS: Final = (
    ObjectMetric("rabbitmq_cluster_vhost_status", GAUGE, "vhost_status", "Is 1 for each vhost that is there",
                 lambda _: 1),
)  # fmt: skip


def _of_queue(it: Any) -> tuple[str, ...]:
    assert isinstance(it, QueueInfo)
    return it.vhost, it.name


def _of_exchange(it: Any) -> tuple[str, ...]:
    assert isinstance(it, ExchangeInfo)
    return it.vhost, it.name or "", it.type


def _of_vhost(it: Any) -> tuple[str, ...]:
    assert isinstance(it, VhostInfo)
    return (it.name,)


def _by_name(it: Any) -> tuple[str, ...]:
    assert isinstance(it, ChannelInfo | ConnectionInfo)
    return (it.name,)


QUEUES: Final = ObjectKind("queue", ("vhost", "queue"), _of_queue, QUEUE_ROWS)
CHANNELS: Final = ObjectKind("channel", ("channel",), _by_name, CHANNEL_ROWS)
CONNECTIONS: Final = ObjectKind("connection", ("channel",), _by_name, CONNECTION_ROWS)
EXCHANGES: Final = ObjectKind("exchange", ("vhost", "exchange", "type"), _of_exchange, EXCHANGE_ROWS)
VHOSTS: Final = ObjectKind("vhost", ("vhost",), _of_vhost, VHOST_ROWS)
KINDS: Final = (QUEUES, CHANNELS, CONNECTIONS, EXCHANGES, VHOSTS)
PER_OBJECT: Final = (QUEUES, CHANNELS, CONNECTIONS)  # what /metrics/per-object tells apart

# What /metrics/detailed calls the groups of numbers that are about the broker as a whole.
WHOLE_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "connection_churn_metrics": (
        "rabbitmq_connections_opened_total", "rabbitmq_connections_closed_total", "rabbitmq_channels_opened_total",
        "rabbitmq_channels_closed_total", "rabbitmq_queues_declared_total", "rabbitmq_queues_created_total",
        "rabbitmq_queues_deleted_total",
    ),
    "auth_attempt_metrics": (
        "rabbitmq_auth_attempts_total", "rabbitmq_auth_attempts_succeeded_total", "rabbitmq_auth_attempts_failed_total",
    ),
    "node_coarse_metrics": (
        "rabbitmq_process_open_fds", "rabbitmq_process_open_tcp_sockets", "rabbitmq_process_resident_memory_bytes",
        "rabbitmq_disk_space_available_bytes",
    ),
    "node_metrics": (
        "rabbitmq_process_max_fds", "rabbitmq_process_max_tcp_sockets", "rabbitmq_resident_memory_limit_bytes",
        "rabbitmq_disk_space_available_limit_bytes", "rabbitmq_erlang_uptime_seconds",
    ),
    "node_persister_metrics": (
        "rabbitmq_io_read_ops_total", "rabbitmq_io_read_bytes_total", "rabbitmq_io_write_ops_total",
        "rabbitmq_io_write_bytes_total", "rabbitmq_io_sync_ops_total", "rabbitmq_io_sync_time_seconds_total",
    ),
}  # fmt: skip
ALWAYS: Final = ("rabbitmq_build_info", "rabbitmq_identity_info")  # without any prefix, at every path
PREFIXES: Final = {"rabbitmq_": "rabbitmq_detailed_", "leveret_": "leveret_detailed_"}
NOT_PREFIXED: Final = "rabbitmq_cluster_"  # names that are of /metrics/detailed only


def detailed_name(name: str) -> str:
    """What a metric is called at /metrics/detailed, so that whoever scrapes two paths does not count twice."""
    if name.startswith(NOT_PREFIXED):
        return name
    prefix = next(prefix for prefix in PREFIXES if name.startswith(prefix))
    return PREFIXES[prefix] + name.removeprefix(prefix)
