"""Columns of brokerctl's lists: rabbitmqctl's names, and where the HTTP API has them. Must not: ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

QUEUE: Final = (
    "name", "messages", "messages_ready", "messages_unacknowledged", "messages_persistent", "messages_ram",
    "messages_paged_out", "messages_held", "messages_unsorted", "messages_dlx", "message_bytes", "message_bytes_ready",
    "message_bytes_unacknowledged", "message_bytes_persistent", "message_bytes_ram", "message_bytes_paged_out",
    "consumers", "consumer_utilisation", "consumer_capacity", "type", "durable", "auto_delete", "exclusive",
    "arguments", "policy", "operator_policy", "effective_policy_definition", "state", "memory", "idle_since",
    "head_message_timestamp", "vhost", "node", "leader", "members", "online", "pid", "owner_pid",
    "exclusive_consumer_tag", "single_active_consumer_tag", "disk_reads", "disk_writes", "message_stats", "pace",
    "deduplication", "readers", "first_offset", "next_offset", "committed_offset", "lag",
)  # fmt: skip
EXCHANGE: Final = (
    "name", "type", "durable", "auto_delete", "internal", "arguments", "policy", "vhost", "message_stats",
    "deduplication",
)  # fmt: skip
BINDING: Final = (
    "source_name", "source_kind", "destination_name", "destination_kind", "routing_key", "arguments", "vhost",
)  # fmt: skip
CONNECTION: Final = (
    "user", "peer_host", "peer_port", "state", "name", "vhost", "host", "port", "protocol", "auth_mechanism", "ssl",
    "ssl_protocol", "ssl_key_exchange", "ssl_cipher", "ssl_hash", "peer_cert_subject", "peer_cert_issuer",
    "peer_cert_validity", "channels", "channel_max", "frame_max", "timeout", "connected_at", "recv_oct", "recv_cnt",
    "send_oct", "send_cnt", "send_pend", "client_properties", "node", "pid", "user_provided_name",
)  # fmt: skip
CHANNEL: Final = (
    "pid", "user", "consumer_count", "messages_unacknowledged", "name", "number", "connection", "vhost", "state",
    "confirm", "transactional", "messages_unconfirmed", "messages_uncommitted", "acks_uncommitted", "prefetch_count",
    "global_prefetch_count", "node",
)  # fmt: skip
CONSUMER: Final = (
    "queue_name", "channel_pid", "consumer_tag", "ack_required", "prefetch_count", "active", "activity_status",
    "exclusive", "arguments", "vhost", "user", "connection", "offset", "lag",
)  # fmt: skip
DEFAULT_COUNTS: Final = {QUEUE: 2, EXCHANGE: 2, BINDING: 6, CONNECTION: 4, CHANNEL: 4, CONSUMER: 7}

# Where the API has a column under another name. There are no Erlang processes; what names one is named by its name.
_QUEUE_PATHS: Final = {"owner_pid": "owner_pid_details.name", "pid": "node"}
_BINDING_PATHS: Final = {
    "source_name": "source", "destination_name": "destination", "destination_kind": "destination_type",
}  # fmt: skip
_CONNECTION_PATHS: Final = {"pid": "name", "user_provided_name": "client_properties.connection_name"}
_CHANNEL_PATHS: Final = {"pid": "name", "connection": "connection_details.name"}
_CONSUMER_PATHS: Final = {
    "queue_name": "queue.name", "vhost": "queue.vhost", "channel_pid": "channel_details.name",
    "user": "channel_details.user", "connection": "channel_details.connection_name",
}  # fmt: skip
_PATHS: Final = {
    QUEUE: _QUEUE_PATHS, BINDING: _BINDING_PATHS, CONNECTION: _CONNECTION_PATHS, CHANNEL: _CHANNEL_PATHS,
    CONSUMER: _CONSUMER_PATHS,
}  # fmt: skip
_CONSTANT: Final = {"source_kind": "exchange"}


def defaults(table: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that are shown where none are asked for, as rabbitmqctl's."""
    return tuple(table[: DEFAULT_COUNTS[tuple(table)]])


def needed(table: tuple[str, ...], columns: Sequence[str]) -> str:
    """What the API is asked for, so that it need not send the rest."""
    paths = _PATHS.get(table, {})
    return ",".join(dict.fromkeys(paths.get(column, column) for column in columns if column not in _CONSTANT))


def rows(
    table: tuple[str, ...], columns: Sequence[str], items: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Items of the API as rows of these columns."""
    paths = _PATHS.get(table, {})
    for item in items:
        yield {column: _CONSTANT.get(column) or _at(item, paths.get(column, column)) for column in columns}


def _at(item: Any, path: str) -> Any:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item
