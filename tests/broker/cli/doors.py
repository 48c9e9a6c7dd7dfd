"""brokerctl through both of a broker's doors, as a process and in this one. Must not: know a command."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from broker.cli.brokerctl import main
from tests.support.brokers import RunningBroker, running_brokerd


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Managed:
    """A broker with both doors open."""

    broker: RunningBroker
    management_port: int

    @property
    def socket_flags(self) -> list[str]:
        """What leads to it through the unix socket."""
        return ["--data-dir", str(self.broker.data_dir)]

    @property
    def tcp_flags(self) -> list[str]:
        """What leads to it through its management port."""
        return ["--url", f"http://guest:guest@127.0.0.1:{self.management_port}"]


def as_process(*words: str, given: str = "", env: Mapping[str, str] | None = None) -> Ended:
    """The command as the console script runs it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerctl", *words],
        input=given, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


class _Input(io.TextIOWrapper):
    """Standard input that is no terminal."""

    def isatty(self) -> bool:
        return False


def in_process(*words: str, given: str = "", env: Mapping[str, str] | None = None) -> Ended:
    """The same through the console script's function, which saves starting Python."""
    out, err = io.StringIO(), io.StringIO()
    standard_input = _Input(io.BytesIO(given.encode()), encoding="utf-8")
    with (
        redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", standard_input),
        mock.patch.dict(os.environ, env or {}),
    ):  # fmt: skip
        status = main(list(words))
    return Ended(status, out.getvalue(), err.getvalue())


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def managed_brokerd(*flags: str) -> Iterator[Managed]:
    """A broker of our own with both doors open."""
    port = free_port()
    with running_brokerd("--management-port", str(port), *flags) as broker:
        yield Managed(broker, port)
