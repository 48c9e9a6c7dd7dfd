"""sd_notify, against a socket of our own."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.supervisor import INTERVAL_VARIABLE, PID_VARIABLE, SOCKET_VARIABLE, Supervisor
from tests.support.brokers import running_brokerd

SECONDS_MAX = 30
SIGN_INTERVAL_US = 600_000


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(SECONDS_MAX)
        yield listener


def environment(told: socket.socket, **more: str) -> dict[str, str]:
    return {SOCKET_VARIABLE: told.getsockname(), **more}


def heard(told: socket.socket) -> list[str]:
    return told.recv(4096).decode().split("\n")


def nothing_more(told: socket.socket) -> bool:
    told.settimeout(0)
    with pytest.raises(BlockingIOError):
        told.recv(4096)
    return True


def test_says_what_happens(told: socket.socket) -> None:
    supervisor = Supervisor(environment(told))
    supervisor.ready("listening on\n127.0.0.1:5672")
    supervisor.reloading(1_234)
    supervisor.stopping()
    assert heard(told) == ["READY=1", "STATUS=listening on 127.0.0.1:5672"]
    assert heard(told) == ["RELOADING=1", "MONOTONIC_USEC=1234"]
    assert heard(told) == ["STOPPING=1"]
    supervisor.close()
    supervisor.stopping()
    assert nothing_more(told)


def test_signs_of_life_as_often_as_asked_for(told: socket.socket) -> None:
    supervisor = Supervisor(environment(told, **{INTERVAL_VARIABLE: "3000000", PID_VARIABLE: str(os.getpid())}))
    assert supervisor.sign_every_ms == 1000
    for now_ms in (5000, 5100, 5900, 6000, 6100):
        supervisor.alive(now_ms)
    assert [heard(told), heard(told)] == [["WATCHDOG=1"]] * 2
    assert nothing_more(told)


@pytest.mark.parametrize(
    "variables",
    [{}, {INTERVAL_VARIABLE: ""}, {INTERVAL_VARIABLE: "soon"}, {INTERVAL_VARIABLE: "3000000", PID_VARIABLE: "1"}],
)
def test_no_signs_of_life_where_nobody_asks(told: socket.socket, variables: dict[str, str]) -> None:
    supervisor = Supervisor(environment(told, **variables))
    supervisor.alive(10_000_000)
    assert nothing_more(told)


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative/path"])
def test_without_a_supervisor_nothing_is_said(name: str) -> None:
    supervisor = Supervisor({SOCKET_VARIABLE: name, INTERVAL_VARIABLE: "3000000"})
    supervisor.ready("x")
    assert supervisor.sign_every_ms == 0


def test_a_supervisor_that_is_gone_is_told_once_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor({SOCKET_VARIABLE: str(tmp_path / "gone")})
    supervisor.ready("x")
    supervisor.stopping()
    assert [one.message for one in caplog.records if "takes nothing" in one.message] == caplog.messages
    assert len(caplog.messages) == 1


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="abstract addresses are Linux's")
def test_an_abstract_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{tmp_path}/notify")
        listener.settimeout(SECONDS_MAX)
        Supervisor({SOCKET_VARIABLE: f"@{tmp_path}/notify"}).stopping()
        assert listener.recv(100) == b"STOPPING=1"


def test_the_daemon_says_when_it_is_ready_alive_and_stopping(told: socket.socket) -> None:
    with running_brokerd(env=environment(told, **{INTERVAL_VARIABLE: str(SIGN_INTERVAL_US)})) as broker:
        assert broker.process is not None
        first = [heard(told), heard(told), heard(told)]
        first_ready = ["READY=1", f"STATUS=listening on 127.0.0.1:{broker.port}"]
        assert first_ready in first
        assert first.count(["WATCHDOG=1"]) == 2
        broker.process.send_signal(signal.SIGHUP)
        while not (reloading := heard(told))[0].startswith("RELOADING"):
            pass
        assert reloading[1].startswith("MONOTONIC_USEC=")
        while heard(told) != first_ready:
            pass
        broker.process.send_signal(signal.SIGTERM)
        while heard(told) != ["STOPPING=1"]:
            pass
        assert broker.process.wait(SECONDS_MAX) == 0
