"""What brokerctl status tells people, from the API's overview and node. Must not: ask for them."""

from __future__ import annotations

from typing import Any, Final

MIB: Final = 1024 * 1024
NS_PER_MS: Final = 1_000_000
MS_PER_S: Final = 1000
ALARMS: Final = (("memory", "mem_alarm"), ("disk", "disk_free_alarm"), ("log", "log_alarm"))


def status_facts(overview: dict[str, Any], node: dict[str, Any]) -> list[tuple[str, object]]:
    """Names and values, line by line; what only Leveret tells is left out for another broker."""
    return [*_identity(overview, node), *_machine(node), *_log(node), *_contents(overview)]


def _identity(overview: dict[str, Any], node: dict[str, Any]) -> list[tuple[str, object]]:
    announced = f"{overview.get('product_name', 'RabbitMQ')} {overview.get('product_version', '')}".rstrip()
    ours = overview.get("leveret_version")
    facts: list[tuple[str, object]] = [
        ("Name", overview.get("cluster_name", "")),
        ("Version", f"Leveret {ours}, as {announced}" if ours else announced),
    ]
    if "leveret_form" in overview:
        facts.append(("Form", overview["leveret_form"]))
    facts.append(("Process", f"{node.get('os_pid', '')}, up {node.get('uptime', 0) // MS_PER_S} s"))
    if "data_dir" in node:
        facts.append(("Data folder", node["data_dir"]))
    return facts


def _machine(node: dict[str, Any]) -> list[tuple[str, object]]:
    alarms = [name for name, key in ALARMS if node.get(key)]
    return [
        ("Memory", f"{_mib(node['mem_used'])}, alarm at {_mib(node['mem_limit'])}"),
        ("Free disk", f"{_mib(node['disk_free'])}, alarm at {_mib(node['disk_free_limit'])}"),
        ("Open files", f"{node['fd_used']} of {node['fd_total']}"),
        ("Alarms", ", ".join(alarms) or "none"),
    ]


def _log(node: dict[str, Any]) -> list[tuple[str, object]]:
    """The log: whether it can be written, how large it is, and what has become of it since the start."""
    if "log" not in node:
        return []
    log, loop, syncs = node["log"], node["loop"], sum(node["log"]["sync_ns"]["counts"])
    mean_ms = log["sync_ns"]["total"] / max(1, syncs) / NS_PER_MS
    facts: list[tuple[str, object]] = [
        ("Log", f"{log['state']}{': ' if log['reason'] else ''}{log['reason']}"),
        ("Log size", f"{_mib(log['log_bytes'])}, {_mib(log['live_bytes'])} needed, {log['segments']} segments"),
        ("Log position", f"{log['written']} written, {log['durable']} durable, {log['backlog_bytes']} bytes to come"),
        ("Log writes", f"{log['appended_entries']} entries in {log['commits']} commits; fsync {log['fsync']}: {syncs}, "
                       f"{mean_ms:.2f} ms each"),
        ("Log reads", f"{log['loaded_messages']} messages, {_mib(log['loaded_bytes'])}"),
        ("Log room", f"{log['deleted_segments']} segments deleted, {log['compacted_segments']} compacted "
                     f"({_mib(log['compacted_bytes'])} copied)"),
        ("Log damage", f"{log['damaged_records']} records, {log['damaged_bytes']} bytes" if log["damaged_records"]
                       else "none"),
        ("Event loop", f"busy in one go for at most {loop['longest_ns_last_minute'] / NS_PER_MS:.1f} ms "
                       f"in the last minute, {loop['longest_ns'] / NS_PER_MS:.1f} ms ever"),
        ("Flow", f"{node['connections_flow']} connections slowed down, {node['flow_total']} times in all"),
        ("Queue memory", f"{_mib(node['queue_mem_used'])} of {_mib(node['queue_mem_limit'])}"),
    ]  # fmt: skip
    if node["definitions_trouble"]:
        facts.append(("Definitions", node["definitions_trouble"]))
    return facts


def _contents(overview: dict[str, Any]) -> list[tuple[str, object]]:
    totals, queues = overview["object_totals"], overview.get("queue_totals") or {}
    facts: list[tuple[str, object]] = [(name.capitalize(), totals[name]) for name in totals]
    on_disk = f"; {queues['messages_paged_out']} on disk only" if "messages_paged_out" in queues else ""
    facts.append(("Messages", f"{queues.get('messages', 0)}: {queues.get('messages_ready', 0)} ready, "
                              f"{queues.get('messages_unacknowledged', 0)} unacknowledged{on_disk}"))  # fmt: skip
    for listener in overview.get("listeners", ()):
        facts.append(("Listener", f"{listener['protocol']} on {listener['ip_address']}{_port(listener)}"))
    return facts


def _port(listener: dict[str, Any]) -> str:
    return f":{listener['port']}" if listener["port"] else ""


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.1f} MiB"
