"""Infos as RabbitMQ's API writes them, with the fields that its clients read. Must not: look anything up.

What only Erlang has (reductions, processes, garbage collections of one process) is there with the value that means
nothing, since clients with fixed types would not read an answer without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from broker.introspection.infos import (
    ChannelInfo,
    ConnectionInfo,
    ConsumerInfo,
    ExchangeInfo,
    ListenerInfo,
    MessageStats,
    QueueInfo,
    VhostInfo,
)
from broker.introspection.rates import details as rates_in_json
from broker.management.answers import as_dict
from broker.management.endpoint import Json

NO_GARBAGE_COLLECTION: Final = {
    "fullsweep_after": 0, "max_heap_size": 0, "min_bin_vheap_size": 0, "min_heap_size": 0, "minor_gcs": 0,
}  # fmt: skip
LENGTHS: Final = ("messages", "messages_ready", "messages_unacknowledged")
OCTETS: Final = ("recv_oct", "send_oct")
CERTIFICATE: Final = (
    "peer_cert_issuer", "peer_cert_subject", "peer_cert_validity", "ssl_cipher", "ssl_hash", "ssl_key_exchange",
    "ssl_protocol",
)  # fmt: skip
ONLY_OVERVIEW: Final = ("publish_confirm", "routed")
STATS_OF_QUEUE: Final = (
    "ack", "dead_letter", "deliver", "deliver_no_ack", "delivery_limit", "drop_overflow", "expire", "get", "get_empty",
    "get_no_ack", "publish", "purge", "redeliver", "refuse_overflow", "reject", "requeue",
)  # fmt: skip
STATS_OF_CHANNEL: Final = (
    "ack", "confirm", "deliver", "deliver_no_ack", "drop_unroutable", "get", "get_empty", "get_no_ack", "publish",
    "redeliver", "return_unroutable",
)  # fmt: skip
STATS_OF_VHOST: Final = (*STATS_OF_QUEUE, "confirm", "drop_unroutable", "return_unroutable")

Details = Mapping[str, Any]  # by `field_details`


def rates_of(info: Any) -> Details:
    """The rates that an info has, as RabbitMQ writes them."""
    return rates_in_json(info.rates)


def with_details(values: Json, names: tuple[str, ...], details: Details) -> Json:
    """The values, and beside each of these names what is known of its change."""
    for name in names:
        if name in values:
            key = f"{name}_details"
            values[key] = details.get(key, {"rate": 0.0})
    return values


def message_stats(stats: MessageStats, names: tuple[str, ...], details: Details) -> Json:
    """What has happened to messages, with rates."""
    found = {name: getattr(stats, name) for name in names}
    found["deliver_get"] = stats.deliver_get
    return with_details(found, (*names, "deliver_get"), details)


def plain_fields(info: Any) -> Json:
    """The fields of an info without its rates."""
    fields = as_dict(info)
    fields.pop("rates", None)
    return fields


def queue(info: QueueInfo, details: Details | None = None) -> Json:
    """One queue."""
    details = rates_of(info) if details is None else details
    fields = plain_fields(info)
    owner = info.owner_pid_details
    fields["owner_pid_details"] = as_dict(owner) if owner is not None else None
    if owner is None:
        del fields["owner_pid_details"]
    if info.idle_since is None:
        del fields["idle_since"]
    for name in ("pace", "deduplication"):
        if fields[name] is None:
            del fields[name]
    del fields["stream"]
    if info.stream is not None:
        fields |= as_dict(info.stream) | {"readers": {info.node: info.consumers}}
    fields["message_stats"] = message_stats(info.message_stats, STATS_OF_QUEUE, details)
    with_details(fields, LENGTHS, details)
    persistent = info.messages if info.durable else 0
    fields |= {
        "messages_ready_ram": max(0, info.messages_ram - info.messages_unacknowledged),
        "messages_unacknowledged_ram": info.messages_unacknowledged,
        "messages_persistent": persistent,
        "message_bytes_persistent": info.message_bytes if info.durable else 0,
        "consumer_capacity": 1.0 if info.consumers else 0,
        "consumer_utilisation": 1.0 if info.consumers else 0,
        "memory": info.message_bytes_ram,
        "recoverable_slaves": None,
        "reductions": 0,
        "reductions_details": {"rate": 0.0},
        "garbage_collection": NO_GARBAGE_COLLECTION,
        "storage_version": 2,
        "leader": info.node,
        "members": [info.node],
        "online": [info.node],
    }
    return fields


WITHOUT_STATS: Final = (
    "arguments", "auto_delete", "durable", "exclusive", "name", "node", "policy", "state", "type", "vhost",
)  # fmt: skip


def queue_without_stats(fields: Json, with_totals: bool) -> Json:
    """What a queue is, and how many messages it has where that is asked for."""
    names = (*WITHOUT_STATS, *(LENGTHS if with_totals else ()))
    return {name: fields[name] for name in names if name in fields}


def connection(info: ConnectionInfo, details: Details | None = None) -> Json:
    """One connection."""
    details = rates_of(info) if details is None else details
    fields = with_details(plain_fields(info), OCTETS, details)
    name = info.client_properties.get("connection_name")
    for one in CERTIFICATE:
        fields.setdefault(one, None)
    if isinstance(name, str):
        fields["user_provided_name"] = name
    return fields | {
        "type": "network",
        "user_who_performed_action": info.user,
        "recv_cnt": 0,
        "send_cnt": 0,
        "send_pend": 0,
        "reductions": 0,
        "reductions_details": {"rate": 0.0},
        "garbage_collection": NO_GARBAGE_COLLECTION,
    }


def channel(info: ChannelInfo, details: Details | None = None) -> Json:
    """One channel."""
    details = rates_of(info) if details is None else details
    fields = plain_fields(info)
    fields["connection_details"] = as_dict(info.connection_details)
    fields["message_stats"] = message_stats(info.message_stats, STATS_OF_CHANNEL, details)
    return fields | {
        "user_who_performed_action": info.user,
        "pending_raft_commands": 0,
        "reductions": 0,
        "reductions_details": {"rate": 0.0},
        "garbage_collection": NO_GARBAGE_COLLECTION,
    }


def consumer(info: ConsumerInfo, node: str) -> Json:
    """One consumer."""
    fields = plain_fields(info)
    fields["queue"] = as_dict(info.queue)
    if info.offset is None:
        del fields["offset"], fields["lag"]
    fields["channel_details"] = as_dict(info.channel_details) | {"node": node}
    return fields


def exchange(info: ExchangeInfo, details: Details | None = None) -> Json:
    """One exchange."""
    details = rates_of(info) if details is None else details
    fields = plain_fields(info)
    stats = as_dict(info.message_stats)
    fields["message_stats"] = with_details(stats, ("publish_in", "publish_out"), details)
    is_ours = not info.name or info.name.startswith("amq.")
    if info.deduplication is None:
        del fields["deduplication"]
    fields["user_who_performed_action"] = "rmq-internal" if is_ours else ""
    return fields


def vhost(info: VhostInfo, node: str, details: Details | None = None) -> Json:
    """One vhost."""
    details = rates_of(info) if details is None else details
    fields = plain_fields(info)
    fields["message_stats"] = message_stats(info.message_stats, STATS_OF_VHOST, details)
    with_details(fields, (*LENGTHS, *OCTETS), details)
    description, tags = info.description, list(info.tags)
    fields |= {"tags": tags, "default_queue_type": info.default_queue_type or "undefined"}
    return fields | {
        "tracing": False,
        "cluster_state": {node: "running"},
        "metadata": {"description": description, "tags": tags},
    }


def listener(info: ListenerInfo, node: str) -> Json:
    """One address that is listened on."""
    return as_dict(info) | {
        "node": node,
        "socket_opts": {"backlog": 128, "nodelay": True, "exit_on_close": False, "linger": [True, 0]},
    }
