"""Argument tables in JSON become the broker's, with the type that each value has in AMQP. Must not: check them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from broker.management.call import bad_request
from broker.model.arguments import NO_ARGUMENTS, Arguments

ENTRIES_MAX: Final = 1000
NAME_BYTES_MAX: Final = 128
INTEGER_MAX: Final = 2**63


def arguments_of(values: Mapping[str, Any]) -> Arguments:
    """The arguments of a declaration. Raises: Refused 400 for what AMQP has no words for."""
    if not values:
        return NO_ARGUMENTS
    table = table_of(values)
    return Arguments(table, {name: letter_of(value) for name, value in table.items()})


def table_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """A table that can be written as AMQP. Raises: Refused 400."""
    if len(values) > ENTRIES_MAX:
        raise bad_request(f"a table has at most {ENTRIES_MAX} entries")
    for name, value in values.items():
        if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
            raise bad_request(f"a name in a table has at most {NAME_BYTES_MAX} bytes")
        _check(value)
    return dict(values)


def _check(value: Any) -> None:
    if isinstance(value, int) and not -INTEGER_MAX <= value < INTEGER_MAX:
        raise bad_request(f"the number {value:.3e} does not fit 64 bits")
    if isinstance(value, float) and value != value:  # noqa: PLR0124
        raise bad_request("NaN is no number")
    if isinstance(value, dict):
        table_of(value)
    elif isinstance(value, list):
        if len(value) > ENTRIES_MAX:
            raise bad_request(f"an array has at most {ENTRIES_MAX} entries")
        for one in value:
            _check(one)


def letter_of(value: Any) -> str:
    """The letter of a value's type, as RabbitMQ's API chooses it."""
    if isinstance(value, bool):
        return "t"
    if value is None:
        return "V"
    kinds = ((int, "l"), (float, "d"), (str, "S"), (list, "A"), (dict, "F"))
    return next(letter for kind, letter in kinds if isinstance(value, kind))
