"""PROXY protocol headers: what is read, what is refused, and that nothing behind a header is taken."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.constants import PROXY_SIGNATURE_2 as SIGNATURE_2
from protocol.proxy_header import (
    HEAD_BYTES,
    LINE_BYTES_MAX,
    REST_BYTES_MAX,
    Proxied,
    ProxyHeader,
    ProxyHeaderError,
)

GREETING = b"AMQP\0\0\x09\x01"
TO_4 = b"PROXY TCP4 203.0.113.7 10.0.0.1 51000 5672\r\n"
TO_6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 5672\r\n"
LONGEST = b"PROXY TCP6 " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2) + b" 65535 65535\r\n"


def version_2(command: int, family: int, rest: bytes, version: int = 2) -> bytes:
    return SIGNATURE_2 + struct.pack(">BBH", version << 4 | command, family, len(rest)) + rest


def addresses(source: str, destination: str, source_port: int = 51000, destination_port: int = 5672) -> bytes:
    packed = b"".join(ipaddress.ip_address(one).packed for one in (source, destination))
    return packed + struct.pack(">HH", source_port, destination_port)


VERSION_2_4 = version_2(1, 0x11, addresses("203.0.113.7", "10.0.0.1"))
VERSION_2_6 = version_2(1, 0x21, addresses("2001:db8::7", "2001:db8::1") + b"\x04\0\x03abc")
LOCAL = version_2(0, 0x00, b"")
WHOLE = (TO_4, TO_6, LONGEST, VERSION_2_4, VERSION_2_6, LOCAL, b"PROXY UNKNOWN\r\n", version_2(1, 0x31, bytes(216)))


def read(data: bytes, step: int = 1 << 20) -> tuple[Proxied, bytes]:
    """The header at the beginning of what comes in pieces, each seen whole and taken as far as the header goes."""
    header = ProxyHeader()
    while header.proxied is None:
        piece = data[:step]
        assert piece, "it waits for more than there is"
        count = header.receive(piece)
        assert 0 < count <= len(piece), "each piece brings it further"
        data = data[count:]
    return header.proxied, data


@pytest.mark.parametrize(
    ("data", "source", "destination"),
    [
        (TO_4, ("203.0.113.7", 51000), ("10.0.0.1", 5672)),
        (TO_6, ("2001:db8::7", 51000), ("2001:db8::1", 5672)),
        (VERSION_2_4, ("203.0.113.7", 51000), ("10.0.0.1", 5672)),
        (VERSION_2_6, ("2001:db8::7", 51000), ("2001:db8::1", 5672)),
        (b"PROXY TCP6 ::ffff:10.1.2.3 ::1 0 65535\r\n", ("10.1.2.3", 0), ("::1", 65535)),
    ],
)
def test_addresses_are_read(data: bytes, source: tuple[str, int], destination: tuple[str, int]) -> None:
    proxied, rest = read(data + GREETING)
    assert (proxied.source, proxied.destination, proxied.is_local, rest) == (source, destination, False, GREETING)


def test_a_proxy_may_speak_for_itself() -> None:
    assert read(LOCAL + GREETING)[0].is_local
    assert read(version_2(0, 0x11, addresses("203.0.113.7", "10.0.0.1")))[0].is_local


@pytest.mark.parametrize(
    "data",
    [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ::1 ::1 1 1\r\n", version_2(1, 0, b""), version_2(1, 0x31, bytes(216))],
)
def test_a_proxy_may_not_know_for_whom_it_speaks(data: bytes) -> None:
    proxied, rest = read(data + GREETING)
    assert (proxied.source, proxied.is_local, rest) == (None, False, GREETING)


@pytest.mark.parametrize("data", WHOLE)
def test_a_header_may_come_byte_by_byte(data: bytes) -> None:
    whole, in_bytes = read(data)[0], read(data + GREETING, 1)
    assert (in_bytes[0].source, in_bytes[0].is_local, in_bytes[1]) == (whole.source, whole.is_local, GREETING)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (GREETING, "begins with b'A"),
        (b"\x16\x03\x01\x02\x00", "begins with"),
        (b"PROXX", "begins with b'PROXX'"),
        (SIGNATURE_2[:11] + b"x", "begins with"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + bytes(100), "does not end within 107 bytes"),
        (b"PROXY " + b"1" * 200, "does not end within 107 bytes"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "its line is"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", "its line is"),
        (b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "its line is"),
        (b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "its line is"),
        (b"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", "is no address"),
        (b"PROXY TCP4 \xb2.2.3.4 5.6.7.8 1 2\r\n", "is no address"),
        (b"PROXY TCP4 ::1 5.6.7.8 1 2\r\n", "is no IPv4 address"),
        (b"PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "is no IPv6 address"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "is no IPv6 address"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", "b'65536' is no port"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 01\r\n", "b'01' is no port"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "b'-1' is no port"),
        (version_2(1, 0x11, addresses("1.2.3.4", "5.6.7.8"), version=1), "version and command are 0x11"),
        (version_2(2, 0x11, addresses("1.2.3.4", "5.6.7.8")), "version and command are 0x22"),
        (version_2(1, 0x12, addresses("1.2.3.4", "5.6.7.8")), "0x12, which is not TCP"),
        (version_2(1, 0x11, bytes(11)), "11 bytes are too few"),
        (version_2(1, 0x21, bytes(35)), "35 bytes are too few"),
        (version_2(1, 0x11, bytes(REST_BYTES_MAX + 1)), "at most 4096 are read"),
    ],
)
def test_anything_else_is_refused(data: bytes, why: str) -> None:
    for step in (1, 1 << 20):
        with pytest.raises(ProxyHeaderError, match=why):
            read(data, step)


def test_the_longest_header_of_each_version_is_read() -> None:
    assert len(LONGEST) <= LINE_BYTES_MAX
    longest = version_2(1, 0x11, addresses("1.2.3.4", "5.6.7.8") + bytes(REST_BYTES_MAX - 12))
    assert read(longest + GREETING)[1] == GREETING


@given(st.data())
def test_whatever_comes_it_ends_within_its_bounds(data: st.DataObject) -> None:
    """Never an error of another kind, never a byte too many, and the pieces make no difference."""
    start = data.draw(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE_2, SIGNATURE_2 + b"\x21\x11", *WHOLE]))
    whole = start + data.draw(st.binary(max_size=300)) + bytes(HEAD_BYTES + REST_BYTES_MAX)
    steps = data.draw(st.sampled_from([1, 2, 7, 4096]))
    outcomes = []
    for step in (len(whole), steps):
        try:
            proxied, rest = read(whole, step)
        except ProxyHeaderError as error:
            outcomes.append(str(error) and "refused")
        else:
            assert len(whole) - len(rest) <= HEAD_BYTES + REST_BYTES_MAX
            outcomes.append(str((proxied.source, proxied.destination, proxied.is_local, rest)))
    assert outcomes[0] == outcomes[1]


@given(st.ip_addresses(), st.integers(0, 65535), st.data())
@example(ipaddress.IPv6Address("::ffff:1.2.3.4"), 1, None)
def test_every_address_comes_through_alike_in_both_versions(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, data: st.DataObject | None
) -> None:
    kind, family, other = ("TCP4", 0x11, "10.0.0.1") if source.version == 4 else ("TCP6", 0x21, "::1")
    line = f"PROXY {kind} {source} {other} {port} 5672\r\n".encode()
    binary = version_2(
        1, family, addresses(str(source), other, port) + (data.draw(st.binary(max_size=64)) if data else b"")
    )
    assert read(line)[0].source == read(binary)[0].source
    assert read(line)[0].source[1] == port  # type: ignore[index]
