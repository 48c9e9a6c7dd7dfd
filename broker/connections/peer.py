"""Who is at the other end of a connection: its name for people, whether it is on this machine, what TLS says of it.

Must not: know sockets; addresses are arguments.
"""

from __future__ import annotations

import ipaddress
from itertools import count
from typing import Final, NamedTuple

SocketAddress = tuple[str, int]
UNIX: Final = "unix"
_unix_peers = count(1)  # they have no address of their own, and a connection's name is the only one of its kind


class TlsPeer(NamedTuple):
    """What TLS has agreed on, in RabbitMQ's words, and the client's certificate where one was verified.

    `user` is whom the certificate stands for; empty where it names nobody.
    """

    protocol: str
    key_exchange: str
    cipher: str
    hash: str
    has_certificate: bool = False
    subject: str = ""
    issuer: str = ""
    validity: str = ""
    user: str = ""


class Caller(NamedTuple):
    """The other end of one connection; `name` is `peer -> own address`."""

    name: str
    is_loopback: bool
    tls: TlsPeer | None = None


def connection_name(peer: object, local: object) -> str:
    """A connection's name from the addresses of both ends, as sockets have them."""
    return f"{_shown(peer, str(next(_unix_peers)) if not isinstance(peer, tuple) else '')} -> {_shown(local, '')}"


def _shown(address: object, number: str) -> str:
    if not isinstance(address, tuple):
        return f"{UNIX}:{number}" if number else str(address or UNIX)
    host = plain_host(address[0])
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


def plain_host(host: object) -> str:
    """An address without its zone; an IPv4 address that came in IPv6's form as what it is."""
    text = str(host).partition("%")[0]
    return text.removeprefix("::ffff:") if "." in text else text


def is_loopback(address: object) -> bool:
    """Whether a socket's peer is on this machine; a unix socket's is."""
    if not isinstance(address, tuple):
        return True
    try:
        return ipaddress.ip_address(plain_host(address[0])).is_loopback
    except ValueError:
        return False


def split_address(text: str) -> SocketAddress:
    """Host and port of `host:port` or `[host]:port`; what has no port has port 0."""
    host, colon, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if colon and port.isdigit() else (text, 0)
