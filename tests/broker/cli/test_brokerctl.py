"""brokerctl as a process, against a running broker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pika
import pytest

from broker import build
from broker.cli.shown import cell
from tests.support.brokers import RunningBroker

pytestmark = pytest.mark.ours


def brokerctl(folder: Path | None, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    assert folder is not None
    return subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerctl", "--data-dir", str(folder), *words],
        input=given, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_user_made_by_it_can_work(broker: RunningBroker) -> None:
    folder = broker.data_dir
    assert brokerctl(folder, "add_vhost", "ctl/v").returncode == 0
    assert brokerctl(folder, "add_user", "ctl-u", given="pass word\n").returncode == 0
    assert brokerctl(folder, "set_permissions", "-p", "ctl/v", "ctl-u", ".*", ".*", ".*").returncode == 0
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            broker.host, broker.port, "ctl/v", credentials=pika.PlainCredentials("ctl-u", "pass word")
        )
    )
    channel = connection.channel()
    channel.queue_declare("b", auto_delete=True)
    channel.queue_declare("a", auto_delete=True)
    channel.confirm_delivery()
    channel.basic_publish("", "b", b"")
    plain = brokerctl(folder, "list_queues", "-p", "ctl/v")
    chosen = brokerctl(folder, "list_queues", "-p", "ctl/v", "name", "messages_ready", "auto_delete", "--json")
    connections = json.loads(brokerctl(folder, "list_connections", "user", "vhost", "--json").stdout)
    connection.close()
    assert plain.stdout == "name\tmessages\na\t0\nb\t1\n"
    assert json.loads(chosen.stdout) == [
        {"name": "a", "messages_ready": 0, "auto_delete": True},
        {"name": "b", "messages_ready": 1, "auto_delete": True},
    ]
    assert {"user": "ctl-u", "vhost": "ctl/v"} in connections
    assert "ctl-u\t.*\t.*\t.*" in brokerctl(folder, "list_permissions", "-p", "ctl/v").stdout
    assert "guest\t[administrator]" in brokerctl(folder, "list_users").stdout
    assert {"name": "ctl/v"} in json.loads(brokerctl(folder, "list_vhosts", "--json").stdout)


def test_a_deleted_vhost_and_user_are_gone_with_their_connections(broker: RunningBroker) -> None:
    folder = broker.data_dir
    assert brokerctl(folder, "add_vhost", "ctl-gone").returncode == 0
    assert brokerctl(folder, "add_user", "ctl-gone", "secret").returncode == 0
    assert brokerctl(folder, "set_permissions", "-p", "ctl-gone", "ctl-gone", ".*", ".*", ".*").returncode == 0
    connection = pika.BlockingConnection(pika.URLParameters(broker.url("ctl-gone", "ctl-gone", "secret")))
    connection.channel().queue_declare("kept")
    assert brokerctl(folder, "delete_vhost", "ctl-gone").returncode == 0
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match=r"320.*vhost 'ctl-gone' is deleted"):
        connection.process_data_events(time_limit=10)
    assert brokerctl(folder, "delete_user", "ctl-gone").returncode == 0
    assert "ctl-gone" not in brokerctl(folder, "list_users").stdout + brokerctl(folder, "list_vhosts").stdout
    again = brokerctl(folder, "delete_vhost", "ctl-gone")
    assert (again.returncode, again.stderr) == (65, 'brokerctl: Virtual host "ctl-gone" does not exist\n')


def test_status_says_where_it_listens(broker: RunningBroker) -> None:
    shown = brokerctl(broker.data_dir, "status").stdout
    assert f"amqp on 127.0.0.1:{broker.port}\n" in shown
    assert f"\nForm             {build.form()}\n" in shown
    assert json.loads(brokerctl(broker.data_dir, "status", "--json").stdout)["node_details"]["running"] is True


def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    ended = brokerctl(tmp_path, "status")
    assert (ended.returncode, ended.stdout) == (69, "")
    assert ended.stderr == (
        f"brokerctl: no broker is running with the data folder {tmp_path}; another folder is given with --data-dir, "
        "a broker elsewhere with --url\n"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (True, "true"), (["a", "b"], "[a, b]"), ({"x": 1}, '{"x": 1}'), ("a\tb\x1b[2J", "a\ufffdb\ufffd[2J")],
)
def test_a_field_is_one_field(value: object, shown: str) -> None:
    assert cell(value) == shown
