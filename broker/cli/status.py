"""brokerctl's status and stop. Must not: end the process itself; it asks the broker to."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, Final

import click

from broker.cli.context import Context, data_dir_option, json_option
from broker.cli.shown import cell
from broker.cli.socket_client import RefusedError

LOCK_FILE: Final = "brokerd.lock"
STOP_S_MAX: Final = 120.0
LOOK_EVERY_S: Final = 0.02
MIB: Final = 1024 * 1024
NS_PER_MS: Final = 1_000_000
ALARMS: Final = (("memory", "mem_alarm"), ("disk", "disk_free_alarm"), ("log", "log_alarm"))


def done(text: str, facts: dict[str, object], as_json: bool) -> None:
    """Says that it worked."""
    click.echo(json.dumps(facts) if as_json else text)


@click.command("status")
@json_option
@data_dir_option
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Show what the broker is, where it listens and what it holds."""
    client = context.client
    overview, node = client.get("/api/overview"), client.get("/api/nodes")[0]
    if as_json:
        click.echo(json.dumps({**overview, "node_details": node}, indent=2))
        return
    for name, value in _facts(overview, node):
        click.echo(f"{name:<16} {cell(value)}")


def _facts(overview: dict[str, Any], node: dict[str, Any]) -> list[tuple[str, str]]:
    totals, queues = overview["object_totals"], overview["queue_totals"]
    alarms = [name for name, key in ALARMS if node[key]]
    facts = [
        ("Name", overview["cluster_name"]),
        ("Version", f"Leveret {overview['leveret_version']}, as {overview['product_name']} "
                    f"{overview['product_version']}"),
        ("Form", overview["leveret_form"]),
        ("Process", f"{node['os_pid']}, up {node['uptime'] // 1000} s"),
        ("Data folder", node["data_dir"]),
        ("Memory", f"{node['mem_used'] // MIB} MiB, alarm at {node['mem_limit'] // MIB} MiB"),
        ("Free disk", f"{node['disk_free'] // MIB} MiB, alarm at {node['disk_free_limit'] // MIB} MiB"),
        ("Open files", f"{node['fd_used']} of {node['fd_total']}"),
        ("Alarms", ", ".join(alarms) or "none"),
    ]  # fmt: skip
    facts += _log_facts(node)
    facts += [(f"{name.capitalize()}", str(totals[name])) for name in totals]
    facts.append(("Messages", f"{queues['messages']}: {queues['messages_ready']} ready, "
                              f"{queues['messages_unacknowledged']} unacknowledged; "
                              f"{queues['messages_paged_out']} on disk only"))  # fmt: skip
    for listener in overview["listeners"]:
        port = f":{listener['port']}" if listener["port"] else ""
        facts.append(("Listener", f"{listener['protocol']} on {listener['ip_address']}{port}"))
    return facts


def _log_facts(node: dict[str, Any]) -> list[tuple[str, str]]:
    """The log: whether it can be written, how large it is, and what has become of it since the start."""
    log, loop, syncs = node["log"], node["loop"], sum(node["log"]["sync_ns"]["counts"])
    mean_ms = node["log"]["sync_ns"]["total"] / max(1, syncs) / NS_PER_MS
    facts = [
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


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.1f} MiB"


@click.command("stop")
@json_option
@data_dir_option
@click.pass_obj
def stop(context: Context, as_json: bool) -> None:
    """Stop the broker and wait until its process has gone."""
    client = context.client
    answer = client.post("/api/leveret/stop")
    _await_end(client.data_dir)
    done(f"The broker (process {answer['os_pid']}) has stopped.", answer, as_json)


def _await_end(data_dir: Path) -> None:
    """Waits for the lock on the data folder, which the system takes from the process only at its end."""
    lock = os.open(data_dir / LOCK_FILE, os.O_RDWR)
    deadline_s = time.monotonic() + STOP_S_MAX
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise RefusedError(f"the broker has not stopped within {STOP_S_MAX:.0f} s; see its log") from None
                time.sleep(LOOK_EVERY_S)
    finally:
        os.close(lock)
