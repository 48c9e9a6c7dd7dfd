"""definitions.json between processes: a real RabbitMQ boots with ours, and brokerd starts with one of RabbitMQ's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError

from tests.broker.definitions.test_transfer import RABBITMQ_FILE, exported, load
from tests.forms import COMPILED, expected
from tests.support.brokers import RestartableBroker, port_that_stays_free
from tests.support.sansio import SansBroker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # where Debian has it
BOOT_SECONDS = 60


def connected(port: int) -> pika.BlockingConnection:
    credentials = pika.PlainCredentials("shop", "shop-secret")
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, "shop", credentials))


def try_to_connect(port: int) -> pika.BlockingConnection | None:
    try:
        return connected(port)
    except (AMQPError, OSError):
        return None


def assert_all_there(connection: pika.BlockingConnection) -> None:
    """Every queue and exchange of the file, for the user of the file with the password of the file."""
    file, channel = json.loads(RABBITMQ_FILE.read_bytes()), connection.channel()
    for queue in file["queues"]:
        channel.queue_declare(queue["name"], passive=True)
    for exchange in file["exchanges"]:
        channel.exchange_declare(exchange["name"], passive=True)
    channel.basic_publish("shop-topic", "shop.any.new", b"routed")
    assert channel.basic_get("shop-orders", auto_ack=True)[2] == b"routed"


@contextmanager
def rabbitmq(folder: Path, definitions: Path, port: int) -> Iterator[None]:
    """A RabbitMQ that imports the file as it boots, on loopback only."""
    log, config = folder / "console", folder / "rabbitmq.conf"
    config.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {definitions}\nlog.console = true\n")
    (folder / "enabled_plugins").write_text("[].")
    (folder / "env.conf").touch()
    env = {
        **os.environ, "HOME": str(folder), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_DIST_PORT": str(port_that_stays_free()), "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            [RABBITMQ], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(not RABBITMQ.exists(), reason="no rabbitmq-server is installed")
@pytest.mark.skipif(expected() == COMPILED, reason="once is enough")
def test_a_real_rabbitmq_takes_what_we_export(tmp_path: Path) -> None:
    broker = SansBroker()
    load(broker, RABBITMQ_FILE.read_bytes())
    file, port = tmp_path / "definitions.json", port_that_stays_free()
    file.write_text(json.dumps(exported(broker)))
    with rabbitmq(tmp_path, file, port):
        connection = wait_until(lambda: try_to_connect(port), BOOT_SECONDS, "RabbitMQ with our definitions")
        assert_all_there(connection)
        connection.close()


def test_brokerd_starts_with_what_rabbitmq_exported(tmp_path: Path) -> None:
    with RestartableBroker(tmp_path, "--load-definitions", str(RABBITMQ_FILE)) as broker:
        for _ in range(2):
            broker.launch()
            broker.await_ready()
            connection = connected(broker.port)
            assert_all_there(connection)
            connection.close()
            broker.kill()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot read the definitions in {file}: no such file or directory"),
        ("[", "cannot import {file}: not JSON at character 0"),
        (
            '{"queues":[{"name":"q","vhost":"v"},{"name":"p","vhost":"v"}]}',
            "cannot import {file}: queue 'q' in vhost 'v': there is no vhost 'v'; queue 'p' in vhost 'v'",
        ),
    ],
)
def test_a_file_that_is_wrong_is_no_start(tmp_path: Path, content: str | None, text: str) -> None:
    file = tmp_path / "definitions.json"
    if content is not None:
        file.write_text(content)
    flags = ["--port", "0", "--metrics-port", "0", "--management-port", "0", "--data-dir", str(tmp_path / "data")]
    command = [sys.executable, "-m", "broker.cli.brokerd", *flags, "--load-definitions", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=BOOT_SECONDS, check=False)
    assert ended.returncode != 0
    assert text.format(file=file) in ended.stderr
