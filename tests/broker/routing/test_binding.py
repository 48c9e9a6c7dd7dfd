"""What makes two bindings one, and the key RabbitMQ's HTTP API gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.broker.routing.support import binding

# Its hash was computed by RabbitMQ 3.10.8 from the same terms.
EVERY_TYPE: dict[str, object] = {
    "k": b"\x01\x02",
    "a": 1,
    "b": "x",
    "c": True,
    "d": None,
    "e": 1.5,
    "f": 3_000_000_000,
    "f2": 300,
    "f3": -3_000_000_000,
    "f4": -2_000_000_000,
    "g": [300, "q"],
    "g2": [],
    "h": {"z": -5},
    "h2": {},
    "i": datetime(2020, 1, 1, tzinfo=UTC),
    "j": Decimal("1.5"),
}


@pytest.mark.parametrize(
    ("key", "arguments", "expected"),
    [
        ("", {}, "~"),
        ("~", {}, "%7E"),
        ("a.b-c_d", {}, "a.b-c_d"),
        ("a b/é", {}, "a+b%2F%C3%A9"),
        ("a\udce9", {}, "a%E9"),
        ("", {"x-match": "all"}, "~lPzqlf8Xc1LYGA1IrMzsaQ"),
        ("k", EVERY_TYPE, "k~aGhurS5diOprSj8d8jzG5g"),
    ],
)
def test_properties_key(key: str, arguments: dict[str, object], expected: str) -> None:
    assert binding(key, arguments).properties_key == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), ("x", b"x"), (None, ""), ([], {}), (Decimal("1.0"), Decimal("1.00")), ([1], [True]), (0, 1)],
)
def test_arguments_that_differ_in_type_make_two_bindings(one: object, other: object) -> None:
    assert binding("k", {"a": one}) != binding("k", {"a": other})


def test_the_same_five_parts_make_one_binding() -> None:
    one, other = binding("k", {"a": 1, "b": [{"c": b"x"}]}), binding("k", {"b": [{"c": b"x"}], "a": 1})
    assert one == other
    assert hash(one) == hash(other)
    assert binding("k") != binding("l")
    assert binding("k") != binding("k", queue="other")


def test_what_no_field_table_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        binding("k", {"a": object()})
