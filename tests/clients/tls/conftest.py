"""Two brokers for all these tests: one that serves everybody, one behind a proxy that asks for certificates.

Both read their certificates from a folder that tests may change, and write their log to a file that tests may read.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers import RestartableBroker, port_that_stays_free
from tests.support.certificates import issue, write, write_authority
from tests.support.http import ask
from tests.support.waiting import wait_until

HOSTS = "127.0.0.1,::1" if socket.has_dualstack_ipv6() else "127.0.0.1"
# Connections from here come from a proxy, those from 127.0.0.1 do not.
PROXY_HOST = "127.0.0.2" if sys.platform == "linux" else "::1"
LATE_S = 1.0  # what the second broker gives to headers and handshakes


@dataclass(frozen=True)
class Secured:
    """A broker with TLS, and where its files are."""

    process: RestartableBroker
    tls_port: int
    metrics_port: int
    management_port: int
    folder: Path

    @property
    def port(self) -> int:
        """Without TLS."""
        return self.process.port

    @property
    def data_dir(self) -> Path:
        """For brokerctl."""
        return self.process.data_dir

    @property
    def unix_socket(self) -> Path:
        """For AMQP."""
        return self.folder / "amqp.sock"

    def log(self) -> str:
        """What it has written so far."""
        return self.process.log_path.read_text()

    def await_log(self, text: str, since: int = 0) -> None:
        """Waits for a line."""
        wait_until(lambda: text in self.log()[since:], what=f"{text!r} in the log")

    def connections(self) -> list[dict[str, Any]]:
        """The connections as the HTTP API shows them."""
        status, answer = ask(self.data_dir, "GET", "/api/connections")
        assert status == 200
        return answer  # type: ignore[no-any-return]

    def add_user(self, name: str) -> None:
        """A user with all rights whose password nobody uses."""
        assert ask(self.data_dir, "PUT", f"/api/users/{name}", b'{"password": "unused", "tags": ""}')[0] in (201, 204)
        rights = b'{"configure": ".*", "write": ".*", "read": ".*"}'
        assert ask(self.data_dir, "PUT", f"/api/permissions/%2F/{name}", rights)[0] in (201, 204)


@contextmanager
def running(*flags: str) -> Iterator[Secured]:
    """A broker with TLS in a folder of its own, whose path is short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="lv") as text:
        folder = Path(text)
        (folder / "sni").mkdir()
        cert, key = write(folder, issue("localhost", "127.0.0.1", "::1"))
        write(folder / "sni", issue("shop.example", "*.shop.example"), "shop")
        tls_port, metrics_port, management_port = (port_that_stays_free() for _ in range(3))
        process = RestartableBroker(
            folder, "--tls-port", str(tls_port), "--tls-cert-file", str(cert), "--tls-key-file", str(key),
            "--tls-sni-dir", str(folder / "sni"), "--tls-ca-file", str(write_authority(folder)),
            "--metrics-port", str(metrics_port), "--metrics-tls", "--management-tls",
            "--management-port", str(management_port), "--amqp-socket", str(folder / "amqp.sock"), *flags,
        )  # fmt: skip
        with process:
            process.launch()
            process.await_ready()
            yield Secured(process, tls_port, metrics_port, management_port, folder)
            assert process.stop() == 0


@pytest.fixture(scope="session")
def secured() -> Iterator[Secured]:
    """Certificates are welcome and changed files are used at once."""
    with running(
        "--host",
        HOSTS,
        "--tls-verify",
        "optional",
        "--tls-check-s",
        "0.05",
        "--ssl-cert-login-from",
        "common_name",
        "--auth-failure-delay-s",
        "0.1",
    ) as broker:
        yield broker


@pytest.fixture(scope="session")
def behind_proxy() -> Iterator[Secured]:
    """Behind a proxy, TLS 1.3 only, certificates are required, and their subject alternative name is the user."""
    hosts = "127.0.0.1" if PROXY_HOST == "127.0.0.2" else HOSTS
    with running(
        "--host", hosts, "--proxy-protocol-from", PROXY_HOST, "--tls-verify", "required", "--tls-version-min", "1.3",
        "--handshake-timeout-s", str(LATE_S), "--tls-check-s", "0", "--ssl-cert-login-from", "subject_alternative_name",
        "--ssl-cert-login-san-type", "email",
    ) as broker:  # fmt: skip
        yield broker
