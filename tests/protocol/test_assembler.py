"""Content comes as method, header, bodies, and in no other order or size."""

from __future__ import annotations

import pytest

from protocol.assembler import Assembler
from protocol.commands import Address, Publish
from protocol.constants import BODY_BYTES_MAX, FRAME_BODY, FRAME_HEADER
from protocol.errors import AmqpError, ChannelException, ConnectionException

LIMIT = 1000
ADDRESS = Address("x", "k", False, False, b"\x01x\x01k")
PERSISTENT = b"\x10\x00\x02"


def header(size: int, properties: bytes = b"\x00\x00", class_id: int = 60, weight: int = 0) -> bytes:
    """A content header's payload."""
    return class_id.to_bytes(2, "big") + weight.to_bytes(2, "big") + size.to_bytes(8, "big") + properties


def begun() -> Assembler:
    """An assembler that has seen the publish method."""
    assembler = Assembler(7)
    assembler.begin(ADDRESS)
    return assembler


def refusal(assembler: Assembler, kind: int, payload: bytes, error: type[AmqpError]) -> tuple[int, str]:
    """Code and text with which a frame is refused."""
    with pytest.raises(error) as raised:
        assembler.content(kind, payload, LIMIT)
    return raised.value.code, raised.value.text


def assert_idle(assembler: Assembler) -> None:
    """No content is under way: a method may come, and a body may not."""
    assembler.check_no_content()
    code, text = refusal(assembler, FRAME_BODY, b"x", ConnectionException)
    assert (code, text) == (505, "expected method frame, got non method frame instead")


def test_a_body_in_one_frame_completes_the_message() -> None:
    assembler = begun()
    assert assembler.content(FRAME_HEADER, header(3, PERSISTENT), LIMIT) is None
    message = assembler.content(FRAME_BODY, b"abc", LIMIT)
    assert isinstance(message, Publish)
    assert (message.channel, message.address, message.bodies) == (7, ADDRESS, [b"abc"])
    assert message.properties.raw == PERSISTENT
    assert_idle(assembler)


def test_partial_bodies_are_joined_in_order() -> None:
    assembler = begun()
    assembler.header(header(6), LIMIT)
    assert assembler.body(b"ab") is None
    assert assembler.body(b"") is None, "an empty body frame adds nothing"
    assert assembler.body(b"cde") is None
    message = assembler.body(b"f")
    assert message is not None
    assert message.bodies == [b"abcdef"]
    assert_idle(assembler)


def test_nothing_of_a_message_is_left_for_the_next() -> None:
    assembler = begun()
    assembler.header(header(2, PERSISTENT), LIMIT)
    assembler.body(b"a")
    assembler.body(b"b")
    assembler.begin(ADDRESS)
    assembler.header(header(1), LIMIT)
    message = assembler.body(b"c")
    assert message is not None
    assert message.bodies == [b"c"]
    assert message.properties.raw == b"\x00\x00"


def test_an_empty_body_has_no_frame() -> None:
    assembler = begun()
    message = assembler.header(header(0, PERSISTENT), LIMIT)
    assert message is not None
    assert (message.bodies, message.properties.raw) == ([b""], PERSISTENT)
    assert_idle(assembler)


@pytest.mark.parametrize(("kind", "payload"), [(FRAME_HEADER, header(1)), (FRAME_BODY, b"x")])
def test_content_without_a_method_is_unexpected(kind: int, payload: bytes) -> None:
    code, text = refusal(Assembler(1), kind, payload, ConnectionException)
    assert (code, text) == (505, "expected method frame, got non method frame instead")


def test_a_body_before_its_header_is_unexpected() -> None:
    code, text = refusal(begun(), FRAME_BODY, b"x", ConnectionException)
    assert code == 505
    assert text == "expected content header for class 60, got non content header frame instead"


def test_a_second_header_is_unexpected() -> None:
    assembler = begun()
    assembler.header(header(1), LIMIT)
    code, text = refusal(assembler, FRAME_HEADER, header(1), ConnectionException)
    assert (code, text) == (505, "expected content body, got non content body frame instead")


def test_a_method_within_content_is_unexpected() -> None:
    assembler = begun()
    for expected in ("content header for class 60", "content body"):
        with pytest.raises(ConnectionException) as raised:
            assembler.check_no_content()
        assert raised.value.code == 505
        assert raised.value.text.startswith(f"expected {expected}, got non")
        if expected != "content body":
            assembler.header(header(1), LIMIT)


def test_a_header_of_another_class_is_unexpected() -> None:
    code, text = refusal(begun(), FRAME_HEADER, header(1, class_id=50), ConnectionException)
    assert (code, text) == (505, "expected content header for class 60, got one for class 50 instead")


def test_a_header_with_a_weight_is_unexpected() -> None:
    assert refusal(begun(), FRAME_HEADER, header(1, weight=1), ConnectionException)[0] == 505


def test_the_limit_itself_is_allowed_and_one_more_closes_the_channel() -> None:
    assert begun().header(header(LIMIT), LIMIT) is None
    assembler = begun()
    code, text = refusal(assembler, FRAME_HEADER, header(LIMIT + 1), ChannelException)
    assert (code, text) == (406, f"message size {LIMIT + 1} is larger than configured max size {LIMIT}")
    assert_idle(assembler)


def test_no_body_is_larger_than_the_bound_whatever_is_configured() -> None:
    assert begun().header(header(BODY_BYTES_MAX), BODY_BYTES_MAX * 2) is None
    with pytest.raises(ConnectionException) as raised:
        begun().header(header(BODY_BYTES_MAX + 1), BODY_BYTES_MAX * 2)
    assert raised.value.code == 501


@pytest.mark.parametrize("parts", [[b"abcd"], [b"ab", b"cd"]])
def test_more_body_than_announced_is_a_frame_error(parts: list[bytes]) -> None:
    assembler = begun()
    assembler.header(header(3), LIMIT)
    for part in parts[:-1]:
        assert assembler.body(part) is None
    code, text = refusal(assembler, FRAME_BODY, parts[-1], ConnectionException)
    assert (code, text) == (501, "content body is larger than announced: 1 bytes too many")


def test_malformed_properties_are_a_syntax_error() -> None:
    assert refusal(begun(), FRAME_HEADER, header(1, b"\x10\x00"), ConnectionException)[0] == 502


def test_reset_forgets_a_half_read_message() -> None:
    assembler = begun()
    assembler.header(header(4), LIMIT)
    assembler.body(b"ab")
    assembler.reset()
    assert_idle(assembler)
    assembler.begin(ADDRESS)
    assembler.header(header(1), LIMIT)
    message = assembler.body(b"z")
    assert message is not None
    assert message.bodies == [b"z"]


def test_equal_properties_are_read_once() -> None:
    assembler = Assembler(1)
    first = assembler.properties_of(PERSISTENT)
    assert assembler.properties_of(bytes(bytearray(PERSISTENT))) is first
    assert assembler.properties_of(b"\x10\x00\x01").delivery_mode == 1
