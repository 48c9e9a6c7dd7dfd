"""Who does not speak what a port expects is refused quickly, and the log says what happened."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.clients.tls.conftest import Secured
from tests.support.certificates import client_context, connected, issue
from tests.support.raw import PROTOCOL_HEADER, RawConnection
from tests.support.waiting import wait_until

OLD = ssl.TLSVersion.TLSv1_1


def end_of(connection: socket.socket) -> bytes:
    """What comes up to the end."""
    try:
        return b"".join(iter(lambda: connection.recv(4096), b""))
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (PROTOCOL_HEADER, "no TLS handshake, but an AMQP client without TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "no TLS handshake, but an HTTP client without TLS"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no TLS handshake, but a PROXY protocol header from an address"),
        (b"\0\0\0\0", r"no TLS handshake, but an unknown protocol (b'\x00\x00\x00\x00')"),
    ],
)
def test_plain_bytes_on_the_tls_port(secured: Secured, start: bytes, said: str) -> None:
    since = len(secured.log())
    with socket.create_connection(("127.0.0.1", secured.tls_port), timeout=15) as connection:
        connection.sendall(start)
        assert end_of(connection) == b""
        name = "{}:{} -> 127.0.0.1:{}".format(*connection.getsockname(), secured.tls_port)
    secured.await_log(f"connection {name}: {said}", since)


def test_plain_http_where_https_is_served(secured: Secured) -> None:
    since = len(secured.log())
    with socket.create_connection(("127.0.0.1", secured.metrics_port), timeout=15) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert end_of(connection) == b""
    secured.await_log("no TLS handshake, but an HTTP client without TLS", since)


def test_tls_on_the_plain_port(secured: Secured) -> None:
    since = len(secured.log())
    with socket.create_connection(("127.0.0.1", secured.port), timeout=15) as connection, pytest.raises(OSError):
        client_context().wrap_socket(connection, server_hostname="localhost")
    secured.await_log("a TLS client on a plain port", since)


def test_a_proxy_header_on_the_plain_port(secured: Secured) -> None:
    for start in (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)):
        since = len(secured.log())
        with socket.create_connection(("127.0.0.1", secured.port), timeout=15) as connection:
            connection.sendall(start + PROTOCOL_HEADER)
            assert end_of(connection) in (PROTOCOL_HEADER, b"")
        secured.await_log("a PROXY protocol header from an address that is none of proxy_protocol_from", since)


def test_old_versions_of_tls(secured: Secured, behind_proxy: Secured) -> None:
    for broker, newest in ((secured, OLD), (behind_proxy, ssl.TLSVersion.TLSv1_2)):
        since = len(broker.log())
        context = client_context(issue("old.example"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = newest
        with socket.create_connection(("127.0.0.1", broker.tls_port), timeout=15) as connection, pytest.raises(OSError):
            context.wrap_socket(connection, server_hostname="localhost")
        broker.await_log("TLS handshake failed: it offers no version of TLS from tls_version_min on", since)


def test_a_certificate_may_be_required(behind_proxy: Secured) -> None:
    since = len(behind_proxy.log())
    with connected(behind_proxy.tls_port, client_context()) as end:
        assert end_of(end) == b""
    behind_proxy.await_log("TLS handshake failed: it shows no certificate, and tls_verify = required", since)


def test_a_client_that_does_not_trust_us_is_said_to(secured: Secured) -> None:
    since = len(secured.log())
    with socket.create_connection(("127.0.0.1", secured.tls_port), timeout=15) as plain, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    secured.await_log("TLS handshake failed: it does not trust our certificate's authority", since)


def test_who_says_nothing_is_let_go_in_time_and_holds_nobody_up(behind_proxy: Secured) -> None:
    since = len(behind_proxy.log())
    silent = [socket.create_connection(("127.0.0.1", behind_proxy.tls_port), timeout=15) for _ in range(3)]
    silent[1].sendall(b"\x16")  # the beginning of a handshake
    with RawConnection("127.0.0.1", behind_proxy.port) as other:
        other.log_in().close()
    for connection in silent:
        assert end_of(connection) == b""
        connection.close()
    said = "no PROXY header or TLS handshake within its time"
    wait_until(lambda: behind_proxy.log()[since:].count(said) == len(silent), what="a line about each")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tls-port", "5671"], "TLS needs a certificate: give tls_cert_file"),
        (["--tls-port", "5671", "--tls-cert-file", "absent.crt"], "cannot read absent.crt: no such file or directory"),
        (["--proxy-protocol-from", "proxy.example"], "proxy_protocol_from: 'proxy.example' is no network"),
        (["--plain-listener", "false"], "there is nothing to listen on"),
    ],
)
def test_the_start_says_what_is_wrong(flags: list[str], said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "broker.cli.brokerd", "--port", "0", "--metrics-port", "0"]
    ended = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "data"), *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert said in ended.stderr
