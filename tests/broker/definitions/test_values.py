"""What is stored of a definition gives the same definition back; keys are as different as the names in them."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from broker.auth.permissions import Permission
from broker.auth.users import User
from broker.definitions import values
from broker.definitions.keys import binding_key, key_of, names_of
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.queues.definition import QueueDefinition
from broker.routing.binding import Binding
from broker.routing.exchange import Exchange
from broker.routing.terms import frozen_table
from protocol.tables import FIXED_SIZES, decode_table, walk_table

ESCAPED = st.text(st.characters(codec="utf-8")) | st.text("/%~+ aü\udcff")
TIMESTAMPS_MAX = 0xFFFFFFFF
DECIMAL_PLACES_MAX = 40


def long(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    return long(b"".join(bytes([len(key)]) + key + value for key, value in entries))


def fields() -> st.SearchStrategy[bytes]:
    """Values with their type octet, of every type there is."""
    special = {
        ord("t"): st.sampled_from([b"\0", b"\1"]),
        ord("T"): st.integers(0, TIMESTAMPS_MAX).map(lambda seconds: struct.pack(">Q", seconds)),
        ord("D"): st.tuples(st.integers(0, DECIMAL_PLACES_MAX), st.integers(0, 2**32 - 1)).map(
            lambda parts: struct.pack(">BI", *parts)
        ),
    }
    sized = [
        special.get(kind, st.binary(min_size=size, max_size=size)).map(lambda data, kind=kind: bytes([kind]) + data)
        for kind, size in FIXED_SIZES.items()
    ]
    texts = st.text().map(lambda text: b"S" + long(text.encode()))
    octets = st.tuples(st.sampled_from([b"S", b"x"]), st.binary()).map(lambda pair: pair[0] + long(pair[1]))
    return st.recursive(
        st.one_of(*sized, texts, octets),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: b"A" + long(b"".join(items)))
            | tables(inner).map(lambda held: b"F" + held)
        ),
        max_leaves=8,
    )


def tables(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    keys = st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: text.encode())
    return st.dictionaries(keys, inner, max_size=4).map(lambda held: table(list(held.items())))


def arguments_of(wire: bytes) -> Arguments:
    return Arguments(decode_table(wire), walk_table(wire, 0)[1])


def assert_same(one: Arguments, other: Arguments) -> None:
    assert frozen_table(dict(one.values)) == frozen_table(dict(other.values)), "as routing compares, types included"
    assert list(one.values) == list(other.values)
    assert one.types == other.types


@given(tables(fields()))
def test_every_field_type_comes_back(wire: bytes) -> None:
    arguments = arguments_of(wire)
    queue = QueueDefinition("q", True, False, True, arguments, None, 7)
    assert_same(arguments, values.decode_queue("q", values.encode_queue(queue)).arguments)
    exchange = Exchange("x", "topic", True, False, True, dict(arguments.values))
    decoded, declared = values.decode_exchange("x", values.encode_exchange(exchange, arguments))
    assert_same(arguments, declared)
    assert frozen_table(decoded.arguments) == frozen_table(exchange.arguments)
    binding = values.StoredBinding("x", "key", dict(arguments.values))
    read = values.decode_binding(values.encode_binding(binding))
    assert read[:2] == binding[:2]
    assert frozen_table(read.arguments) == frozen_table(binding.arguments)


def test_people_can_read_a_value() -> None:
    wire = table([(b"x-expires", b"I\0\0\3\xe8"), (b"deep", b"F" + table([(b"at", b"T" + bytes(8))]))])
    encoded = values.encode_queue(QueueDefinition("q", True, False, False, arguments_of(wire), None, 7))
    assert json.loads(encoded) == {
        "version": 1,
        "number": 7,
        "auto_delete": False,
        "arguments": {"x-expires": 1000, "deep": {"table": {"at": {"timestamp": "1970-01-01T00:00:00+00:00"}}}},
        "argument_types": {"x-expires": "I", "deep": "F"},
    }


def test_flags_come_back() -> None:
    queue = QueueDefinition("q", True, False, True, NO_ARGUMENTS, None, 3)
    assert values.decode_queue("q", values.encode_queue(queue)) == queue
    wire = table([(b"alternate-exchange", b"S" + long(b"other"))])
    exchange = Exchange("x", "headers", True, True, True, {"alternate-exchange": "other"}, "other")
    read, arguments = values.decode_exchange("x", values.encode_exchange(exchange, arguments_of(wire)))
    assert (read.name, read.type, read.durable, read.auto_delete, read.internal, read.alternate) == (
        "x", "headers", True, True, True, "other",
    )  # fmt: skip
    assert arguments == arguments_of(wire)


@given(st.text(), st.text(), st.lists(st.text()))
def test_users_and_permissions_come_back(name: str, text: str, tags: list[str]) -> None:
    user = User(name, text, tuple(tags), "rabbit_password_hashing_sha512")
    assert values.decode_user(name, values.encode_user(user)) == user
    permission = Permission(name, "v", text, "", ".*")
    assert values.decode_permission("v", name, values.encode_permission(permission)) == permission


def test_a_newer_version_is_not_understood() -> None:
    with pytest.raises(ValueError, match="it has version 2, and this broker knows versions up to 1"):
        values.decode_queue("q", b'{"version": 2, "number": 1, "auto_delete": false}')


@given(st.lists(ESCAPED, min_size=1, max_size=3))
def test_names_come_back_from_a_key(names: list[str]) -> None:
    key = key_of("queue", *names)
    assert names_of(key) == ["queue", *names]
    assert key.isascii()
    assert key.count("/") == len(names)


@given(ESCAPED, ESCAPED, tables(fields()), tables(fields()))
def test_bindings_have_one_key_exactly_where_they_are_equal(one: str, other: str, first: bytes, second: bytes) -> None:
    here, there = decode_table(first), decode_table(second)
    equal = Binding("x", "q", "queue", one, here) == Binding("x", "q", "queue", other, there)
    keys = binding_key("/", "queue", "q", "x", one, here), binding_key("/", "queue", "q", "x", other, there)
    assert (keys[0] == keys[1]) == equal


def test_keys_are_what_they_have_always_been() -> None:
    """Stored keys are found again only if the same binding gives the same key in every version of the broker."""
    assert binding_key("/", "queue", "a/b", "amq.topic", "k.*~", {}) == "queue/%2F/a%2Fb/binding/amq.topic/k.%2A%7E"
    arguments = {"x-match": "any", "n": 1, "raw": b"\xff", "deep": [{"at": 1.5}, None, True]}
    with_digest = binding_key("/", "exchange", "x", "amq.headers", "", arguments)
    assert with_digest == "exchange/%2F/x/binding/amq.headers/~5e7cd81462fc50b398acb09b3422f603"
    assert binding_key("/", "exchange", "x", "amq.headers", "", dict(reversed(arguments.items()))) == with_digest
    same = {**arguments, "raw": bytearray(b"\xff")}  # the same binding to routing
    assert binding_key("/", "exchange", "x", "amq.headers", "", same) == with_digest


@given(ESCAPED, ESCAPED)
def test_a_key_is_no_prefix_of_anothers_bindings(one: str, other: str) -> None:
    assume(one != other)
    assert not binding_key("/", "queue", other, "x", "k", {}).startswith(key_of("queue", "/", one) + "/")
