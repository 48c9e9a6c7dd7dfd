"""brokerd as a process: how it starts, why it does not, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from pika.exceptions import ConnectionClosedByBroker

from broker import __version__
from broker.cli.brokerd import _also_served
from broker.config import Config
from broker.config_options import options_of
from tests.clients.conftest import parameters
from tests.clients.support import until
from tests.support.brokers import RunningBroker, running_brokerd

pytestmark = pytest.mark.ours
SECONDS_MAX = 30


def run_brokerd(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A brokerd that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerd", *flags],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False, env={**os.environ, **variables},
    )  # fmt: skip


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line that says why it did not start."""
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("brokerd: ")
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_connections_and_ends_with_0(number: signal.Signals) -> None:
    with running_brokerd() as started:
        assert started.process is not None
        connection = pika.BlockingConnection(parameters(started))
        connection.channel().queue_declare("queue")
        started.process.send_signal(number)
        with pytest.raises(ConnectionClosedByBroker) as raised:
            until(lambda: False, lambda: connection.process_data_events(0.1))
        assert raised.value.reply_code == 320
        assert raised.value.reply_text.startswith("CONNECTION_FORCED - ")
        assert started.process.wait(SECONDS_MAX) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((started.host, started.port))


def test_a_client_that_does_not_answer_is_cut_off() -> None:
    with running_brokerd("--shutdown-timeout-s", "0.2") as started:
        assert started.process is not None
        connection = pika.BlockingConnection(parameters(started))
        started.process.terminate()
        assert started.process.wait(SECONDS_MAX) == 0
        with pytest.raises(ConnectionClosedByBroker):
            until(lambda: False, lambda: connection.process_data_events(0.1))


def test_a_blocked_publisher_does_not_delay_the_end() -> None:
    with running_brokerd("--disk-free-min-bytes", str(2**62)) as started:
        assert started.process is not None
        publisher = pika.BlockingConnection(parameters(started))
        blocked: list[object] = []
        publisher.add_on_connection_blocked_callback(lambda *args: blocked.append(args))
        publisher.channel().basic_publish("", "nowhere", b"")
        until(lambda: blocked, lambda: publisher.process_data_events(0.1))
        started.process.terminate()
        with pytest.raises(ConnectionClosedByBroker) as raised:
            until(lambda: False, lambda: publisher.process_data_events(0.1))
        assert raised.value.reply_code == 320
        assert started.process.wait(SECONDS_MAX) == 0


def test_it_says_one_line_when_it_is_ready(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "broker.cli.brokerd", "--port", "0", "--metrics-port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.fullmatch(rf"brokerd: listening on 127\.0\.0\.1:(\d+), data in {tmp_path}/data\n", line)
        assert address
        pika.BlockingConnection(parameters(RunningBroker("127.0.0.1", int(address[1])))).close()
        process.terminate()
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_the_line_names_page_and_metrics() -> None:
    defaults = Config()
    assert _also_served(defaults) == ", page on http://127.0.0.1:15672, metrics on 127.0.0.1:15692"
    over_tls = replace(defaults, management_tls=True, management_host="::1", metrics_port=0)
    assert _also_served(over_tls) == ", page on https://[::1]:15672"


@pytest.fixture(scope="module")
def running() -> RunningBroker:
    with running_brokerd() as started:
        yield started


def test_a_taken_port(running: RunningBroker, tmp_path: Path) -> None:
    line = refused(run_brokerd("--port", str(running.port), "--data-dir", str(tmp_path), "--metrics-port", "0"))
    assert f"cannot listen on 127.0.0.1:{running.port}" in line
    assert "in use" in line


def test_a_taken_folder(running: RunningBroker) -> None:
    line = refused(run_brokerd("--port", "0", "--data-dir", str(running.data_dir), "--metrics-port", "0"))
    assert str(running.data_dir) in line
    assert "in use by another brokerd" in line


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused(run_brokerd("--port", "0", "--data-dir", str(tmp_path / "file" / "data")))
    assert f"cannot use the data folder {tmp_path}/file/data" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "permission denied" in refused(run_brokerd("--port", "0", "--data-dir", str(tmp_path)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("hots = '127.0.0.1'", "unknown key 'hots'; did you mean 'host'?"),
        ("port = 70000", "port: 70000 is not allowed"),
        ("port = '5672'", "port: '5672' is not allowed"),
        ("port =", "not TOML"),
    ],
)
def test_a_bad_configuration_file(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(content)
    line = refused(run_brokerd("--config", str(file)))
    assert str(file) in line
    assert why in line


def test_a_missing_configuration_file(tmp_path: Path) -> None:
    assert "cannot read" in refused(run_brokerd("--config", str(tmp_path / "missing.toml")))


def test_a_bad_flag_and_a_bad_variable() -> None:
    assert "--prot" in refused(run_brokerd("--prot", "5672"))
    assert "BROKER_PORT" in refused(run_brokerd(BROKER_PORT="many"))


def test_flags_win_over_variables_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text('heartbeat_s = 7\nchannel_max = 77\ncluster_name = "from file"\n')
    variables = {"BROKER_CONFIG": str(file), "BROKER_HEARTBEAT_S": "8", "BROKER_CHANNEL_MAX": "88"}
    with running_brokerd("--heartbeat-s", "9", env=variables) as started:
        connection = pika.BlockingConnection(parameters(started))
        tuned = connection._impl.params
        assert (tuned.heartbeat, tuned.channel_max) == (9, 88)
        assert connection._impl.server_properties["cluster_name"] == "from file"
        connection.close()


def test_help_lists_every_setting() -> None:
    ended = run_brokerd("--help")
    flags = set(re.findall(r"^  (--[a-z-]+)", ended.stdout, re.MULTILINE))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {option.flag for option in options_of(Config)} <= flags
    assert {"--config", "--version"} <= flags


def test_version() -> None:
    ended = run_brokerd("--version")
    assert (ended.returncode, ended.stdout) == (0, f"leveret {__version__}\n")
