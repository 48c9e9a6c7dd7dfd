"""GET /api/nodes: what the process uses of the machine, with the fields that monitoring reads. Must not: measure."""

from __future__ import annotations

import os
from typing import Final

from starlette.types import ASGIApp

from broker.introspection.infos import Distribution, NodeInfo
from broker.management import shapes
from broker.management.answers import answer, as_dict
from broker.management.call import Call, not_found
from broker.management.endpoint import (
    ARRAY,
    FLAG,
    INTEGER,
    LISTING,
    OBJECT,
    RANGES,
    SHOWING,
    TEXT,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_values, listing
from broker.management.ranges import ranges_of
from broker.management.resources.overview import EXCHANGE_TYPES

NODE: Final = shape(
    "Node", "name running mem_used mem_limit mem_alarm disk_free disk_free_limit disk_free_alarm fd_used fd_total",
    name=TEXT, type=TEXT, running=FLAG, os_pid=TEXT, uptime=INTEGER, mem_used=INTEGER, mem_limit=INTEGER,
    mem_alarm=FLAG, disk_free=INTEGER, disk_free_limit=INTEGER, disk_free_alarm=FLAG, fd_used=INTEGER,
    fd_total=INTEGER, sockets_used=INTEGER, sockets_total=INTEGER, proc_used=INTEGER, proc_total=INTEGER,
    run_queue=INTEGER, partitions=ARRAY, processors=INTEGER, log=OBJECT, loop=OBJECT,
)  # fmt: skip
MEMORY: Final = shape("NodeMemory", "memory", memory=OBJECT)
IN_ERLANG: Final = (
    "atom", "binary", "code", "connection_channels", "connection_other", "connection_readers", "connection_writers",
    "metrics", "mgmt_db", "mnesia", "msg_index", "other_ets", "other_system", "plugins", "queue_slave_procs",
    "metadata_store", "metadata_store_ets", "quorum_ets", "quorum_queue_dlx_procs", "quorum_queue_procs",
    "stream_queue_coordinator_procs", "stream_queue_procs", "stream_queue_replica_reader_procs",
    "allocated_unused", "reserved_unallocated",
)  # fmt: skip
SAMPLED: Final = (
    "gc_num",
    "gc_bytes_reclaimed",
    "context_switches",
    "queue_index_read_count",
    "queue_index_write_count",
    "msg_store_read_count",
    "msg_store_write_count",
    "mnesia_disk_tx_count",
    "mnesia_ram_tx_count",
    "proc_used",
    "mem_used",
    "fd_used",
    "sockets_used",
    "disk_free",
)
MECHANISMS: Final = [
    {"name": name, "description": f"SASL {name} authentication mechanism", "enabled": True}
    for name in ("PLAIN", "AMQPLAIN")
]
COLLECTED: Final = (
    "connection_closed", "channel_closed", "consumer_deleted", "exchange_deleted", "queue_deleted", "vhost_deleted",
    "node_node_deleted", "channel_consumer_deleted",
)  # fmt: skip
# What a node of RabbitMQ has and a Python process has not: the value that means nothing.
ABSENT: Final[Json] = {
    "applications": [], "cluster_links": [], "contexts": [], "partitions": [], "enabled_plugins": [],
    "context_switches": 0, "gc_num": 0, "gc_bytes_reclaimed": 0, "proc_used": 0, "proc_total": 0, "run_queue": 0,
    "io_reopen_count": 0, "io_seek_count": 0, "io_seek_avg_time": 0.0, "io_read_avg_time": 0.0,
    "io_write_avg_time": 0.0, "mnesia_disk_tx_count": 0, "mnesia_ram_tx_count": 0, "queue_index_read_count": 0,
    "queue_index_write_count": 0, "msg_store_read_count": 0, "msg_store_write_count": 0, "net_ticktime": 60,
    "metrics_gc_queue_length": dict.fromkeys(COLLECTED, 0), "being_drained": False,
    "ra_open_file_metrics": {"ra_log_wal": 0, "ra_log_segment_writer": 0},
}  # fmt: skip


def shaped(call: Call) -> Json:
    """This node."""
    info = call.api.window.node()
    details = call.api.window.history.node(ranges_of(call))
    churn, log = as_dict(call.api.window.churn()), info.log
    sockets = call.api.window.connections(1, 1).total_count
    fields: Json = {**ABSENT, **shapes.plain_fields(info)}
    fields |= {
        "type": "disc", "os_pid": str(info.os_pid), "rates_mode": "basic", "mem_calculation_strategy": "rss",
        "processors": os.cpu_count() or 1, "sockets_used": sockets, "sockets_total": info.fd_total,
        "db_dir": info.data_dir, "config_files": [], "log_files": [], "exchange_types": EXCHANGE_TYPES,
        "auth_mechanisms": MECHANISMS, "io_read_count": log.loads, "io_read_bytes": log.loaded_bytes,
        "io_write_count": log.commits, "io_write_bytes": log.written_bytes, "io_sync_count": log.sync_ns.count,
        "io_sync_avg_time": _average_ms(log.sync_ns), "memory": _memory(info),
        **churn,
    }  # fmt: skip
    shapes.with_details(fields, (*SAMPLED, *churn, *_io(fields)), details)
    if not call.flag("memory"):
        del fields["memory"]
    return fields


def _io(fields: Json) -> tuple[str, ...]:
    return tuple(name for name in fields if name.startswith("io_"))


def _average_ms(of: Distribution) -> float:
    return round(of.total / of.count / 1e6, 3) if of.count else 0.0


def _memory(info: NodeInfo) -> Json:
    """Where the memory is, as far as that is known."""
    other = max(0, info.mem_used - info.queue_mem_used)
    whole = {"rss": info.mem_used, "allocated": info.mem_used, "erlang": info.mem_used}
    return {
        **dict.fromkeys(IN_ERLANG, 0), "queue_procs": info.queue_mem_used, "other_proc": other, "strategy": "rss",
        "total": whole,
    }  # fmt: skip


def check_name(call: Call) -> None:
    """Raises: Refused 404 unless the path names this node."""
    if call.part("node") != call.api.window.node_name:
        raise not_found()


async def nodes(call: Call) -> ASGIApp:
    """All nodes: this one."""
    fields = shaped(call)
    return await listing(call, await from_values([fields], lambda it: it))


async def node(call: Call) -> ASGIApp:
    """This node."""
    check_name(call)
    return answer(cut(shaped(call), columns_of(call)))


async def memory(call: Call) -> ASGIApp:
    """Where its memory is."""
    check_name(call)
    return answer({"memory": _memory(call.api.window.node())})


ENDPOINTS: Final = rows(
    Endpoint("GET", "/nodes", "node.see", nodes, "All nodes: this one", (*LISTING, *RANGES), answer=NODE.listing()),
    Endpoint("GET", "/nodes/{node}", "node.see", node, "This node", (*SHOWING, *RANGES), answer=NODE),
    Endpoint("GET", "/nodes/{node}/memory", "node.see", memory, "Where its memory is", answer=MEMORY),
)  # fmt: skip
