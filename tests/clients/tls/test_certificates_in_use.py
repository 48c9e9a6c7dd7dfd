"""Which certificate a client is shown, over AMQP and HTTP alike, and that it changes without a restart."""

from __future__ import annotations

import base64
import signal
import ssl
from functools import partial

from tests.clients.tls.conftest import Secured
from tests.support.certificates import client_context, connected, issue, write
from tests.support.waiting import wait_until


def shown_names(port: int, server_name: str | None = None) -> set[str]:
    """The names in the certificate that a client of that port is shown."""
    context = client_context()
    context.check_hostname = False
    with connected(port, context, server_name) as end:
        return {value for _, value in end.getpeercert()["subjectAltName"]}  # type: ignore[index,misc]


def await_shown(broker: Secured, server_name: str, name: str) -> None:
    """Waits until both ports show, for the first name, a certificate with the second."""
    for port in (broker.tls_port, broker.metrics_port):
        wait_until(partial(_is_shown, port, server_name, name), what=f"a certificate of {name}")


def _is_shown(port: int, server_name: str, name: str) -> bool:
    return name in shown_names(port, server_name)


def test_a_client_is_shown_the_certificate_of_the_name_it_asks_for(secured: Secured) -> None:
    for port in (secured.tls_port, secured.metrics_port, secured.management_port):
        assert "localhost" in shown_names(port)
        assert "localhost" in shown_names(port, "localhost")
        assert "localhost" in shown_names(port, "unknown.example")
        assert "shop.example" in shown_names(port, "shop.example")
        assert "*.shop.example" in shown_names(port, "eu.shop.example")


def test_changed_files_are_used_and_bad_ones_are_not(secured: Secured) -> None:
    folder = secured.folder
    write(folder / "sni", issue("new.example"), "new")
    await_shown(secured, "new.example", "new.example")
    since = len(secured.log())
    (folder / "sni" / "new.key").write_text("damaged")
    secured.await_log("the certificates in use stay, the new ones cannot be used: the certificate", since)
    assert "new.example" in shown_names(secured.tls_port, "new.example")
    for suffix in ("key", "crt"):
        (folder / "sni" / f"new.{suffix}").unlink()
    await_shown(secured, "new.example", "localhost")
    (metrics,) = [line for line in _metrics(secured) if line.startswith("leveret_certificate_reloads_failed_total ")]
    assert float(metrics.split()[1]) >= 1


def test_a_signal_has_them_read_again(behind_proxy: Secured) -> None:
    write(behind_proxy.folder / "sni", issue("signalled.example"), "signalled")
    process = behind_proxy.process
    assert "localhost" in shown_names(behind_proxy.metrics_port, "signalled.example")
    since = len(behind_proxy.log())
    process.signal(signal.SIGHUP)
    behind_proxy.await_log("the certificates have been read again", since)
    assert "signalled.example" in shown_names(behind_proxy.metrics_port, "signalled.example")


def test_the_first_expiry_is_a_metric(secured: Secured) -> None:
    (line,) = [one for one in _metrics(secured) if one.startswith("leveret_certificate_expiry_timestamp_seconds ")]
    with connected(secured.tls_port, client_context()) as end:
        expires = ssl.cert_time_to_seconds(end.getpeercert()["notAfter"])  # type: ignore[index,arg-type]
    assert 0 < float(line.split()[1]) <= expires


def test_the_http_api_over_tls_tells_of_certificates_that_expire(secured: Secured) -> None:
    for years, status in ((1, b"HTTP/1.1 200"), (999, b"HTTP/1.1 503")):
        answer = _https(secured.management_port, f"/api/health/checks/certificate-expiration/{years}/years")
        assert answer.startswith(status)
    assert b"server.crt" in answer


def _metrics(broker: Secured) -> list[str]:
    answer = _https(broker.metrics_port, "/metrics")
    assert answer.startswith(b"HTTP/1.1 200")
    return answer.decode().splitlines()


def _https(port: int, path: str) -> bytes:
    """A whole answer, to guest."""
    credentials = base64.b64encode(b"guest:guest").decode()
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n"
    with connected(port, client_context()) as end:
        end.sendall(head.encode())
        return b"".join(iter(lambda: end.recv(65536), b""))
