"""The one table of metrics: name, kind, help, labels and where each value comes from, named as RabbitMQ's are.

Here stands what is about the broker as a whole; `objects` has what exists once an object. The endpoint, docs/metrics.md
and the tests read the rows. Must not: render anything.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final

from broker.metrics.kinds import COUNTER, GAUGE, NO_DISTRIBUTIONS, HistogramMetric, LabelledMetric, Metric, Sources

PROTOCOL: Final = "amqp091"
QUEUE_TYPE: Final = "rabbit_classic_queue"
OF_PROTOCOL: Final = ("protocol",)
OF_QUEUE_TYPE: Final = ("protocol", "queue_type")
MS_PER_S: Final = 1000
NS_PER_S: Final = 1_000_000_000
LOG_STATES: Final = {"ok": 0, "full": 1, "failed": 2}


def _whole(name: str, kind: str, help: str, read: Callable[[Sources], float]) -> Metric:
    return Metric(name, kind, help, read)


def _global(name: str, help: str, read: Callable[[Sources], float], kind: str = COUNTER) -> Metric:
    end = "_total" if kind == COUNTER else ""
    return Metric(f"rabbitmq_global_{name}{end}", kind, help, read, OF_PROTOCOL, lambda _: (PROTOCOL,))


def _queued(name: str, help: str, read: Callable[[Sources], float]) -> Metric:
    return Metric(
        f"rabbitmq_global_messages_{name}_total", COUNTER, help, read, OF_QUEUE_TYPE, lambda _: (PROTOCOL, QUEUE_TYPE)
    )


def _log(name: str, kind: str, help: str, read: Callable[[Sources], float]) -> Metric:
    return Metric(f"leveret_log_{name}", kind, help, read)


def _alarm(name: str, help: str, read: Callable[[Sources], float]) -> Metric:
    return _whole(f"rabbitmq_alarms_{name}", GAUGE, help, read)


BUILD_LABELS: Final = (
    "rabbitmq_version", "prometheus_plugin_version", "prometheus_client_version", "erlang_version", "product_name",
    "product_version", "leveret_version", "python_version", "leveret_form",
)  # fmt: skip
IDENTITY_LABELS: Final = ("rabbitmq_node", "rabbitmq_cluster", "rabbitmq_cluster_permanent_id", "rabbitmq_endpoint")


LEFT_LABELS: Final = "queue_type dead_letter_strategy"


def _left(reason: str) -> Callable[[Sources], Mapping[tuple[str, ...], float]]:
    """What has left queues for that reason, a number for each type of queue and strategy."""
    return lambda sources: {(f"rabbit_{kind}_queue", strategy): number
                            for (kind, strategy, why), number in sources.left.items() if why == reason}  # fmt: skip


CLIENT_VERSION: Final = version("prometheus-client")  # once, since it is read from a file


def _build(sources: Sources) -> tuple[str, ...]:
    """There is no Erlang here, but dashboards have a column for what the broker runs on."""
    it, python = sources.overview, platform.python_version()
    return (
        it.rabbitmq_version, it.leveret_version, CLIENT_VERSION, f"Python {python}", it.product_name,
        it.product_version, it.leveret_version, python, it.leveret_form,
    )  # fmt: skip


def _identity(sources: Sources) -> tuple[str, ...]:
    it = sources.overview
    return it.node, it.cluster_name, it.cluster_name, sources.endpoint


def _first_expiry(sources: Sources) -> int:
    return min((one.not_after for one in sources.node.certificates), default=0)


METRICS: Final[tuple[Metric, ...]] = (
    Metric("rabbitmq_build_info", GAUGE, "Versions of the broker", lambda _: 1, BUILD_LABELS, _build),
    Metric("rabbitmq_identity_info", GAUGE, "Node and cluster identity", lambda _: 1, IDENTITY_LABELS, _identity),
    _whole("rabbitmq_connections", GAUGE, "Connections currently open", lambda s: s.overview.object_totals.connections),
    _whole("rabbitmq_channels", GAUGE, "Channels currently open", lambda s: s.overview.object_totals.channels),
    _whole("rabbitmq_consumers", GAUGE, "Consumers currently connected", lambda s: s.overview.object_totals.consumers),
    _whole("rabbitmq_queues", GAUGE, "Queues available", lambda s: s.overview.object_totals.queues),
    _whole("rabbitmq_connections_opened_total", COUNTER, "Connections opened",
           lambda s: s.overview.churn_rates.connection_created),
    _whole("rabbitmq_connections_closed_total", COUNTER, "Connections closed or lost",
           lambda s: s.overview.churn_rates.connection_closed),
    _whole("rabbitmq_channels_opened_total", COUNTER, "Channels opened",
           lambda s: s.overview.churn_rates.channel_created),
    _whole("rabbitmq_channels_closed_total", COUNTER, "Channels closed",
           lambda s: s.overview.churn_rates.channel_closed),
    _whole("rabbitmq_queues_declared_total", COUNTER, "Queue declarations answered, of queues new or not",
           lambda s: s.overview.churn_rates.queue_declared),
    _whole("rabbitmq_queues_created_total", COUNTER, "Queues created", lambda s: s.overview.churn_rates.queue_created),
    _whole("rabbitmq_queues_deleted_total", COUNTER, "Queues deleted", lambda s: s.overview.churn_rates.queue_deleted),
    _global("messages_received", "Messages received from publishers", lambda s: s.overview.message_stats.publish),
    _global("messages_received_confirm", "Messages received on channels in confirm mode",
            lambda s: s.overview.message_stats.publish_confirm),
    _global("messages_routed", "Messages routed to at least one queue", lambda s: s.overview.message_stats.routed),
    _global("messages_unroutable_dropped", "Messages dropped because no queue was bound and they were not mandatory",
            lambda s: s.overview.message_stats.drop_unroutable),
    _global("messages_unroutable_returned", "Mandatory messages returned because no queue was bound",
            lambda s: s.overview.message_stats.return_unroutable),
    _global("messages_confirmed", "Messages confirmed to publishers", lambda s: s.overview.message_stats.confirm),
    _whole("leveret_consumer_timeouts_total", COUNTER, "Deliveries that were not acknowledged in time",
           lambda s: s.overview.message_stats.consumer_timeout),
    _global("publishers", "Channels that have published something", lambda s: s.overview.publishers, GAUGE),
    _global("consumers", "Consumers currently connected", lambda s: s.overview.object_totals.consumers, GAUGE),
    _queued("delivered", "Messages given to consumers and by basic.get",
            lambda s: s.overview.message_stats.deliver_get),
    _queued("delivered_consume_manual_ack", "Messages given to consumers that acknowledge",
            lambda s: s.overview.message_stats.deliver),
    _queued("delivered_consume_auto_ack", "Messages given to consumers that do not acknowledge",
            lambda s: s.overview.message_stats.deliver_no_ack),
    _queued("delivered_get_manual_ack", "Messages given by basic.get that are to be acknowledged",
            lambda s: s.overview.message_stats.get),
    _queued("delivered_get_auto_ack", "Messages given by basic.get that are not acknowledged",
            lambda s: s.overview.message_stats.get_no_ack),
    _queued("get_empty", "basic.get that found no message", lambda s: s.overview.message_stats.get_empty),
    _queued("redelivered", "Messages delivered again", lambda s: s.overview.message_stats.redeliver),
    _queued("acknowledged", "Messages acknowledged", lambda s: s.overview.message_stats.ack),
    _alarm("memory_used_watermark", "Is 1 while the memory alarm is on", lambda s: s.node.mem_alarm),
    _alarm("free_disk_space_watermark", "Is 1 while the disk alarm is on", lambda s: s.node.disk_free_alarm),
    _alarm("file_descriptor_limit", "Is 1 while there are no file descriptors left for connections",
           lambda s: s.node.fd_used >= s.node.fd_total),
    _whole("leveret_alarms_log", GAUGE, "Is 1 while the log cannot be written", lambda s: s.node.log_alarm),
    _whole("rabbitmq_process_resident_memory_bytes", GAUGE, "Memory used, in bytes", lambda s: s.node.mem_used),
    _whole("rabbitmq_resident_memory_limit_bytes", GAUGE, "Memory at which publishers are paused, in bytes",
           lambda s: s.node.mem_limit),
    _whole("rabbitmq_disk_space_available_bytes", GAUGE, "Free space under the data folder, in bytes",
           lambda s: s.node.disk_free),
    _whole("rabbitmq_disk_space_available_limit_bytes", GAUGE, "Free space below which publishers are paused, in bytes",
           lambda s: s.node.disk_free_limit),
    _whole("rabbitmq_io_write_ops_total", COUNTER, "Writes to the log", lambda s: s.node.log.commits),
    _whole("rabbitmq_io_write_bytes_total", COUNTER, "Bytes written to the log", lambda s: s.node.log.written_bytes),
    _whole("rabbitmq_io_sync_ops_total", COUNTER, "Syncs of the log", lambda s: s.node.log.sync_ns.count),
    _whole("rabbitmq_io_sync_time_seconds_total", COUNTER, "Time that syncs of the log took",
           lambda s: s.node.log.sync_ns.total / NS_PER_S),
    _whole("rabbitmq_io_read_ops_total", COUNTER, "Reads of waiting messages from the log", lambda s: s.node.log.loads),
    _whole("rabbitmq_io_read_bytes_total", COUNTER, "Bytes of waiting messages read from the log",
           lambda s: s.node.log.loaded_bytes),
    _log("state", GAUGE, "Is 0 while the log can be written, 1 while its disk is full, 2 once it has failed",
         lambda s: LOG_STATES[s.node.log.state]),
    _log("size_bytes", GAUGE, "Size of the log on disk", lambda s: s.node.log.log_bytes),
    _log("live_bytes", GAUGE, "About what of the log is still needed", lambda s: s.node.log.live_bytes),
    _log("dead_bytes", GAUGE, "The rest of it, which compaction gives back",
         lambda s: max(0, s.node.log.log_bytes - s.node.log.live_bytes)),
    _log("segments", GAUGE, "Files the log has", lambda s: s.node.log.segments),
    _log("written_position", GAUGE, "Position up to which the log is written", lambda s: s.node.log.written),
    _log("durable_position", GAUGE, "Position up to which the log counts as being on the disk",
         lambda s: s.node.log.durable),
    _log("backlog_bytes", GAUGE, "Bytes appended to the log and not written yet", lambda s: s.node.log.backlog_bytes),
    _log("entries_appended_total", COUNTER, "Entries appended: publishes of one or more messages",
         lambda s: s.node.log.appended_entries),
    _log("messages_loaded_total", COUNTER, "Waiting messages read back from the log",
         lambda s: s.node.log.loaded_messages),
    _log("segments_deleted_total", COUNTER, "Files deleted because nothing in them was needed any more",
         lambda s: s.node.log.deleted_segments),
    _log("segments_compacted_total", COUNTER, "Files of which what was needed has been copied, to delete the rest",
         lambda s: s.node.log.compacted_segments),
    _log("compacted_bytes_total", COUNTER, "Bytes copied for that", lambda s: s.node.log.compacted_bytes),
    _log("damaged_records_total", COUNTER, "Pieces of damage found in the log, at the start and when reading",
         lambda s: s.node.log.damaged_records),
    _log("damaged_bytes_total", COUNTER, "Bytes of the log that were damaged", lambda s: s.node.log.damaged_bytes),
    _log("kept_segments", GAUGE, "Files in which nothing waits, kept so that queues can be rewound",
         lambda s: s.node.log.kept_segments),
    _log("kept_bytes", GAUGE, "Bytes of such files", lambda s: s.node.log.kept_bytes),
    _whole("leveret_queue_memory_bytes", GAUGE, "Memory that waiting messages of durable queues take",
           lambda s: s.node.queue_mem_used),
    _whole("leveret_queue_memory_limit_bytes", GAUGE, "Memory that they may take; more is on disk only",
           lambda s: s.node.queue_mem_limit),
    _whole("leveret_held_messages_held_total", COUNTER, "Messages that were held until a time",
           lambda s: s.node.held.held),
    _whole("leveret_held_messages_released_total", COUNTER, "Held messages that were let go, mostly when they were due",
           lambda s: s.node.held.released),
    _whole("leveret_held_messages_cancelled_total", COUNTER, "Held messages that somebody dropped",
           lambda s: s.node.held.cancelled),
    _whole("leveret_held_messages_dropped_total", COUNTER, "Held messages that nobody was there for when they were due",
           lambda s: s.node.held.dropped),
    _whole("leveret_held_messages_lost_total", COUNTER, "Held messages that could not be read back from the disk",
           lambda s: s.node.held.lost),
    _whole("leveret_held_times_unreadable_total", COUNTER, "Messages that were not held, since nobody could read until "
           "when", lambda s: s.node.held.unreadable),
    _whole("leveret_connections_flow", GAUGE, "Connections slowed down in the last seconds, since consumers or the "
           "disk are behind what they publish", lambda s: s.node.connections_flow),
    _whole("leveret_flow_total", COUNTER, "How often a publisher had to wait for consumers or the disk",
           lambda s: s.node.flow_total),
    _whole("leveret_loop_longest_stall_seconds", GAUGE, "Longest time that the event loop was busy in one go, in the "
           "last minute", lambda s: s.node.loop.longest_ns_last_minute / NS_PER_S),
    _whole("leveret_loop_longest_stall_ever_seconds", GAUGE, "The same since the start",
           lambda s: s.node.loop.longest_ns / NS_PER_S),
    _whole("leveret_certificate_expiry_timestamp_seconds", GAUGE, "When the first of the certificates in use for TLS "
           "expires, in seconds since 1970; 0 without TLS", lambda s: _first_expiry(s) / MS_PER_S),
    _whole("leveret_certificate_reloads_failed_total", COUNTER, "How often changed certificates could not be used",
           lambda s: s.node.certificate_reloads_failed),
    _whole("leveret_queues_changed_total", COUNTER, "Changes of a queue's arguments in place", lambda s: s.changed[0]),
    _whole("leveret_redeclarations_accepted_total", COUNTER, "Redeclarations that differed and were accepted "
           "(redeclare = lenient)", lambda s: s.changed[1]),
    _whole("leveret_messages_unsorted", GAUGE, "Messages still to be sorted after a change of x-max-priority",
           lambda s: s.changed[2]),
    _whole("leveret_jobs_running", GAUGE, "Jobs that move, copy, replay or rewind messages and have not ended",
           lambda s: s.jobs_running),
    _whole("rabbitmq_process_open_fds", GAUGE, "Open file descriptors", lambda s: s.node.fd_used),
    _whole("rabbitmq_process_max_fds", GAUGE, "Most file descriptors that may be open", lambda s: s.node.fd_total),
    _whole("rabbitmq_process_open_tcp_sockets", GAUGE, "Open TCP sockets of clients",
           lambda s: s.overview.object_totals.connections),
    _whole("rabbitmq_process_max_tcp_sockets", GAUGE, "Most TCP sockets that may be open", lambda s: s.node.fd_total),
    _whole("rabbitmq_erlang_uptime_seconds", GAUGE, "Time since the start; named as dashboards expect it",
           lambda s: s.overview.uptime / MS_PER_S),
    _whole("process_resident_memory_bytes", GAUGE, "Memory used, in bytes", lambda s: s.node.mem_used),
    _whole("process_cpu_seconds_total", COUNTER, "User and system time used, in seconds",
           lambda _: time.process_time()),
)  # fmt: skip

_LEFT: Final = tuple(
    LabelledMetric(f"rabbitmq_global_messages_dead_lettered_{reason}_total", COUNTER, help, LEFT_LABELS, _left(reason))
    for reason, help in (
        ("expired", "Messages that left a queue since their time was over"),
        ("rejected", "Messages that left a queue since a consumer refused them"),
        ("maxlen", "Messages that left a queue, or did not come in, since it was too long"),
        ("delivery_limit", "Messages that left a queue since they had come back too often"),
        ("confirmed", "Messages that had to arrive at their dead letter exchange's queues, and have"),
    )
)
LABELLED_METRICS: Final[tuple[LabelledMetric, ...]] = (
    LabelledMetric("leveret_held_messages", GAUGE, "Messages held until a time", "reason",
                   lambda s: s.node.held.by_reason),
    LabelledMetric("rabbitmq_auth_attempts_total", COUNTER, "Logins", "protocol",
                   lambda s: {name: sum(both) for name, both in s.logins.items()}),
    LabelledMetric("rabbitmq_auth_attempts_succeeded_total", COUNTER, "Logins that succeeded", "protocol",
                   lambda s: {name: succeeded for name, (succeeded, _) in s.logins.items()}),
    LabelledMetric("rabbitmq_auth_attempts_failed_total", COUNTER, "Logins that failed", "protocol",
                   lambda s: {name: failed for name, (_, failed) in s.logins.items()}),
    LabelledMetric("leveret_messages_moved_total", COUNTER, "Messages that jobs have moved, copied, replayed and "
                   "rewound", "job", lambda s: dict(s.moved)),
    *_LEFT,
)  # fmt: skip
HISTOGRAM_METRICS: Final[tuple[HistogramMetric, ...]] = (
    HistogramMetric("rabbitmq_message_size_bytes", "Size of messages received from publishers",
                    lambda s: {PROTOCOL: s.overview.message_sizes}, label="protocol"),
    HistogramMetric("leveret_log_sync_seconds", "How long syncs of the log took", lambda s: {"": s.node.log.sync_ns},
                    NS_PER_S),
    HistogramMetric("leveret_log_commit_bytes", "How much one write of the log held: all that had come since the last",
                    lambda s: {"": s.node.log.commit_bytes}),
    HistogramMetric("leveret_loop_stall_seconds", "How long the event loop was busy in one go, where that was at least "
                    "a millisecond", lambda s: {"": s.node.loop.stall_ns}, NS_PER_S),
    HistogramMetric("leveret_held_late_seconds", "How long after they were due held messages were let go",
                    lambda s: {"": s.node.held.late_ms}, MS_PER_S),
    HistogramMetric("leveret_task_wait_seconds", "How long Celery tasks were ready before they were delivered for the "
                    "first time; with the setting task_wait_metrics only", lambda s: s.task_waits or NO_DISTRIBUTIONS,
                    MS_PER_S, label="task"),
)  # fmt: skip
