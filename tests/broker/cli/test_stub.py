"""brokerctl against servers that are no broker, or one behind TLS: what goes wrong on the way, and a trace."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.broker.cli.doors import as_process, in_process
from tests.support import certificates

EVENTS = (
    b": watching\n\n"
    b"event: published\n"
    b'data: {"exchange": "e", "routing_key": "k", "queues": ["q"], "payload_bytes": 2, "payload": "hi\\u001b[2J"}\n\n'
    b'event: delivered\ndata: {"exchange": "", "queues": [],\ndata:  "consumer": "c", "redelivered": true}\n\n'
    b'event: left_out\ndata: {"count": 7}\n\n'
)


class Stub(BaseHTTPRequestHandler):
    """Answers a path with what stands in `ANSWERS`, and remembers who asked."""

    ANSWERS = {
        "/api/overview?columns=node": b"{}", "/pre/api/overview?columns=node": b"{}",
        "/api/overview": b"<html>this is no broker</html>", "/api/leveret/trace?body=false": EVENTS,
    }  # fmt: skip
    asked: list[str] = []

    def do_GET(self) -> None:
        """One answer, and the end of the connection."""
        Stub.asked.append(self.headers.get("Authorization", ""))
        answer = self.ANSWERS[self.path]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a stub."""
    with HTTPServer(("127.0.0.1", 0), Stub) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    with served() as port:
        yield f"http://user:secret@127.0.0.1:{port}"


def test_trace_shows_events_and_ends_after_some(stub: str) -> None:
    shown = as_process("--url", stub, "trace", "--count", "2", "--json")
    assert (shown.status, shown.err) == (0, "")
    assert [json.loads(line)["event"] for line in shown.out.splitlines()] == ["published", "delivered"]


def test_trace_writes_a_line_for_people(stub: str) -> None:
    published, body, delivered, left_out = in_process("--url", stub, "trace").out.splitlines()
    assert published.endswith('published exchange "e" key "k" → q 2 bytes')
    assert body == "    hi\N{REPLACEMENT CHARACTER}[2J"
    assert delivered.endswith('delivered exchange "" key "" → no queue 0 bytes to c redelivered')
    assert left_out.startswith("(7 more were left out")


def test_what_is_no_broker_is_said_so(stub: str) -> None:
    ended = in_process("--url", stub, "status")
    assert (ended.status, ended.out) == (70, "")
    assert "not JSON" in ended.err


def test_a_path_before_the_api_is_kept(stub: str) -> None:
    assert in_process("--url", f"{stub}/pre/", "ping").status == 0
    assert in_process("--url", f"{stub}/pre/api", "ping").status == 0


def test_no_answer_in_time_is_a_status_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://user:hidden-word@127.0.0.1:{silent.getsockname()[1]}"
        ended = in_process("--url", url, "--timeout", "0.05", "status")
    assert (ended.status, ended.out) == (75, "")
    assert "--timeout" in ended.err
    assert "hidden-word" not in ended.err


def test_tls_is_checked_and_a_certificate_shown(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.issue("localhost").configure_cert(context)
    certificates.authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    certificate, key = certificates.write(tmp_path, certificates.issue("ops@example"), "client")
    shown = ("--tls-cert", str(certificate), "--tls-key", str(key))
    authority = certificates.write_authority(tmp_path)
    with served(context) as port:
        place = ("--host", "localhost", "--port", str(port))
        assert in_process(*place, *shown, "--tls-ca", str(authority), "ping").status == 0
        env = {"BROKERCTL_URL": f"https://localhost:{port}", "BROKERCTL_TLS_CA": str(authority),
               "BROKERCTL_TLS_CERT": str(certificate), "BROKERCTL_TLS_KEY": str(key)}  # fmt: skip
        assert as_process("ping", env=env).status == 0
        assert in_process(*place, *shown, "--tls-insecure", "ping").status == 0
        unknown = in_process(*place, *shown, "--tls", "ping")
        assert (unknown.status, "--tls-ca" in unknown.err) == (69, True)
        other_name = in_process("--host", "127.0.0.1", "--port", str(port), *shown, "--tls-ca", str(authority), "ping")
        assert (other_name.status, "127.0.0.1" in other_name.err) == (69, True)
        no_file = in_process(*place, "--tls-ca", str(tmp_path / "nothing"), "ping")
        assert (no_file.status, "nothing" in no_file.err) == (66, True)
