"""Checks arguments by the rows of `arguments`: what a declaration may say, and whether a redeclaration says the same.

Must not: know a queue or a connection, or decide what becomes of a redeclaration that differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from broker.model.arguments import (
    ARGUMENTS,
    BY_NAME,
    CONSUMER,
    INTERVAL,
    QUEUE,
    SEGMENT_BYTES_MAX,
    Argument,
    Arguments,
)
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

_REPLICATED: Final = ("quorum", "stream")  # elsewhere; they have the same refusals here


def check_arguments(on: str, arguments: Arguments, resource: str) -> None:
    """Checks every known argument of a declaration by its row; unknown ones pass, as with RabbitMQ.

    Raises: ChannelException 406 `invalid arg 'x' for exchange 'e' in vhost '/': why`.
    """
    for name in arguments.values:
        row = BY_NAME.get((on, name))
        if row is not None:
            _check(row, arguments, resource)


def check_queue_arguments(arguments: Arguments, resource: str) -> None:
    """Checks the arguments of a new queue: its type, then what that type knows, then what it does not.

    Raises: ChannelException 406 `invalid arg 'x' for queue 'q' in vhost '/': why`, or `… of queue type t`.
    """
    type_row = BY_NAME[QUEUE, "x-queue-type"]
    if type_row.name in arguments.values:
        _check(type_row, arguments, resource)
    kind = arguments.get(type_row.name) or type_row.default
    rows = [BY_NAME[QUEUE, name] for name in arguments.values if (QUEUE, name) in BY_NAME]
    for row in rows:
        if kind in row.types:
            _check(row, arguments, resource)
    for row in rows:
        if kind not in row.types:
            text = f"invalid arg '{row.name}' for {resource} of queue type rabbit_{kind}_queue"
            raise ChannelException(PRECONDITION_FAILED, text)


def check_queue_type(arguments: Arguments, resource: str, durable: bool, exclusive: bool, auto_delete: bool) -> None:
    """Checks what a queue type refuses besides arguments.

    Raises: ChannelException 406.
    """
    if arguments.get("x-queue-type") not in _REPLICATED:
        return
    for refused, name in ((auto_delete, "auto-delete"), (exclusive, "exclusive-owner"), (not durable, "non-durable")):
        if refused:
            raise ChannelException(PRECONDITION_FAILED, f"invalid property '{name}' for {resource}")
    segment_bytes = arguments.get("x-stream-max-segment-size-bytes")
    if isinstance(segment_bytes, int) and segment_bytes > SEGMENT_BYTES_MAX:
        raise ChannelException(PRECONDITION_FAILED, "Exceeded max value for x-stream-max-segment-size-bytes")


def check_consumer_arguments(arguments: Arguments, kind: str, resource: str) -> None:
    """Checks the arguments of a consumer of a queue of that kind.

    Raises: ChannelException 406 `invalid arg 'x' for queue 'q' in vhost '/': why`, or `… of queue type t`.
    """
    if kind == "stream" and "x-priority" in arguments.values:
        text = f"invalid arg 'x-priority' for {resource} of queue type rabbit_stream_queue"
        raise ChannelException(PRECONDITION_FAILED, text)
    check_arguments(CONSUMER, arguments, resource)


def check_server_named(arguments: Arguments) -> None:
    """Checks whether the broker may name a new queue, as it may not where others would have to find it.

    Raises: ChannelException 406.
    """
    kind = arguments.get("x-queue-type")
    if kind in _REPLICATED:
        text = f"Cannot declare a server-named queue for type rabbit_{kind}_queue"
        raise ChannelException(PRECONDITION_FAILED, text)


def _check(row: Argument, arguments: Arguments, resource: str) -> None:
    name = row.name
    if row.names_exchange and not _right_type(row, arguments.values[name]):
        text = f"invalid type '{arguments.type_name(name)}' for arg '{name}' in {resource}"
        raise ChannelException(PRECONDITION_FAILED, text)
    fault = _fault(row, arguments, name)
    if fault:
        raise ChannelException(PRECONDITION_FAILED, f"invalid arg '{name}' for {resource}: {fault}")


def _fault(row: Argument, arguments: Arguments, name: str) -> str:
    value = arguments.values[name]
    type_name = arguments.type_name(name)
    if not _right_type(row, value):
        integer = row.kind == "integer"
        return f'"expected integer, got {type_name}"' if integer else f"{{unacceptable_type,{type_name}}}"
    if row.requires and row.requires not in arguments.values:
        return row.requires_error
    if isinstance(value, str):
        is_wrong = (row.choices and value not in row.choices) or (row.kind == "age" and not INTERVAL.fullmatch(value))
        return row.choice_error.format(value) if is_wrong else ""
    if isinstance(value, int) and row.kind == "integer":
        return _out_of_range(row, value)
    return ""


def _out_of_range(row: Argument, value: int) -> str:
    if row.minimum <= value <= row.maximum:
        return ""
    if row.choice_error:
        return row.choice_error.format(value)
    if value < row.minimum:
        return f"{{value_zero,{value}}}" if value == 0 else f"{{value_negative,{value}}}"
    return f"{{{row.maximum_error},{value}}}"


def _right_type(row: Argument, value: object) -> bool:
    if row.kind == "any":
        return True
    if row.kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if row.kind == "boolean" else str)


class Difference(NamedTuple):
    """What a redeclaration says otherwise: `received` and `current` as reply texts show them."""

    name: str
    received: str
    current: str

    def text(self, resource: str) -> str:
        """As RabbitMQ says it."""
        return f"inequivalent arg '{self.name}' for {resource}: received {self.received} but current is {self.current}"


def different(on: str, current: Arguments, received: Arguments) -> Iterator[Difference]:
    """Compares the arguments of a redeclaration with those there, row by row of what a queue of that type knows."""
    kind = current.get("x-queue-type") or BY_NAME[QUEUE, "x-queue-type"].default
    for row in ARGUMENTS:
        if row.on != on or not row.equivalent or kind not in row.types:
            continue
        have, want = current.values.get(row.name, row.default), received.values.get(row.name, row.default)
        if have != want or isinstance(have, bool) != isinstance(want, bool):
            both = row.name in current.values and row.name in received.values
            shown = _value if both else _value_and_type
            yield Difference(row.name, shown(received, row.name), shown(current, row.name))


def different_flag(name: str, current: bool | str, received: bool | str) -> Iterator[Difference]:
    """Compares a flag or a type of a redeclaration with what is there."""
    if current != received:
        yield Difference(name, f"'{_flag(received)}'", f"'{_flag(current)}'")


def check_same(differences: Iterator[Difference], resource: str) -> None:
    """Raises: ChannelException 406 `inequivalent arg 'x' for queue 'q' in vhost '/': received … but current is …`."""
    for difference in differences:
        raise ChannelException(PRECONDITION_FAILED, difference.text(resource))


def _flag(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _value(arguments: Arguments, name: str) -> str:
    value = arguments.values[name]
    return f"'{_flag(value) if isinstance(value, bool | str) else value}'"


def _value_and_type(arguments: Arguments, name: str) -> str:
    if name not in arguments.values:
        return "none"
    return f"the value {_value(arguments, name)} of type '{arguments.type_name(name)}'"
