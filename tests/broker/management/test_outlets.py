"""The start and the end of the listeners beside AMQP."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.listening.sockets import SOCKET_PATH_BYTES_MAX, ListenError, listen_unix
from tests.support.brokers import running_brokerd
from tests.support.http import ask

pytestmark = pytest.mark.ours


@pytest.fixture
def short() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lv-") as folder:
        yield Path(folder)


def brokerd(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerd", "--port", "0", *flags],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_stop_over_the_socket_answers_and_ends_with_0() -> None:
    with running_brokerd() as broker:
        assert broker.data_dir is not None
        assert broker.process is not None
        status, answer = ask(broker.data_dir, "POST", "/api/leveret/stop")
        assert (status, answer) == (202, {"os_pid": broker.process.pid})
        assert broker.process.wait(60) == 0
        assert not (broker.data_dir / "brokerd.sock").exists()


def test_a_taken_metrics_port_ends_the_start(short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = brokerd("--data-dir", str(short), "--metrics-port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"brokerd: cannot listen on 127.0.0.1:{port}: address already in use\n"


def test_a_path_too_long_ends_the_start(short: Path) -> None:
    ended = brokerd("--data-dir", str(short / ("d" * SOCKET_PATH_BYTES_MAX)), "--metrics-port", "0")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "choose a shorter folder" in ended.stderr


def test_a_stale_socket_is_replaced(short: Path) -> None:
    path = short / "s"
    listen_unix(path).close()
    assert path.is_socket()
    listen_unix(path).close()
    assert path.is_socket()


def test_a_file_in_the_sockets_place_is_left_alone(short: Path) -> None:
    path = short / "s"
    path.write_text("mine")
    with pytest.raises(ListenError, match=r"cannot listen on .*: file exists"):
        listen_unix(path)
    assert path.read_text() == "mine"


def test_a_signal_right_after_the_ready_line_is_a_clean_stop() -> None:
    with running_brokerd() as broker:
        assert broker.process is not None
        broker.process.terminate()
        assert broker.process.wait(60) == 0
