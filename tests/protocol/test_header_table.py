"""Changes to a header table: what is asked for, and nothing else, whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import properties as flag
from protocol.header_table import (
    ARRAY,
    TABLE,
    TEXT,
    array_entry,
    bool_entry,
    header_entries,
    long_entry,
    read_entries,
    read_values,
    rewritten,
    table_value,
    text_entry,
    text_value,
    timestamp_entry,
    with_header,
)
from protocol.properties import NO_PROPERTIES, Properties
from protocol.tables import decode_table
from tests.protocol.test_properties import VALUES, decoded, raw_of

SCALARS = {
    b"t": 1, b"b": 1, b"B": 1, b"s": 2, b"u": 2, b"I": 4, b"i": 4, b"l": 8, b"L": 8, b"f": 4, b"d": 8, b"D": 5,
    b"T": 8, b"V": 0,
}  # fmt: skip
KEYS = st.text("abcCX-", max_size=6).map(str.encode)


def values() -> st.SearchStrategy[bytes]:
    """Values with their type octets, any of them, nested ones too."""
    scalar = st.sampled_from(sorted(SCALARS)).flatmap(
        lambda kind: st.binary(min_size=SCALARS[kind], max_size=SCALARS[kind]).map(lambda data: kind + data)
    )
    text = st.sampled_from([b"S", b"x"]).flatmap(
        lambda kind: st.binary(max_size=9).map(lambda data: kind + len(data).to_bytes(4, "big") + data)
    )

    def nested(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
        array = st.lists(inner, max_size=3).map(b"".join).map(lambda data: b"A" + len(data).to_bytes(4, "big") + data)
        return array | tables(inner).map(table_value)

    return st.recursive(scalar | text, nested, max_leaves=5)


def tables(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A table's entries, without its length."""
    entry = st.tuples(KEYS, inner).map(lambda pair: bytes([len(pair[0])]) + pair[0] + pair[1])
    return st.lists(entry, max_size=6).map(b"".join)


def properties(table: bytes | None, names: set[str]) -> Properties:
    """Any properties with these headers."""
    whole = raw_of(**{name: VALUES[name] for name in names if name != "headers"})
    if table is None:
        return Properties(whole)
    return rewritten(Properties(whole), table)


NAMES = st.sets(st.sampled_from(sorted(VALUES)))


@settings(max_examples=15, deadline=None)
@given(tables(values()), NAMES)
def test_entries_are_read_back_as_they_are(table: bytes, names: set[str]) -> None:
    changed = properties(table, names)
    entries = header_entries(changed)
    assert entries is not None
    assert b"".join(entry.raw for entry in entries) == table
    before = properties(None, names - {"headers"})
    assert changed.raw[changed.headers_end :] == before.raw[before.headers_end or changed.headers_start :]
    assert changed.flags == before.flags | flag.HEADERS


@settings(max_examples=15, deadline=None)
@given(tables(values()), NAMES, KEYS, st.integers(0, 2**63 - 1))
def test_one_header_more_leaves_all_others_their_bytes(table: bytes, names: set[str], key: bytes, number: int) -> None:
    before = properties(table, names)
    after = with_header(before, key, long_entry(key, number))
    expected = [entry.raw for entry in header_entries(before) or () if entry.key != key] + [long_entry(key, number)]
    found = header_entries(after)
    assert found is not None
    assert sorted(entry.raw for entry in found) == sorted(expected)
    assert [entry.key for entry in found] == sorted(entry.key for entry in found)
    assert after.flags == before.flags | flag.HEADERS
    assert after.raw[after.headers_end :] == before.raw[before.headers_end :]
    assert [entry.integer() for entry in found if entry.key == key] == [number]


@settings(max_examples=15, deadline=None)
@given(NAMES)
def test_an_expiration_can_be_left_out_alone(names: set[str]) -> None:
    fields = {name: VALUES[name] for name in names}
    after = rewritten(Properties(raw_of(**fields)), text_entry(b"k", b"v"), keeps_expiration=False)
    assert after.expiration is None
    left = {name: fields[name] for name in names if name != "expiration"}
    assert decoded(after.raw) == decoded(raw_of(**left | {"headers": {"k": "v"}}))


@given(st.binary(max_size=60))
def test_garbage_is_malformed_or_a_table_of_its_own_bytes(data: bytes) -> None:
    try:
        entries = read_entries(data)
    except (ValueError, IndexError):
        return
    assert b"".join(entry.raw for entry in entries) == data


@given(st.binary(min_size=1, max_size=60))
def test_a_table_that_cannot_be_read_stays(data: bytes) -> None:
    before = rewritten(NO_PROPERTIES, data)
    if header_entries(before) is None:
        assert with_header(before, b"k", long_entry(b"k", 1)) is before


@pytest.mark.parametrize(
    "table",
    [
        b"\x01",
        b"\x01k",
        b"\x01kS",
        b"\x01kS\x00\x00\x00\x05ab",
        b"\x01kZ",
        b"\x01kl\x00",
        b"\x05ab",
        b"\x01kA\xff\xff\xff\xff",
    ],
)
def test_what_reaches_beyond_its_table_is_malformed(table: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        read_entries(table)


def test_entries_are_what_any_client_decodes() -> None:
    table = text_entry(b"text", b"v") + long_entry(b"long", 2**63 - 1) + bool_entry(b"bool", True)
    table += timestamp_entry(b"time", 1_700_000_000) + array_entry(b"array", text_value(b"a") + text_value(b"b"))
    found = decode_table(len(table).to_bytes(4, "big") + table)
    assert found.pop("time").timestamp() == 1_700_000_000  # type: ignore[attr-defined]
    assert found == {"text": "v", "long": 2**63 - 1, "bool": True, "array": ["a", "b"]}
    assert [(entry.key, entry.kind, entry.text(), entry.integer()) for entry in read_entries(table)][:2] == [
        (b"text", TEXT, b"v", None), (b"long", ord("l"), None, 2**63 - 1),
    ]  # fmt: skip


def test_more_than_a_long_holds_is_cut() -> None:
    assert read_entries(long_entry(b"k", 2**70))[0].integer() == 2**63 - 1


def test_of_an_array_only_the_kind_asked_for_is_read() -> None:
    array = text_value(b"a") + b"t\x01" + table_value(b"") + text_value(b"b")
    assert read_values(array, TEXT) == [b"a", b"b"]
    assert read_values(array, TABLE) == [b""]
    assert read_values(array, ARRAY) == []
    with pytest.raises((ValueError, IndexError)):
        read_values(array[:-1], TEXT)


@pytest.mark.parametrize(
    ("kind", "value", "number"),
    [("b", b"\xff", -1), ("B", b"\xff", 255), ("s", b"\xff\xfe", -2), ("u", b"\x01\x00", 256), ("I", b"\xff" * 4, -1),
     ("i", b"\xff" * 4, 2**32 - 1), ("l", b"\xff" * 8, -1), ("L", b"\xff" * 8, 2**64 - 1)],
)  # fmt: skip
def test_integers_of_every_size_are_read(kind: str, value: bytes, number: int) -> None:
    assert read_entries(b"\x01k" + kind.encode() + value)[0].integer() == number
