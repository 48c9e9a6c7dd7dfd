"""What a running broker logs: who and where, and no secret, whatever goes wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pika.exceptions
import pytest

from tests.support.brokers import RestartableBroker, port_that_stays_free
from tests.support.waiting import wait_until

SECRET = "correct-horse-battery"  # in every secret of this test
PEEKS = 500  # connections that say nothing: a line each
PIPE_BYTES = 65536
FIRST_PASSWORD = f"first-{SECRET}"
VARIABLES = {
    "BROKER_LOG_LEVEL": "debug", "BROKER_LOG_FORMAT": "json", "BROKER_AUTH_FAILURE_DELAY_S": "0",
    "BROKER_URI": f"amqp://ann:{SECRET}@host", "BROKER_DEFAULT_PASS": FIRST_PASSWORD,
    "RABBITMQ_ERLANG_COOKIE": SECRET, "RABBITMQ_NODENAME": "rabbit@there",
}  # fmt: skip

DEFINITIONS = {
    "users": [{"name": "cleo", "password_hash": f"{SECRET}==", "hashing_algorithm": "nonsense", "tags": ""}],
    "parameters": [{"vhost": "/", "component": "shovel", "name": "s", "value": {"src-uri": f"amqp://a:{SECRET}@b"}}],
}


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestartableBroker]:
    for name, value in {**VARIABLES, "BROKER_MANAGEMENT_PORT": str(port_that_stays_free())}.items():
        monkeypatch.setenv(name, value)
    with RestartableBroker(tmp_path, "--log-file", str(tmp_path / "own.log")) as started:
        started.launch()
        started.await_ready()
        yield started


def connect(broker: RestartableBroker, user: str, password: str, **more: object) -> None:
    parameters = pika.ConnectionParameters(
        broker.host, broker.port, credentials=pika.PlainCredentials(user, password), **more
    )
    pika.BlockingConnection(parameters).close()


def brokerctl(broker: RestartableBroker, *words: str, given: str = "") -> str:
    command = [sys.executable, "-m", "broker.cli.brokerctl", *words]
    environment = {**os.environ, "BROKER_DATA_DIR": str(broker.data_dir)}
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=environment)
    return done.stdout + done.stderr


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_no_secret_is_logged(broker: RestartableBroker, tmp_path: Path) -> None:
    page = f"http://127.0.0.1:{os.environ['BROKER_MANAGEMENT_PORT']}"
    name = "ann\nforged"
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        connect(broker, name, SECRET)
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        connect(broker, "guest", f"wrong-{SECRET}")
    connect(broker, "guest", FIRST_PASSWORD, client_properties={"connection_name": "web-1"})
    told = brokerctl(broker, "add_user", "bob", given=f"{SECRET}\n{SECRET}\n")
    (tmp_path / "definitions.json").write_text(json.dumps(DEFINITIONS))
    told += brokerctl(broker, "import_definitions", str(tmp_path / "definitions.json"))
    told += brokerctl(broker, "--url", page, "--user", "guest", "--password", f"wrong-{SECRET}", "status")
    recent = brokerctl(broker, "log_tail", "-N", "1000", "--json")
    assert "login of user" in recent
    assert broker.stop() == 0
    own = tmp_path / "own.log"
    wait_until(lambda: own.read_text() == broker.log_path.read_text(), what="the same lines in both places")
    assert SECRET not in own.read_text() + told + recent
    messages = [line["message"] for line in lines(own)]
    assert [text for text in messages if "login of user 'ann\\nforged'" in text]
    assert [text for text in messages if "BROKER_URI is no setting" in text]
    assert [text for text in messages if "RABBITMQ_ERLANG_COOKIE does nothing here" in text]
    opened = [line for line in lines(own) if "opened to vhost" in line["message"]]
    assert [(line["connection_name"], line["user"], line["vhost"]) for line in opened] == [("web-1", "guest", "/")]


def test_a_stderr_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    """More lines than a pipe takes; the broker serves on, and ends."""
    command = [sys.executable, "-m", "broker.cli.brokerd", "--port", "0", "--metrics-port", "0", "--log-level", "debug"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split("listening on ")[1].split(",")[0].rpartition(":")[2])
        for _ in range(PEEKS):
            socket.create_connection(("127.0.0.1", port)).close()
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port)).close()
        process.terminate()
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read().count("closed before it said anything") > PIPE_BYTES // 200
