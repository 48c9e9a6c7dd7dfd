"""An exchange: its name and settings, its counters and the matcher that its type brings.

Must not: follow bindings to further exchanges (the table does) or check declarations (operations does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from broker.model.interfaces import Gate
from broker.model.policy import NO_POLICY
from broker.routing.binding import Binding, DestinationKind, Matcher, Target
from broker.routing.consistent_hash import ConsistentHashMatcher
from broker.routing.deduplication import DEDUPLICATION, make_matcher
from broker.routing.direct import DirectMatcher
from broker.routing.fanout import FanoutMatcher
from broker.routing.headers import HeadersMatcher
from broker.routing.modulus_hash import ModulusHashMatcher
from broker.routing.random_choice import RandomMatcher
from broker.routing.topic import TopicMatcher
from protocol.constants import COMMAND_INVALID, PRECONDITION_FAILED
from protocol.errors import ChannelException, ConnectionException

__all__ = [
    "EXCHANGE_TYPES",
    "Binding",
    "DestinationKind",
    "Exchange",
    "Matcher",
    "QueueDestination",
    "Target",
    "default_exchanges",
]


class QueueDestination(Protocol):
    """All that routing knows of a queue."""

    @property
    def name(self) -> str: ...


DELAYED: Final = "x-delayed-message"
DELAYED_TYPE: Final = "x-delayed-type"  # the argument that says how a delayed exchange routes

# Type name to what makes its matcher from the exchange's arguments; one more type is one more row.
EXCHANGE_TYPES: Final[dict[str, Callable[[Mapping[str, object]], Matcher]]] = {
    "direct": lambda _arguments: DirectMatcher(),
    "fanout": lambda _arguments: FanoutMatcher(),
    "topic": lambda _arguments: TopicMatcher(),
    "headers": lambda _arguments: HeadersMatcher(),
    "x-consistent-hash": ConsistentHashMatcher,
    DEDUPLICATION: make_matcher,
    "x-modulus-hash": lambda _arguments: ModulusHashMatcher(),
    "x-random": lambda _arguments: RandomMatcher(),
    DELAYED: lambda arguments: EXCHANGE_TYPES[str(arguments.get(DELAYED_TYPE))](arguments),
}


def check_delayed_type(type: str, arguments: Mapping[str, object]) -> None:
    """Checks what a new exchange of type `x-delayed-message` is to route like.

    Raises: ChannelException 406, ConnectionException 503, with the texts of RabbitMQ's plugin.
    """
    if type != DELAYED:
        return
    underlying = arguments.get(DELAYED_TYPE)
    if not isinstance(underlying, str):
        text = f"Invalid argument, '{DELAYED_TYPE}' must be an existing exchange type"
        raise ChannelException(PRECONDITION_FAILED, text)
    if underlying in (DELAYED, DEDUPLICATION):  # what stands before such an exchange would not be asked
        text = f"Invalid argument, '{underlying}' can't be used for '{DELAYED_TYPE}'"
        raise ChannelException(PRECONDITION_FAILED, text)
    if underlying not in EXCHANGE_TYPES:
        raise ConnectionException(COMMAND_INVALID, f"unknown exchange type '{underlying}'")


class Exchange:
    """One exchange of one vhost; `bindings_count` counts the bindings of which it is the source."""

    __slots__ = (
        "_alternate",
        "arguments",
        "auto_delete",
        "bindings_count",
        "durable",
        "gate",
        "internal",
        "matcher",
        "name",
        "on_alternate_change",
        "policy",
        "published_in",
        "published_out",
        "routes_as",
        "type",
    )

    def __init__(
        self,
        name: str,
        type: str,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: dict[str, object] | None = None,
        alternate: str | None = None,
    ) -> None:
        """Make an exchange whose `type` is a key of EXCHANGE_TYPES (else KeyError).

        Raises: ChannelException 406 for arguments that its type refuses.
        """
        self.name: Final = name
        self.type: Final = type
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.arguments: dict[str, object] = {} if arguments is None else arguments
        self.routes_as = str(self.arguments.get(DELAYED_TYPE)) if type == DELAYED else type
        self.matcher: Matcher = EXCHANGE_TYPES[type](self.arguments)
        self.published_in = 0
        self.published_out = 0
        self.bindings_count = 0
        self.policy = NO_POLICY
        self.gate: Gate | None = None
        self.on_alternate_change: Callable[[], None] | None = None
        self._alternate = alternate

    @property
    def alternate(self) -> str | None:
        """The name of the exchange that gets what this one cannot route, or None."""
        return self._alternate

    @alternate.setter
    def alternate(self, name: str | None) -> None:
        if name != self._alternate:
            self._alternate = name
            if self.on_alternate_change is not None:
                self.on_alternate_change()


def default_exchanges() -> list[Exchange]:
    """The exchanges that every vhost has from its start. Spec: 3.1.3 (amq.rabbitmq.trace is RabbitMQ's)."""
    return [
        Exchange("", "direct", durable=True),
        Exchange("amq.direct", "direct", durable=True),
        Exchange("amq.fanout", "fanout", durable=True),
        Exchange("amq.topic", "topic", durable=True),
        Exchange("amq.headers", "headers", durable=True),
        Exchange("amq.match", "headers", durable=True),
        Exchange("amq.rabbitmq.trace", "topic", durable=True, internal=True),
    ]
