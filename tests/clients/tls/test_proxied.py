"""PROXY headers from whom is trusted, and clients on a unix socket: whose address counts, and what it may do."""

from __future__ import annotations

import socket
import sys

import pytest
from pamqp.commands import Connection

from tests.clients.tls.conftest import PROXY_HOST, Secured
from tests.protocol.test_proxy_header import LOCAL, addresses, version_2
from tests.support.certificates import client_context, issue
from tests.support.raw import RawConnection

CLIENT = "203.0.113.7"
TO_4 = f"PROXY TCP4 {CLIENT} 10.0.0.1 51000 5672\r\n".encode()
VERSION_2 = version_2(1, 0x11, addresses(CLIENT, "10.0.0.1") + b"\x04\0\x03abc")
HERE = b"PROXY TCP4 127.0.0.1 127.0.0.1 51001 5672\r\n"


def from_proxy(port: int, header: bytes) -> socket.socket:
    if sys.platform == "linux":
        connected = socket.create_connection(("127.0.0.1", port), timeout=15, source_address=(PROXY_HOST, 0))
    else:
        connected = socket.create_connection((PROXY_HOST, port), timeout=15)
    connected.sendall(header)
    return connected


@pytest.mark.parametrize("header", [TO_4, VERSION_2], ids=["1", "2"])
def test_a_client_has_the_address_that_its_proxy_says(behind_proxy: Secured, header: bytes) -> None:
    behind_proxy.add_user("proxied")
    with RawConnection.over(from_proxy(behind_proxy.port, header)) as client:
        client.log_in("proxied", "unused")
        (shown,) = [one for one in behind_proxy.connections() if one["user"] == "proxied"]
        assert shown["name"] == f"{CLIENT}:51000 -> 10.0.0.1:5672"
        assert (shown["peer_host"], shown["peer_port"], shown["host"]) == (CLIENT, 51000, "10.0.0.1")
        client.close()


def test_a_proxied_client_is_not_on_this_machine(behind_proxy: Secured) -> None:
    since = len(behind_proxy.log())
    with RawConnection.over(from_proxy(behind_proxy.port, TO_4)) as client:
        client.start("guest", "guest")
        assert client.expect(Connection.Close).reply_code == 403
    behind_proxy.await_log(f"login of user 'guest' from {CLIENT} refused", since)


@pytest.mark.parametrize("header", [HERE, LOCAL], ids=["proxied from here", "the proxy itself"])
def test_what_is_on_this_machine_still_is(behind_proxy: Secured, header: bytes) -> None:
    with RawConnection.over(from_proxy(behind_proxy.port, header)) as client:
        client.log_in().close()


def test_a_header_comes_before_tls(behind_proxy: Secured) -> None:
    behind_proxy.add_user("proxied%40acme.example")
    context = client_context(issue("proxied@acme.example"))
    plain = from_proxy(behind_proxy.tls_port, VERSION_2)
    with RawConnection.over(context.wrap_socket(plain, server_hostname="localhost")) as client:
        client.log_in("proxied@acme.example", "unused")
        (shown,) = [one for one in behind_proxy.connections() if one["user"] == "proxied@acme.example"]
        assert (shown["peer_host"], shown["ssl"], shown["ssl_protocol"]) == (CLIENT, True, "tlsv1.3")
        client.close()


@pytest.mark.parametrize("header", [b"AMQP\0\0\x09\x01", b"PROXY TCP4 what\r\n"], ids=["none", "a bad one"])
def test_a_proxy_has_to_send_a_header(behind_proxy: Secured, header: bytes) -> None:
    since = len(behind_proxy.log())
    with RawConnection.over(from_proxy(behind_proxy.port, header)) as client:
        client.expect_end()
    behind_proxy.await_log("its address has to send a PROXY protocol header first", since)


@pytest.mark.parametrize("header", [TO_4, VERSION_2], ids=["1", "2"])
def test_nobody_else_may_send_one(behind_proxy: Secured, header: bytes) -> None:
    since = len(behind_proxy.log())
    with RawConnection("127.0.0.1", behind_proxy.port) as client:
        client.send_raw(header)
        assert client.read_bytes(8)[:4] == b"AMQP"
        client.expect_end()
    behind_proxy.await_log("a PROXY protocol header from an address that is none of proxy_protocol_from", since)


def test_whoever_comes_without_a_proxy_is_served(behind_proxy: Secured) -> None:
    with RawConnection("127.0.0.1", behind_proxy.port) as client:
        client.log_in()
        assert [one["peer_host"] for one in behind_proxy.connections()] == ["127.0.0.1"]
        client.close()


def test_a_unix_socket_serves_who_is_on_this_machine(secured: Secured) -> None:
    def connected() -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(15)
        one.connect(str(secured.unix_socket))
        return one

    with RawConnection.over(connected()) as first, RawConnection.over(connected()) as second:
        first.log_in()
        second.log_in()
        shown = [one for one in secured.connections() if one["host"] == str(secured.unix_socket)]
        assert len({one["name"] for one in shown}) == 2
        assert {one["peer_host"] for one in shown} == {"unix"}
        first.close()
        second.close()
