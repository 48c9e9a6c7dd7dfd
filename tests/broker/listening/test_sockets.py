"""Listening sockets: both kinds of addresses, unix sockets that nobody is robbed of, and who is where."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from broker.connections.peer import Caller, connection_name, is_loopback, split_address
from broker.listening.doorway import is_within, networks, proxied_caller
from broker.listening.sockets import HOSTS_MAX, ListenError, listen_tcp, listen_tcp_all, listen_unix
from protocol.proxy_header import Proxied

HERE, THERE = ("127.0.0.1", 4000), ("10.0.0.9", 4000)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="lv"))
    yield folder
    shutil.rmtree(folder)


def reached(listener: socket.socket, host: str) -> bool:
    try:
        socket.create_connection((host, listener.getsockname()[1]), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_two_colons_are_every_address_unless_ipv4_has_a_listener_of_its_own() -> None:
    with listen_tcp("::", 0) as both, listen_tcp("::", 0, only_v6=True) as one, listen_tcp("::1", 0) as local:
        assert reached(both, "127.0.0.1")
        assert reached(both, "::1")
        assert reached(one, "::1")
        assert not reached(one, "127.0.0.1")
        assert reached(local, "::1")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_several_addresses_share_one_port() -> None:
    listeners = listen_tcp_all("127.0.0.1, ::", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
        assert all(reached(listeners[0], host) for host in ("127.0.0.1", "::1"))
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize("hosts", ["", " , ", ",".join(["127.0.0.1"] * (HOSTS_MAX + 1))])
def test_there_is_an_address_and_not_too_many(hosts: str) -> None:
    with pytest.raises(ListenError, match="1 to 64 are possible"):
        listen_tcp_all(hosts, 0)


def test_an_address_that_is_taken_is_named() -> None:
    with listen_tcp("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
            listen_tcp("127.0.0.1", port)


def test_a_unix_socket_in_use_is_left_to_its_owner(short: Path) -> None:
    with listen_unix(short / "s"), pytest.raises(ListenError, match="address already in use"):
        listen_unix(short / "s")


def test_who_may_connect_to_a_unix_socket(short: Path) -> None:
    listen_unix(short / "own").close()
    listen_unix(short / "group", 0o660).close()
    assert [os.stat(short / name).st_mode & 0o777 for name in ("own", "group")] == [0o600, 0o660]


@pytest.mark.parametrize(
    ("peer", "local", "name"),
    [
        (HERE, ("127.0.0.1", 5672), "127.0.0.1:4000 -> 127.0.0.1:5672"),
        (("::1", 4000, 0, 0), ("::1", 5672, 0, 0), "[::1]:4000 -> [::1]:5672"),
        (("::ffff:10.0.0.9", 4000, 0, 0), ("::ffff:10.0.0.1", 5672, 0, 0), "10.0.0.9:4000 -> 10.0.0.1:5672"),
        (("fe80::1%eth0", 4000, 0, 2), ("fe80::2%eth0", 5672, 0, 2), "[fe80::1]:4000 -> [fe80::2]:5672"),
    ],
)
def test_connections_are_named_by_both_ends(peer: object, local: object, name: str) -> None:
    assert connection_name(peer, local) == name
    assert split_address(name.partition(" -> ")[0]) == (
        name.split("]", maxsplit=1)[0].strip("[").partition(":4000")[0],
        4000,
    )


def test_no_two_connections_over_a_unix_socket_have_one_name() -> None:
    first, second = (connection_name("", "/run/amqp.sock") for _ in range(2))
    assert first != second
    assert first.startswith("unix:")
    assert first.endswith(" -> /run/amqp.sock")
    assert split_address(first.partition(" -> ")[2]) == ("/run/amqp.sock", 0)


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        (HERE, True),
        (("127.9.9.9", 1), True), (("::1", 1, 0, 0), True), (("::ffff:127.0.0.1", 1, 0, 0), True), ("", True),
        (THERE, False), (("::ffff:10.0.0.9", 1, 0, 0), False), (("fe80::1%eth0", 1, 0, 2), False), (("?", 1), False),
    ],
)  # fmt: skip
def test_who_is_on_this_machine(address: object, is_here: bool) -> None:
    assert is_loopback(address) is is_here


def test_only_trusted_networks_hold_a_proxy() -> None:
    trusted = networks(("10.0.0.0/8", "::1/128", "192.0.2.7"))
    assert trusted[2] == ip_network("192.0.2.7/32")
    assert is_within(THERE, trusted)
    assert is_within(("::ffff:10.0.0.9", 1, 0, 0), trusted)
    assert is_within(("::1", 1, 0, 0), trusted)
    for address in (HERE, ("192.0.2.8", 1), ("fe80::1%eth0", 1, 0, 2), ""):
        assert not is_within(address, trusted)
    assert not is_within(HERE, ())


@pytest.mark.parametrize("text", ["10.0.0.1/8", "localhost", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no network such as"):
        networks((text,))


@pytest.mark.parametrize("proxy_is_here", [True, False])
def test_a_proxied_peer_is_here_only_where_both_it_and_the_proxy_are(proxy_is_here: bool) -> None:
    proxy = Caller("proxy -> us", proxy_is_here)
    far = proxied_caller(proxy, Proxied(False, THERE, ("10.0.0.1", 5672)))
    assert far == Caller("10.0.0.9:4000 -> 10.0.0.1:5672", False)
    assert proxied_caller(proxy, Proxied(False, HERE, HERE)).is_loopback is proxy_is_here
    assert proxied_caller(proxy, Proxied(True)) == proxy
    assert proxied_caller(proxy, Proxied(False)) == Caller("proxy -> us", False)
