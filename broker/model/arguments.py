"""The one table of arguments: every x-argument of queues, exchanges, consumers, with type, range and meaning.

`argument_checks`, settings, policies and docs read the rows. Must not: act on an argument, or check one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol.tables import TYPE_NAMES

TIMER_MS_MAX: Final = 100 * 365 * 86_400_000  # a hundred years
LONG_MAX: Final = 2**63 - 1
COUNT_MAX: Final = 2**31 - 1
SEGMENT_BYTES_MAX: Final = 3_000_000_000
INTERVAL: Final = re.compile(r"0*[1-9][0-9]{0,17}[YMDhms]")  # an age, as in 1h or 7D

QUEUE: Final = "queue"
EXCHANGE: Final = "exchange"
CONSUMER: Final = "consumer"
POLICY: Final = "policy"  # what only a policy can set

ALL_TYPES: Final = ("classic", "quorum", "stream")


@dataclass(frozen=True, slots=True)
class Argument:
    """One row. `kind` is integer, boolean, string, age or any; `minimum`/`maximum` bound integers, `choices` strings.

    `equivalent` says whether a redeclare with another value is refused; `acts` whether it has any effect: what does
    not is checked, kept and shown, for clients that know brokers where it does.

    `types` are the kinds of queue that take it: others refuse it, and do not compare it.
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
    types: tuple[str, ...] = ALL_TYPES


_NOT_STREAM: Final = ("classic", "quorum")
_CLASSIC: Final = ("classic",)
_QUORUM: Final = ("quorum",)
_STREAM: Final = ("stream",)
_NOT_CLASSIC: Final = ("quorum", "stream")


def _policy_only(
    key: str, kind: str, summary: str, noun: str, types: tuple[str, ...] = ALL_TYPES, merge: str = "",
    choices: tuple[str, ...] = (),
) -> Argument:  # fmt: skip
    """The row of what no argument can set, and nothing here acts on."""
    return Argument(key, POLICY, kind, summary, choices=choices, policy_key=key, policy_noun=noun, policy_types=types,
                    merge=merge, acts=False)  # fmt: skip


ARGUMENTS: Final[tuple[Argument, ...]] = (  # a queue's stand in the order in which RabbitMQ compares them
    Argument("x-expires", QUEUE, "integer", "How long the queue may be unused before it is deleted", "ms", 1,
             TIMER_MS_MAX, policy_key="expires", policy_noun="queue expiry", policy_types=_NOT_STREAM, merge="min",
             types=_NOT_STREAM),
    Argument("x-message-ttl", QUEUE, "integer", "How long a message may wait", "ms", 0, TIMER_MS_MAX,
             policy_key="message-ttl", policy_noun="message TTL", policy_types=_NOT_STREAM, merge="min",
             types=_NOT_STREAM),
    Argument("x-dead-letter-exchange", QUEUE, "string", "Where dropped messages go", policy_key="dead-letter-exchange",
             policy_noun="dead letter exchange name", policy_types=_NOT_STREAM, names_exchange=True,
             types=_NOT_STREAM),
    Argument("x-dead-letter-routing-key", QUEUE, "string", "The routing key dropped messages get",
             requires="x-dead-letter-exchange", requires_error="routing_key_but_no_dlx_defined",
             policy_key="dead-letter-routing-key", policy_noun="dead letter routing key", policy_types=_NOT_STREAM,
             types=_NOT_STREAM),
    Argument("x-dead-letter-strategy", QUEUE, "string", "How safely dropped messages travel",
             choices=("at-most-once", "at-least-once"), choice_error="invalid_dlx_strategy",
             policy_key="dead-letter-strategy", policy_noun="dead letter strategy", policy_types=_QUORUM,
             types=_QUORUM),
    Argument("x-max-length", QUEUE, "integer", "Most messages that may be ready", "messages", policy_key="max-length",
             policy_noun="maximum length", policy_types=_NOT_STREAM, merge="min", types=_NOT_STREAM),
    Argument("x-max-length-bytes", QUEUE, "integer", "Most body bytes that may be ready", "bytes",
             policy_key="max-length-bytes", policy_noun="maximum length in bytes", merge="min"),
    Argument("x-max-in-memory-length", QUEUE, "integer", "Accepted from older clients", "messages",
             types=_QUORUM, acts=False),
    Argument("x-max-in-memory-bytes", QUEUE, "integer", "Accepted from older clients", "bytes",
             types=_QUORUM, acts=False),
    Argument("x-max-priority", QUEUE, "integer", "Highest priority that is kept apart; more counts as this", "level", 0,
             255, "max_value_exceeded", types=_CLASSIC),
    Argument("x-overflow", QUEUE, "string", "What happens at the length limit",
             choices=("drop-head", "reject-publish", "reject-publish-dlx"), choice_error="invalid_overflow",
             policy_key="overflow", policy_noun="overflow value", policy_types=_NOT_STREAM,
             types=_NOT_STREAM),
    Argument("x-hold-header", QUEUE, "string", "The header that says until when a message is held, such as `eta`",
             policy_key="hold-header", policy_noun="header name", policy_types=_NOT_STREAM, types=_NOT_STREAM),
    Argument("x-retry-backoff-base", QUEUE, "integer", "How long a refused message waits at first; then twice as long",
             "ms", 1, TIMER_MS_MAX, policy_key="retry-backoff-base", policy_noun="retry back-off",
             policy_types=_NOT_STREAM, types=_NOT_STREAM),
    Argument("x-retry-backoff-max", QUEUE, "integer", "The longest that a refused message waits", "ms", 1,
             TIMER_MS_MAX, policy_key="retry-backoff-max", policy_noun="retry back-off", policy_types=_NOT_STREAM,
             types=_NOT_STREAM),
    Argument("x-retry-attempts-max", QUEUE, "integer", "Most retries of a refused message; then it is dropped",
             "retries", policy_key="retry-attempts-max", policy_noun="number of retries", policy_types=_NOT_STREAM,
             types=_NOT_STREAM),
    Argument("x-queue-mode", QUEUE, "string", "Accepted for older clients; every queue pages out by itself",
             choices=("default", "lazy"), choice_error="\"unsupported queue mode '{}'\"", policy_key="queue-mode",
             policy_noun="queue-mode value", policy_types=_CLASSIC, types=_CLASSIC, acts=False),
    Argument("x-queue-version", QUEUE, "integer", "Accepted for older clients", minimum=1, maximum=2,
             choice_error="\"unsupported queue version '{}'\"", policy_key="queue-version",
             policy_noun="queue-version value", policy_types=_CLASSIC, types=_CLASSIC, acts=False),
    Argument("x-single-active-consumer", QUEUE, "boolean", "Only one consumer at a time gets messages",
             types=_NOT_STREAM),
    Argument("x-queue-type", QUEUE, "string", "The kind of queue", choices=ALL_TYPES,
             choice_error="\"unsupported queue type '{}'\"", default="classic"),
    Argument("x-quorum-initial-group-size", QUEUE, "integer", "Accepted; there is one node", minimum=1,
             types=_QUORUM, acts=False),
    Argument("x-delivery-limit", QUEUE, "integer", "Most deliveries of one message", "deliveries",
             policy_key="delivery-limit", policy_noun="delivery limit", policy_types=_NOT_STREAM, merge="min",
             types=_NOT_STREAM),
    Argument("x-consumer-timeout", QUEUE, "integer", "How long a delivery may stay unacknowledged", "ms",
             policy_key="consumer-timeout", policy_noun="consumer timeout", merge="min", equivalent=False),
    Argument("x-queue-master-locator", QUEUE, "string", "Accepted for older clients",
             policy_key="queue-master-locator", policy_noun="master locator", policy_types=_CLASSIC, types=_CLASSIC,
             acts=False),
    Argument("x-max-age", QUEUE, "age", "Age at which a stream's messages go: a number and Y, M, D, h, m or s",
             choice_error="invalid_max_age", policy_key="max-age", policy_noun="max age", policy_types=_STREAM,
             types=_STREAM),
    Argument("x-stream-max-segment-size-bytes", QUEUE, "integer", "Accepted; streams share the log's segments", "bytes",
             policy_key="stream-max-segment-size-bytes", policy_noun="segment size", policy_types=_STREAM,
             types=_STREAM, acts=False),
    Argument("x-stream-filter-size-bytes", QUEUE, "integer", "Accepted for older clients", "bytes", minimum=16,
             maximum=255, types=_STREAM, acts=False),
    Argument("x-initial-cluster-size", QUEUE, "integer", "Accepted; there is one node", minimum=1,
             types=_STREAM, acts=False),
    Argument("x-queue-leader-locator", QUEUE, "string", "Accepted; there is one node",
             choices=("client-local", "balanced", "random", "least-leaders"), choice_error="invalid_queue_locator_arg",
             types=_NOT_CLASSIC, acts=False),
    Argument("x-concurrency-max", QUEUE, "integer", "Most messages unacknowledged at a time, by all consumers together",
             "messages", 1, COUNT_MAX, policy_key="concurrency-max", policy_noun="maximum concurrency",
             policy_types=_NOT_STREAM, merge="min", types=_NOT_STREAM),
    Argument("x-rate-limit", QUEUE, "integer", "Most messages handed out in a second, or another period", "messages", 1,
             COUNT_MAX, policy_key="rate-limit", policy_noun="rate limit", policy_types=_NOT_STREAM, merge="min",
             types=_NOT_STREAM),
    Argument("x-rate-limit-burst", QUEUE, "integer", "Of these, how many at once after a pause; without it a tenth",
             "messages", 1, COUNT_MAX, policy_key="rate-limit-burst", policy_noun="rate limit burst",
             policy_types=_NOT_STREAM, merge="min", types=_NOT_STREAM),
    Argument("x-rate-limit-period", QUEUE, "integer", "The period for which the rate limit counts, 1000 without it",
             "ms", 1, 86_400_000, policy_key="rate-limit-period", policy_noun="rate limit period",
             policy_types=_NOT_STREAM, merge="max", types=_NOT_STREAM),
    Argument("x-message-deduplication", QUEUE, "boolean", "A message is not taken while one of its identity is there",
             policy_key="x-message-deduplication", policy_noun="message deduplication value",
             policy_types=_NOT_STREAM, types=_NOT_STREAM),
    Argument("alternate-exchange", EXCHANGE, "string", "Where messages go that no binding takes",
             policy_key="alternate-exchange", policy_noun="alternate exchange name", names_exchange=True),
    Argument("x-cache-size", EXCHANGE, "any", "x-message-deduplication: how many identities are known", "messages",
             equivalent=False),
    Argument("x-cache-ttl", EXCHANGE, "any", "x-message-deduplication: for how long each is known; without this "
             "until others push it out", "ms", equivalent=False),
    Argument("x-cache-persistence", EXCHANGE, "any", "x-message-deduplication: `memory` or `disk`; without this the "
             "disk where the exchange is durable", equivalent=False),
    Argument("x-delayed-type", EXCHANGE, "any", "How an exchange of type x-delayed-message routes what is due",
             equivalent=False),
    Argument("hash-header", EXCHANGE, "string", "x-consistent-hash: the header to hash, not the routing key",
             equivalent=False),
    Argument("hash-property", EXCHANGE, "string", "x-consistent-hash: the property to hash, not the routing key",
             equivalent=False),
    Argument("x-priority", CONSUMER, "integer", "Consumers of higher priority are served first", minimum=-(2**63),
             types=_NOT_STREAM),
    Argument("x-consumer-timeout", CONSUMER, "integer", "How long a delivery may stay unacknowledged; 0 is for ever",
             "ms", maximum=TIMER_MS_MAX, types=_NOT_STREAM),
    Argument("x-stream-offset", CONSUMER, "any", "Where a stream's consumer begins: first, last, next, an offset, a "
             "time, or an interval such as 1h", types=_STREAM),
    Argument("x-stream-filter", CONSUMER, "any", "Filter values that a stream's consumer wants, one or a list",
             types=_STREAM),
    Argument("x-stream-match-unfiltered", CONSUMER, "boolean", "Whether it also wants messages without a filter value",
             types=_STREAM),
    Argument("x-stream-consumer-name", CONSUMER, "string", "The name under which the broker keeps how far it has come",
             types=_STREAM),
    Argument("x-cancel-on-ha-failover", CONSUMER, "boolean", "Accepted for older clients", acts=False),
    _policy_only("max-in-memory-length", "integer", "Accepted from older brokers", "maximum memory in bytes",
                 types=_QUORUM, merge="min"),
    _policy_only("max-in-memory-bytes", "integer", "Accepted from older brokers", "maximum memory in bytes",
                 types=_QUORUM, merge="min"),
    _policy_only("queue-leader-locator", "string", "Accepted; there is one node", "queue leader locator value",
                 choices=("client-local", "balanced", "random", "least-leaders")),
    _policy_only("initial-cluster-size", "integer", "Accepted; there is one node", "cluster size", types=_STREAM),
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
