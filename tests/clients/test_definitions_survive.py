"""kill -9 right after an answer: everything durable that was answered is there when brokerd comes back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

from storage.definitions_disk import FILE_NAME
from tests.clients.conftest import parameters
from tests.support.brokers import RestartableBroker, RunningBroker
from tests.support.vhosts import ctl_command

pytestmark = pytest.mark.ours
SECONDS_MAX = 30
ARGUMENTS = {"x-max-priority": 5, "x-note": ["a", {"b": b"\xff"}]}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RestartableBroker]:
    with RestartableBroker(tmp_path) as broker:
        yield broker


def start(broker: RestartableBroker) -> RunningBroker:
    broker.launch()
    broker.await_ready()
    return RunningBroker(broker.host, broker.port, broker.data_dir)


def connect(broker: RestartableBroker) -> pika.BlockingConnection:
    return pika.BlockingConnection(parameters(start(broker)))


def brokerctl(running: RunningBroker, *words: str) -> None:
    subprocess.run([*(ctl_command(running) or []), *words], check=True, timeout=SECONDS_MAX, capture_output=True)


def test_kill_9_after_the_last_answer_loses_nothing(broker: RestartableBroker) -> None:
    channel = connect(broker).channel()
    channel.exchange_declare("x", "topic", durable=True, arguments={"alternate-exchange": "amq.fanout"})
    channel.exchange_declare("gone", durable=True)
    channel.queue_declare("gone", durable=True)
    channel.queue_declare("q", durable=True, arguments=ARGUMENTS)
    channel.queue_bind("q", "x", "a.#")
    channel.queue_bind("q", "x", "gone")
    channel.queue_unbind("q", "x", "gone")
    channel.exchange_delete("gone")
    channel.queue_delete("gone")
    channel.queue_bind("q", "amq.headers", "", {"x-match": "any", "n": 1})
    channel.queue_declare("last", durable=True)
    broker.kill()
    channel = connect(broker).channel()
    for name in ("q", "last"):
        channel.queue_declare(name, passive=True)
    channel.queue_declare("q", durable=True, arguments=ARGUMENTS)
    channel.exchange_declare("x", "topic", durable=True, arguments={"alternate-exchange": "amq.fanout"})
    channel.confirm_delivery()
    for exchange, key, headers in (("x", "a.b", None), ("x", "gone", None), ("amq.headers", "", {"n": 1})):
        channel.basic_publish(exchange, key, b"m", pika.BasicProperties(headers=headers))
    assert channel.queue_purge("q").method.message_count == 2
    with pytest.raises(ChannelClosedByBroker, match="no queue 'gone'"):
        channel.queue_declare("gone", passive=True)


def test_every_declaration_that_was_answered_is_there(broker: RestartableBroker) -> None:
    """Killed in the middle of declaring: whatever the client has seen answered counts, each time again."""
    answered: list[str] = []
    for round_number in range(3):
        channel = connect(broker).channel()
        for name in answered:
            channel.queue_declare(name, passive=True)
        for number in range(5):
            name = f"q-{round_number}-{number}"
            channel.queue_declare(name, durable=True)
            answered.append(name)
        broker.kill()
    with sqlite3.connect(broker.data_dir / FILE_NAME) as file:
        rows = file.execute("SELECT key FROM definitions WHERE key LIKE 'queue/%'").fetchall()
    assert {key for (key,) in rows} >= {f"queue/%2F/{name}" for name in answered}


def test_users_vhosts_and_permissions_survive_too(broker: RestartableBroker) -> None:
    running = start(broker)
    brokerctl(running, "add_vhost", "v")
    brokerctl(running, "add_user", "anna", "secret")
    brokerctl(running, "set_permissions", "-p", "v", "anna", "^a", ".*", ".*")
    brokerctl(running, "delete_user", "guest")
    broker.kill()
    running = start(broker)
    channel = pika.BlockingConnection(pika.URLParameters(running.url("v", "anna", "secret"))).channel()
    channel.queue_declare("abc", durable=True)
    with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED - configure access to queue 'bc'"):
        channel.queue_declare("bc", durable=True)
    with pytest.raises(ProbableAuthenticationError):
        pika.BlockingConnection(parameters(running))


def test_a_clean_stop_leaves_one_file(broker: RestartableBroker) -> None:
    with connect(broker) as connection:
        connection.channel().queue_declare("q", durable=True)
    assert broker.stop() == 0
    assert [path.name for path in broker.data_dir.glob(FILE_NAME + "*")] == [FILE_NAME]
    connect(broker).channel().queue_declare("q", passive=True)


def test_a_damaged_file_is_no_start(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"what is this?")
    ended = subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerd", "--port", "0", "--metrics-port", "0", "--data-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"brokerd: cannot read the definitions in {tmp_path / FILE_NAME}: file is not a database; "
        "restore the file from a backup, or move it aside to start without definitions\n"
    )
