"""The one table of arguments: every x-argument of queues, exchanges, consumers, with type, range and meaning.

Declaration checks, the redeclare check, settings and docs read the rows. Must not: act on an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException
from protocol.tables import TYPE_NAMES

TIMER_MS_MAX: Final = 100 * 365 * 86_400_000  # a hundred years
LONG_MAX: Final = 2**63 - 1
SEGMENT_BYTES_MAX: Final = 3_000_000_000
FILTER_BYTES_MIN: Final = 16
FILTER_BYTES_MAX: Final = 255

QUEUE: Final = "queue"
EXCHANGE: Final = "exchange"
CONSUMER: Final = "consumer"
POLICY: Final = "policy"  # what only a policy can set

ALL_TYPES: Final = ("classic", "quorum", "stream")


@dataclass(frozen=True, slots=True)
class Argument:
    """One row. `kind` is integer, boolean, string or any; `minimum`/`maximum` bound integers, `choices` strings.

    `form` is what a string has to look like, `form_error` what is said of others.

    `equivalent` says whether a redeclare with another value is refused; `acts` whether the broker acts on it yet, or
    only checks and keeps it.

    `policy_key` is the policy that may set the same thing, and `policy_noun` what a wrong value of it is called.
    `merge` says which of two values counts, of a policy and an operator policy as of an argument and a policy: the
    smaller (min) or the larger one (max). Where it is empty, operators cannot set it, and the argument counts. A policy
    that has a key applies to queues of `policy_types` only.
    """

    name: str
    on: str
    kind: str
    summary: str
    unit: str = ""
    minimum: int = 0
    maximum: int = LONG_MAX
    maximum_error: str = "value_too_big"
    choices: tuple[str, ...] = ()
    choice_error: str = ""
    requires: str = ""
    requires_error: str = ""
    policy_key: str = ""
    policy_noun: str = ""
    policy_types: tuple[str, ...] = ALL_TYPES
    merge: str = ""
    names_exchange: bool = False
    default: object = None
    equivalent: bool = True
    acts: bool = True
    form: re.Pattern[str] | None = None
    form_error: str = ""


_NOT_STREAM: Final = ("classic", "quorum")
_CLASSIC: Final = ("classic",)
_QUORUM: Final = ("quorum",)
_STREAM: Final = ("stream",)


def _policy_only(
    key: str, kind: str, summary: str, noun: str, types: tuple[str, ...] = ALL_TYPES, merge: str = "",
    choices: tuple[str, ...] = (), acts: bool = True,
) -> Argument:  # fmt: skip
    """The row of what no argument can set."""
    return Argument(key, POLICY, kind, summary, choices=choices, policy_key=key, policy_noun=noun, policy_types=types,
                    merge=merge, acts=acts)  # fmt: skip


LOCATORS: Final = ("client-local", "balanced", "random", "least-leaders")
INTERVAL: Final = re.compile(r"0*[1-9][0-9]{0,17}[YMDhms]")  # 1h, 7D; what an age and an interval look like


ARGUMENTS: Final[tuple[Argument, ...]] = (
    Argument("x-message-ttl", QUEUE, "integer", "How long a message may wait", "ms", 0, TIMER_MS_MAX,
             policy_key="message-ttl", policy_noun="message TTL", policy_types=_NOT_STREAM, merge="min"),
    Argument("x-expires", QUEUE, "integer", "How long the queue may be unused before it is deleted", "ms", 1,
             TIMER_MS_MAX, policy_key="expires", policy_noun="queue expiry", policy_types=_NOT_STREAM, merge="min"),
    Argument("x-max-priority", QUEUE, "integer", "Highest priority that is kept apart; more counts as this", "level", 0,
             255, "max_value_exceeded"),
    Argument("x-single-active-consumer", QUEUE, "boolean", "Only one consumer at a time gets messages"),
    Argument("x-queue-type", QUEUE, "string", "The kind of queue", choices=ALL_TYPES,
             choice_error="\"unsupported queue type '{}'\"", default="classic"),
    Argument("x-max-length", QUEUE, "integer", "Most messages that may be ready", "messages", policy_key="max-length",
             policy_noun="maximum length", policy_types=_NOT_STREAM, merge="min", acts=False),
    Argument("x-max-length-bytes", QUEUE, "integer", "Most body bytes that may be ready", "bytes",
             policy_key="max-length-bytes", policy_noun="maximum length in bytes", merge="min", acts=False),
    Argument("x-overflow", QUEUE, "string", "What happens at the length limit",
             choices=("drop-head", "reject-publish", "reject-publish-dlx"), choice_error="invalid_overflow",
             policy_key="overflow", policy_noun="overflow value", policy_types=_NOT_STREAM, acts=False),
    Argument("x-dead-letter-exchange", QUEUE, "string", "Where dropped messages go", policy_key="dead-letter-exchange",
             policy_noun="dead letter exchange name", policy_types=_NOT_STREAM, names_exchange=True, acts=False),
    Argument("x-dead-letter-routing-key", QUEUE, "string", "The routing key dropped messages get",
             requires="x-dead-letter-exchange", requires_error="routing_key_but_no_dlx_defined",
             policy_key="dead-letter-routing-key", policy_noun="dead letter routing key", policy_types=_NOT_STREAM,
             acts=False),
    Argument("x-dead-letter-strategy", QUEUE, "string", "How safely dropped messages travel",
             choices=("at-most-once", "at-least-once"), choice_error="invalid_dlx_strategy",
             policy_key="dead-letter-strategy", policy_noun="dead letter strategy", policy_types=_QUORUM,
             equivalent=False, acts=False),
    Argument("x-delivery-limit", QUEUE, "integer", "Most deliveries of one message", "deliveries",
             policy_key="delivery-limit", policy_noun="delivery limit", policy_types=_QUORUM, merge="min",
             equivalent=False, acts=False),
    Argument("x-consumer-timeout", QUEUE, "integer", "How long a delivery may stay unacknowledged", "ms",
             policy_key="consumer-timeout", policy_noun="consumer timeout", merge="min", equivalent=False, acts=False),
    Argument("x-queue-mode", QUEUE, "string", "Accepted for older clients; every queue pages out by itself",
             choices=("default", "lazy"), choice_error="\"unsupported queue mode '{}'\"", policy_key="queue-mode",
             policy_noun="queue-mode value", policy_types=_CLASSIC),
    Argument("x-queue-version", QUEUE, "integer", "Accepted for older clients", minimum=1, maximum=2, equivalent=False,
             policy_key="queue-version", policy_noun="queue-version value", policy_types=_CLASSIC),
    Argument("x-queue-master-locator", QUEUE, "string", "Accepted for older clients", equivalent=False,
             policy_key="queue-master-locator", policy_noun="master locator", policy_types=_CLASSIC),
    Argument("x-quorum-initial-group-size", QUEUE, "integer", "Accepted for older clients", equivalent=False),
    Argument("x-max-age", QUEUE, "string", "Age at which a stream's messages go: a number with Y, M, D, h, m or s",
             form=INTERVAL, form_error="invalid_max_age", policy_key="max-age", policy_noun="max age",
             policy_types=_STREAM),
    Argument("x-stream-max-segment-size-bytes", QUEUE, "integer", "Accepted; streams share the log's segments", "bytes",
             1, policy_key="stream-max-segment-size-bytes", policy_noun="segment size",
             policy_types=_STREAM),
    Argument("x-stream-filter-size-bytes", QUEUE, "integer", "Accepted; filters take no room", "bytes"),
    Argument("x-initial-cluster-size", QUEUE, "integer", "Accepted; there is one node", "nodes", 1,
             policy_key="initial-cluster-size", policy_noun="cluster size", policy_types=_STREAM),
    Argument("x-queue-leader-locator", QUEUE, "string", "Accepted; there is one node", choices=LOCATORS,
             choice_error="invalid_queue_locator_arg", policy_key="queue-leader-locator",
             policy_noun="queue leader locator value", equivalent=False),
    Argument("alternate-exchange", EXCHANGE, "string", "Where messages go that no binding takes",
             policy_key="alternate-exchange", policy_noun="alternate exchange name", names_exchange=True),
    Argument("x-priority", CONSUMER, "integer", "Consumers of higher priority are served first", minimum=-(2**31),
             maximum=2**31 - 1),
    Argument("x-stream-offset", CONSUMER, "any", "Where a stream's consumer begins: first, last, next, an offset, a "
             "time or an interval such as 1h"),
    Argument("x-stream-filter", CONSUMER, "any", "Filter values a stream's consumer wants, one or a list"),
    Argument("x-stream-match-unfiltered", CONSUMER, "boolean", "Whether it also wants messages without a filter value"),
    Argument("x-stream-consumer-name", CONSUMER, "string", "Under this name the broker keeps how far it has come"),
    Argument("x-cancel-on-ha-failover", CONSUMER, "boolean", "Accepted for older clients"),
    _policy_only("max-in-memory-length", "integer", "Accepted from older brokers", "maximum memory in bytes",
                 types=_QUORUM, merge="min"),
    _policy_only("max-in-memory-bytes", "integer", "Accepted from older brokers", "maximum memory in bytes",
                 types=_QUORUM, merge="min"),
    _policy_only("target-group-size", "integer", "Accepted; there is one node", "target group size", types=_QUORUM,
                 merge="max"),
    _policy_only("ha-mode", "any", "Accepted from older brokers; nothing is mirrored", "ha-mode", types=_CLASSIC),
    _policy_only("ha-params", "any", "Accepted from older brokers", "ha-params", types=_CLASSIC),
    _policy_only("ha-sync-mode", "any", "Accepted from older brokers", "ha-sync-mode", types=_CLASSIC),
    _policy_only("ha-sync-batch-size", "any", "Accepted from older brokers", "ha-sync-batch-size"),
    _policy_only("ha-promote-on-shutdown", "any", "Accepted from older brokers", "ha-promote-on-shutdown",
                 types=_CLASSIC),
    _policy_only("ha-promote-on-failure", "any", "Accepted from older brokers", "ha-promote-on-failure",
                 types=_CLASSIC),
)  # fmt: skip

_OF_STREAMS: Final = frozenset(("x-max-age", "x-stream-max-segment-size-bytes", "x-initial-cluster-size"))
REFUSED: Final[dict[str, frozenset[str]]] = {  # by the type of queue: arguments that it does not take
    "classic": _OF_STREAMS | {"x-queue-leader-locator"},
    "quorum": _OF_STREAMS,
    "stream": frozenset((
        "x-message-ttl", "x-expires", "x-max-priority", "x-single-active-consumer", "x-max-length", "x-overflow",
        "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-delivery-limit",
        "x-queue-mode", "x-queue-version", "x-queue-master-locator", "x-quorum-initial-group-size",
    )),
}  # fmt: skip
REFUSED_OF_CONSUMERS: Final[dict[str, frozenset[str]]] = {"stream": frozenset(("x-priority",))}

BY_NAME: Final[dict[tuple[str, str], Argument]] = {(row.on, row.name): row for row in ARGUMENTS}
BY_POLICY_KEY: Final[dict[str, Argument]] = {row.policy_key: row for row in ARGUMENTS if row.policy_key}


def merged(row: Argument, one: object, other: object) -> object:
    """What counts of two values for the same thing (None: none); without a rule to merge them, `one`."""
    if one is None or other is None or not row.merge:
        return other if one is None else one
    if not isinstance(one, int) or not isinstance(other, int):
        return one
    return min(one, other) if row.merge == "min" else max(one, other)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a declaration as they came: values, and the type letters they had on the wire."""

    values: Mapping[str, object]
    types: Mapping[str, str]

    def type_name(self, name: str) -> str:
        """The type as reply texts name it."""
        return TYPE_NAMES.get(self.types.get(name, ""), "undefined")

    def get(self, name: str) -> object:
        """The value, or None."""
        return self.values.get(name)

    def having(self, name: str, text: str) -> Arguments:
        """The same with one more, a text."""
        return Arguments({**self.values, name: text}, {**self.types, name: "S"})


NO_ARGUMENTS: Final = Arguments({}, {})


def check_arguments(on: str, arguments: Arguments, resource: str) -> None:
    """Checks every known argument of a declaration by its row; unknown ones pass, as with RabbitMQ.

    Raises: ChannelException 406 `invalid arg 'x' for queue 'q' in vhost '/': why`.
    """
    for name in arguments.values:
        row = BY_NAME.get((on, name))
        if row is None:
            continue
        type_name = arguments.type_name(name)
        if row.names_exchange and not _right_type(row, arguments.values[name]):
            text = f"invalid type '{type_name}' for arg '{name}' in {resource}"
            raise ChannelException(PRECONDITION_FAILED, text)
        fault = _fault(row, arguments, name)
        if fault:
            raise ChannelException(PRECONDITION_FAILED, f"invalid arg '{name}' for {resource}: {fault}")


def check_taken(refused: Mapping[str, frozenset[str]], queue_type: str, arguments: Arguments, resource: str) -> None:
    """Checks that a queue of this type takes the arguments. Args: refused is REFUSED, or REFUSED_OF_CONSUMERS.

    Raises: ChannelException 406 `invalid arg 'x' for queue 'q' in vhost '/' of queue type rabbit_stream_queue`.
    """
    names = refused.get(queue_type, frozenset())
    for name in arguments.values:
        if name in names:
            text = f"invalid arg '{name}' for {resource} of queue type rabbit_{queue_type}_queue"
            raise ChannelException(PRECONDITION_FAILED, text)


def check_queue_type(arguments: Arguments, resource: str, durable: bool, exclusive: bool, auto_delete: bool) -> None:
    """Checks what a queue type refuses.

    Raises: ChannelException 406.
    """
    if arguments.get("x-queue-type") not in ("quorum", "stream"):
        return
    for refused, name in ((not durable, "non-durable"), (exclusive, "exclusive-owner"), (auto_delete, "auto-delete")):
        if refused:
            raise ChannelException(PRECONDITION_FAILED, f"invalid property '{name}' for {resource}")
    _check_sizes(arguments)


def _check_sizes(arguments: Arguments) -> None:
    """Two bounds that RabbitMQ words in a way of their own, and checks last."""
    segment, bloom = arguments.get("x-stream-max-segment-size-bytes"), arguments.get("x-stream-filter-size-bytes")
    if isinstance(segment, int) and segment > SEGMENT_BYTES_MAX:
        raise ChannelException(PRECONDITION_FAILED, "Exceeded max value for x-stream-max-segment-size-bytes")
    if isinstance(bloom, int) and not FILTER_BYTES_MIN <= bloom <= FILTER_BYTES_MAX:
        raise ChannelException(PRECONDITION_FAILED, "Invalid value for  x-stream-filter-size-bytes")


def _fault(row: Argument, arguments: Arguments, name: str) -> str:
    value = arguments.values[name]
    type_name = arguments.type_name(name)
    if not _right_type(row, value):
        integer = row.kind == "integer"
        return f'"expected integer, got {type_name}"' if integer else f"{{unacceptable_type,{type_name}}}"
    if row.requires and row.requires not in arguments.values:
        return row.requires_error
    if isinstance(value, str):
        return _text_fault(row, value)
    if isinstance(value, int) and row.kind == "integer":
        if value < row.minimum:
            return f"{{value_zero,{value}}}" if value == 0 else f"{{value_negative,{value}}}"
        if value > row.maximum:
            return f"{{{row.maximum_error},{value}}}"
    return ""


def _text_fault(row: Argument, text: str) -> str:
    if row.choices and text not in row.choices:
        return row.choice_error.format(text)
    return row.form_error if row.form is not None and not row.form.fullmatch(text) else ""


def _right_type(row: Argument, value: object) -> bool:
    if row.kind == "any":
        return True
    if row.kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if row.kind == "boolean" else str)


def check_equivalent(on: str, current: Arguments, received: Arguments, resource: str) -> None:
    """Compares a redeclaration with what is there, row by row.

    Raises: ChannelException 406 `inequivalent arg 'x' for queue 'q' in vhost '/': received … but current is …`.
    """
    for row in ARGUMENTS:
        if row.on != on or not row.equivalent:
            continue
        have, want = current.values.get(row.name, row.default), received.values.get(row.name, row.default)
        if have != want or isinstance(have, bool) != isinstance(want, bool):
            both = row.name in current.values and row.name in received.values
            shown = _value if both else _value_and_type
            text = f"received {shown(received, row.name)} but current is {shown(current, row.name)}"
            raise ChannelException(PRECONDITION_FAILED, f"inequivalent arg '{row.name}' for {resource}: {text}")


def check_same(name: str, current: bool | str, received: bool | str, resource: str) -> None:
    """Compares a flag or a type of a redeclaration with what is there.

    Raises: ChannelException 406.
    """
    if current != received:
        text = f"received '{_flag(received)}' but current is '{_flag(current)}'"
        raise ChannelException(PRECONDITION_FAILED, f"inequivalent arg '{name}' for {resource}: {text}")


def _flag(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _value(arguments: Arguments, name: str) -> str:
    value = arguments.values[name]
    return f"'{_flag(value) if isinstance(value, bool | str) else value}'"


def _value_and_type(arguments: Arguments, name: str) -> str:
    if name not in arguments.values:
        return "none"
    return f"the value {_value(arguments, name)} of type '{arguments.type_name(name)}'"
