"""A property list is kept as it came; what is read of it is what pamqp wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from protocol import properties as flag
from protocol.errors import ConnectionException
from protocol.properties import NO_PROPERTIES, Properties, list_end

HEADERS = {"a": 1, "CC": ["x", "y"], "BCC": ["z"], "nested": {"b": "text"}}
VALUES: dict[str, object] = {
    "content_type": "text/plain", "content_encoding": "gzip", "headers": HEADERS, "delivery_mode": 2, "priority": 7,
    "correlation_id": "corr", "reply_to": "back", "expiration": "60000", "message_id": "m-1",
    "timestamp": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), "message_type": "kind", "user_id": "guest",
    "app_id": "app", "cluster_id": "cluster",
}  # fmt: skip
FLAGS = {
    "content_type": flag.CONTENT_TYPE, "content_encoding": flag.CONTENT_ENCODING, "headers": flag.HEADERS,
    "delivery_mode": flag.DELIVERY_MODE, "priority": flag.PRIORITY, "correlation_id": flag.CORRELATION_ID,
    "reply_to": flag.REPLY_TO, "expiration": flag.EXPIRATION, "message_id": flag.MESSAGE_ID,
    "timestamp": flag.TIMESTAMP, "message_type": flag.TYPE, "user_id": flag.USER_ID, "app_id": flag.APP_ID,
    "cluster_id": flag.CLUSTER_ID,
}  # fmt: skip
READ: dict[str, object] = {  # what the broker reads without decoding the table, where the property is given
    "delivery_mode": 2, "priority": 7, "reply_to": b"back", "expiration": b"60000", "user_id": b"guest",
}  # fmt: skip
ABSENT: dict[str, object] = {
    "delivery_mode": 0, "priority": 0, "reply_to": None, "expiration": None, "user_id": None,
}  # fmt: skip


def raw_of(**fields: object) -> bytes:
    """Flags and list as pamqp encodes them."""
    properties = Basic.Properties()
    for name, value in fields.items():
        setattr(properties, name, value)  # its __init__ refuses a cluster-id, which is on the wire all the same
    return bytes(ContentHeader(0, 0, properties).marshal()[12:])


def decoded(raw: bytes) -> dict[str, object]:
    """Flags and list as pamqp reads them: the properties that are there."""
    header = ContentHeader()
    header.unmarshal(b"\x00\x3c\x00\x00" + bytes(8) + raw)
    return {name: value for name, value in header.properties if value is not None}


def assert_reads(properties: Properties, names: set[str]) -> None:
    """Everything read of the list is as expected with exactly these properties given."""
    expected_flags = 0
    for name in names:
        expected_flags |= FLAGS[name]
    assert properties.flags == expected_flags
    for name, value in READ.items():
        assert getattr(properties, name) == (value if name in names else ABSENT[name]), name
    assert properties.persistent is ("delivery_mode" in names)
    assert properties.headers() == (HEADERS if "headers" in names else {})
    assert properties.may_copy is ("headers" in names)


@pytest.mark.parametrize("name", VALUES)
def test_each_property_alone(name: str) -> None:
    raw = raw_of(**{name: VALUES[name]})
    properties = Properties(raw)
    assert properties.raw == raw
    assert_reads(properties, {name})


@pytest.mark.parametrize("missing", ["", *VALUES])
def test_all_properties_together_and_all_but_one(missing: str) -> None:
    fields = {name: value for name, value in VALUES.items() if name != missing}
    raw = raw_of(**fields)
    properties = Properties(raw)
    assert properties.raw == raw
    assert_reads(properties, set(fields))


def test_none() -> None:
    assert raw_of() == NO_PROPERTIES.raw
    assert_reads(Properties(raw_of()), set())


def test_only_delivery_mode_2_is_persistent() -> None:
    for mode in (0, 1, 3, 255):
        properties = Properties(b"\x10\x00" + bytes([mode]))
        assert (properties.delivery_mode, properties.persistent) == (mode, False)


@pytest.mark.parametrize("reply_to", [b"", b"x", b"longer than before", b"r" * 255])
def test_with_reply_to_keeps_every_other_byte(reply_to: bytes) -> None:
    before = Properties(raw_of(**VALUES))
    after = before.with_reply_to(reply_to)
    assert after.reply_to == reply_to
    assert after.raw == raw_of(**{**VALUES, "reply_to": "@"}).replace(b"\x01@", bytes([len(reply_to)]) + reply_to)
    assert after.with_reply_to(b"back").raw == before.raw
    assert before.reply_to == b"back", "the original is shared and stays"


def test_with_reply_to_needs_one_that_fits() -> None:
    with pytest.raises(AssertionError):
        NO_PROPERTIES.with_reply_to(b"x")
    with pytest.raises(AssertionError):
        Properties(raw_of(reply_to="x")).with_reply_to(b"r" * 256)


@pytest.mark.parametrize("key", list(HEADERS))
def test_hiding_a_header_keeps_every_other_byte(key: str) -> None:
    before = Properties(raw_of(**VALUES))
    left = {name: value for name, value in HEADERS.items() if name != key}
    after = before.hiding(key)
    assert after.raw == raw_of(**{**VALUES, "headers": left})
    assert after.headers() == left
    assert before.headers() == HEADERS, "the original is shared and stays"
    assert after.hidden in before.raw
    assert after.hidden[1 : 1 + after.hidden[0]] == key.encode()
    assert (before.hidden, after.with_reply_to(b"other").hidden) == (b"", after.hidden)


@pytest.mark.parametrize("missing", ["", *VALUES])
def test_a_list_ends_where_other_bytes_begin(missing: str) -> None:
    raw = raw_of(**{name: value for name, value in VALUES.items() if name != missing})
    assert list_end(raw) == list_end(raw + b"behind") == len(raw)


def test_without_the_only_header_an_empty_table_stays() -> None:
    after = Properties(raw_of(headers={"BCC": ["z"]}, priority=7)).hiding("BCC")
    assert after.raw == b"\x28\x00" + bytes(4) + b"\x07"
    assert decoded(after.raw)["priority"] == 7


def test_without_a_header_that_is_not_there_nothing_changes() -> None:
    before = Properties(raw_of(headers={"a": 1, "nested": {"BCC": ["z"]}}))
    assert before.hiding("BCC") is before
    assert before.hiding("A") is before, "keys have a case"


def test_may_copy_is_false_only_where_there_is_nothing_to_copy() -> None:
    assert not Properties(raw_of(headers={"a": "b"})).may_copy
    assert not Properties(raw_of(content_type="CC", app_id="BCC")).may_copy
    assert not NO_PROPERTIES.may_copy
    for headers in ({"CC": ["a"]}, {"BCC": ["a"]}, {"a": 1, "BCC": []}):
        assert Properties(raw_of(headers=headers)).may_copy


def assert_malformed(raw: bytes) -> None:
    with pytest.raises(ConnectionException) as raised:
        Properties(raw)
    assert (raised.value.code, raised.value.class_id) == (502, 60)


@pytest.mark.parametrize("name", VALUES)
def test_every_cut_and_every_addition_is_malformed(name: str) -> None:
    raw = raw_of(**{name: VALUES[name]})
    for end in range(len(raw)):
        assert_malformed(raw[:end])
    assert_malformed(raw + b"\x00")


def test_every_cut_of_all_properties_is_malformed() -> None:
    raw = raw_of(**VALUES)
    for end in range(len(raw)):
        assert_malformed(raw[:end])


@pytest.mark.parametrize("flags", [0x0001, 0x0002, 0x0003, 0x8001])
def test_unknown_flags_are_malformed(flags: int) -> None:
    assert_malformed(flags.to_bytes(2, "big") + (b"\x00" if flags & 0x8000 else b""))


def test_a_malformed_table_is_found_when_it_is_read() -> None:
    raw = b"\x20\x00" + (3).to_bytes(4, "big") + b"\x05ab"  # a key that is longer than its table
    for read in (Properties.headers, lambda properties: properties.hiding("BCC")):
        with pytest.raises(ConnectionException) as raised:
            read(Properties(raw))
        assert raised.value.code == 502
