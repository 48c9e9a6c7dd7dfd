"""The header in which a proxy says whom it speaks for (PROXY protocol, versions 1 and 2): bytes in, addresses out.

Must not: decide who may send one, or look at what follows it.

    version 1   PROXY TCP4 SOURCE DESTINATION PORT PORT CR LF, or PROXY UNKNOWN ... CR LF; at most 107 bytes
    version 2   12 bytes of signature | version 2, command | family, transport | u16 length | addresses | extensions

Spec: haproxy.org, proxy-protocol.txt.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from protocol.constants import PROXY_SIGNATURE_1 as SIGNATURE_1
from protocol.constants import PROXY_SIGNATURE_2 as SIGNATURE_2
from protocol.octets import u16

LINE_BYTES_MAX: Final = 107  # of version 1, its end included
HEAD_BYTES: Final = 16  # of version 2, up to the addresses
REST_BYTES_MAX: Final = 4096  # of version 2 behind its head: 216 of addresses, the rest extensions that are not read
LOCAL: Final = 0
PROXY: Final = 1
VERSION_2: Final = 2
FAMILIES: Final = {0x11: 4, 0x21: 16}  # TCP over IPv4 and IPv6: bytes of an address
UNNAMED_FAMILIES: Final = (0x00, 0x31)  # unspecified, and a unix socket on the proxy's machine: nothing to show
PORT_MAX: Final = 65535

SocketAddress = tuple[str, int]


class ProxyHeaderError(Exception):
    """It is no PROXY header, or not one that can be read; the text says why."""


class Proxied:
    """What a header says.

    `is_local`: the proxy speaks for itself. Where `source` is None otherwise, it does not know for whom it speaks.
    """

    __slots__ = ("destination", "is_local", "source")

    def __init__(
        self, is_local: bool, source: SocketAddress | None = None, destination: SocketAddress | None = None
    ) -> None:
        self.is_local = is_local
        self.source = source
        self.destination = destination


class ProxyHeader:
    """Reads one header from the beginning of a connection."""

    __slots__ = ("_data", "proxied")

    def __init__(self) -> None:
        self.proxied: Proxied | None = None  # once the header is whole
        self._data = b""

    def receive(self, data: bytes) -> int:
        """Takes bytes that follow what it has; returns how many of them belong to the header.

        Raises: ProxyHeaderError.
        """
        had = len(self._data)
        self._data += data
        if self._begins(SIGNATURE_2):
            end = self._version_2()
        elif self._begins(SIGNATURE_1):
            end = self._version_1()
        else:
            raise ProxyHeaderError(f"it begins with {self._data[:12]!r}")
        return len(data) if self.proxied is None else end - had

    def _begins(self, signature: bytes) -> bool:
        return self._data[: len(signature)] == signature[: len(self._data)]

    def _version_1(self) -> int:
        end = self._data.find(b"\r\n", 0, LINE_BYTES_MAX)
        if end >= 0:
            self.proxied = _parse_line(self._data[:end])
        elif len(self._data) >= LINE_BYTES_MAX:
            raise ProxyHeaderError(f"its line does not end within {LINE_BYTES_MAX} bytes")
        return end + 2

    def _version_2(self) -> int:
        if len(self._data) < HEAD_BYTES:
            return 0
        command, rest = self._data[12], u16(self._data, 14)
        if command >> 4 != VERSION_2 or command & 15 not in (LOCAL, PROXY):
            raise ProxyHeaderError(f"version and command are {command:#04x}")
        if rest > REST_BYTES_MAX:
            raise ProxyHeaderError(f"{rest} bytes of addresses and extensions, at most {REST_BYTES_MAX} are read")
        end = HEAD_BYTES + rest
        if len(self._data) >= end:
            self.proxied = _parse_addresses(command & 15, self._data[13], self._data[HEAD_BYTES:end])
        return end


def _parse_line(line: bytes) -> Proxied:
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":
        return Proxied(False)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyHeaderError(f"its line is {line!r}")
    version = 4 if words[1] == b"TCP4" else 6
    source, destination = (_text_address(word, version) for word in words[2:4])
    return Proxied(False, (source, _text_port(words[4])), (destination, _text_port(words[5])))


def _text_address(word: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(word.decode("ascii"))
    except ValueError:
        raise ProxyHeaderError(f"{word!r} is no address") from None
    if address.version != version or b"%" in word:
        raise ProxyHeaderError(f"{word!r} is no IPv{version} address")
    return shown(address)


def _text_port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or (word[:1] == b"0" and word != b"0") or int(word) > PORT_MAX:
        raise ProxyHeaderError(f"{word!r} is no port")
    return int(word)


def _parse_addresses(command: int, family: int, rest: bytes) -> Proxied:
    if command == LOCAL:
        return Proxied(True)
    if family in UNNAMED_FAMILIES:
        return Proxied(False)
    size = FAMILIES.get(family)
    if size is None:
        raise ProxyHeaderError(f"address family and transport are {family:#04x}, which is not TCP")
    if len(rest) < 2 * size + 4:
        raise ProxyHeaderError(f"{len(rest)} bytes are too few for its addresses")
    source, destination = (shown(ipaddress.ip_address(rest[at : at + size])) for at in (0, size))
    return Proxied(False, (source, u16(rest, 2 * size)), (destination, u16(rest, 2 * size + 2)))


def shown(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address as text; an IPv4 address that came in IPv6's form is shown as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
