"""Everything that changes the broker's definitions, for AMQP, HTTP and CLI alike; permissions are checked here only.

Must not: know frames, connections or how anything is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from broker.auth.authorization import Authorization, NotAllowedError
from broker.changing import Plan, plan_of
from broker.deduplication.deduplication import clear
from broker.model import argument_checks as checks
from broker.model.arguments import EXCHANGE, Arguments
from broker.model.interfaces import QueueHandle
from broker.model.names import RESERVED_PREFIX, exchange_rs, generated, queue_rs
from broker.policies.limits import MAX_QUEUES, NO_LIMIT, LimitStore
from broker.queues.definition import QueueDefinition
from broker.queues.queue import Queue
from broker.queues.stream import StreamQueue
from broker.redeclaring import Redeclarations, queue_advice, queue_differences
from broker.requests import CONFIGURE, READ, WRITE, Actor, ExchangeRequest, Kind, QueueRequest, QueueState
from broker.routing.exchange import EXCHANGE_TYPES, Exchange, check_delayed_type
from protocol.constants import (
    ACCESS_REFUSED,
    COMMAND_INVALID,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
    RESOURCE_LOCKED,
)
from protocol.errors import ChannelException, ConnectionException

_STRICT: Final = Redeclarations()


def _state(queue: Queue) -> QueueState:
    """Reads a queue that was just declared, which counts as a use of it."""
    queue.used(queue.now_ms())
    return QueueState(queue.name, queue.ready.count, len(queue.consumers.everyone()))


class Operations:
    """The changes an actor may ask for. Every method raises ChannelException with the codes and texts of RabbitMQ."""

    def __init__(
        self, authorization: Authorization, vhost_limits: LimitStore, redeclarations: Redeclarations = _STRICT
    ) -> None:
        """Args: redeclarations says what becomes of those that differ."""
        self._authorization = authorization
        self._vhost_limits = vhost_limits
        self.redeclarations = redeclarations

    # ---- permissions

    def authorize(self, actor: Actor, kind: Kind, resource: str, name: str) -> None:
        """Raises ChannelException 403 unless the actor's user may do `kind` to the queue or exchange."""
        self._require(actor, f"{resource}.{kind}", name)

    def authorize_topic(self, actor: Actor, kind: Kind, exchange: Exchange, routing_key: str) -> None:
        """Raises ChannelException 403 where the exchange is a topic one and the actor's user may not use the key."""
        if exchange.type == "topic" and self._authorization.restricts_topics:
            self._require(actor, f"topic.{kind}", exchange.name, routing_key)

    def _require(self, actor: Actor, action: str, name: str, routing_key: str = "") -> None:
        try:
            self._authorization.require(actor.subject, action, actor.vhost.name, name, routing_key)
        except NotAllowedError as error:
            raise ChannelException(ACCESS_REFUSED, str(error)) from None

    def may_read(self, actor: Actor, queue: str) -> bool:
        """Whether the actor's user may read the queue (still)."""
        return self._authorization.allows(actor.subject, "queue.read", actor.vhost.name, queue)

    def _authorize_any(self, actor: Actor, resource: str, name: str) -> None:
        allows, subject, vhost = self._authorization.allows, actor.subject, actor.vhost.name
        if not any(allows(subject, f"{resource}.{kind}", vhost, name) for kind in (CONFIGURE, WRITE, READ)):
            self.authorize(actor, CONFIGURE, resource, name)

    # ---- queues

    def queue(self, actor: Actor, name: str) -> Queue:
        """The queue of that name, which is not somebody else's exclusive one.

        Raises: ChannelException 404, 405.
        """
        queue = actor.vhost.queues.get(name)
        if queue is None:
            raise ChannelException(NOT_FOUND, f"no {queue_rs(name, actor.vhost.name)}")
        self._check_owner(actor, queue, queue.definition.exclusive)
        return queue

    def _check_owner(self, actor: Actor, queue: Queue, exclusive: bool) -> None:
        definition = queue.definition
        if definition.exclusive != exclusive or (exclusive and definition.owner is not actor.owner):
            text = (
                f"cannot obtain exclusive access to locked {queue_rs(queue.name, actor.vhost.name)}. It could be "
                "originally declared on another connection or the exclusive property value does not match that of "
                "the original declaration."
            )
            raise ChannelException(RESOURCE_LOCKED, text)

    def queue_passive(self, actor: Actor, name: str) -> QueueState:
        """The queue of that name as a passive declare sees it: any permission on it will do.

        Raises: ChannelException 403, 404, 405.
        """
        if name not in actor.vhost.queues:
            raise ChannelException(NOT_FOUND, f"no {queue_rs(name, actor.vhost.name)}")
        self._authorize_any(actor, "queue", name)
        queue = self.queue(actor, name)
        return _state(queue)

    def declare_queue(self, actor: Actor, request: QueueRequest) -> QueueState:
        """Creates the queue, or checks that the one of that name is the same.

        Raises: ChannelException 403, 405, 406.
        Spec: 1.7.2.1 (queue.declare).
        """
        name, vhost, request = request.name, actor.vhost, request.with_default_type(actor.vhost.metadata)
        existing = vhost.queues.get(name)
        if name.startswith(RESERVED_PREFIX):
            text = f"queue name '{name}' contains reserved prefix '{RESERVED_PREFIX}*'"
            raise ChannelException(ACCESS_REFUSED, text)
        if not name:
            checks.check_server_named(request.arguments)
            name = generated("amq.gen-")
        self.authorize(actor, CONFIGURE, "queue", name)
        if existing is not None:
            self._check_same_queue(actor, existing, request)
            vhost.counters.queues_declared += 1
            return _state(existing)
        self._check_new_queue(actor, name, request)
        owner = actor.owner if request.exclusive else None
        definition = QueueDefinition(
            name, request.durable, request.exclusive, request.auto_delete, request.arguments, owner
        )
        vhost.counters.queues_declared += 1
        return _state(vhost.add_queue(definition))

    def _check_same_queue(self, actor: Actor, queue: Queue, request: QueueRequest) -> None:
        definition, vhost = queue.definition, actor.vhost.name
        self._check_owner(actor, queue, request.exclusive)
        advice = queue_advice(vhost, queue.name, request.arguments.values)
        differences = queue_differences(definition, request)
        self.redeclarations.settle(actor, differences, queue_rs(queue.name, vhost), advice)

    def _check_new_queue(self, actor: Actor, name: str, request: QueueRequest) -> None:
        resource = queue_rs(name, actor.vhost.name)
        limit = self._vhost_limits.limit(actor.vhost.name, MAX_QUEUES)
        if NO_LIMIT < limit <= len(actor.vhost.queues):
            text = f"cannot declare queue '{name}': queue limit in vhost '{actor.vhost.name}' ({limit}) is reached"
            raise ChannelException(PRECONDITION_FAILED, text)
        checks.check_queue_arguments(request.arguments, resource)
        checks.check_queue_type(request.arguments, resource, request.durable, request.exclusive, request.auto_delete)
        self._authorize_dead_letters(actor, name, request.arguments)

    def _authorize_dead_letters(self, actor: Actor, name: str, arguments: Arguments) -> None:
        target = arguments.get("x-dead-letter-exchange")
        if isinstance(target, str):
            self.authorize(actor, READ, "queue", name)
            self.authorize(actor, WRITE, "exchange", target)

    def change_queue(
        self, actor: Actor, name: str, wanted: Mapping[str, object], types: Mapping[str, str], is_dry: bool = False
    ) -> Plan:
        """Changes arguments of a queue that is there, all of them or none, with its messages and consumers.

        Args: wanted has None for one to be taken away; types the others' letters; is_dry checks, and changes nothing.
        Raises: ChannelException 403, 404, 405, 406; ConnectionException 506 where the disk is far behind.
        """
        self.authorize(actor, CONFIGURE, "queue", name)
        queue = self.queue(actor, name)
        plan = plan_of(queue, actor.vhost.name, wanted, types)
        if plan.touches("x-dead-letter-exchange"):
            self._authorize_dead_letters(actor, name, plan.arguments)
        if plan.changes and not is_dry:
            actor.vhost.change_queue(queue, plan.arguments)
        return plan

    def delete_queue(self, actor: Actor, name: str, if_unused: bool, if_empty: bool) -> int:
        """Deletes a queue; one that does not exist counts as deleted. Returns how many messages were ready.

        Raises: ChannelException 403, 405, 406.
        Spec: 1.7.2.9 (queue.delete).
        """
        self.authorize(actor, CONFIGURE, "queue", name)
        if name not in actor.vhost.queues:
            return 0
        queue = self.queue(actor, name)
        resource = queue_rs(name, actor.vhost.name)
        if if_unused and queue.consumers.everyone():
            raise ChannelException(PRECONDITION_FAILED, f"{resource} in use")
        if if_empty and queue.ready.count:
            raise ChannelException(PRECONDITION_FAILED, f"{resource} not empty")
        return actor.vhost.remove_queue(queue)

    def consumable_queue(
        self, actor: Actor, name: str, exclusive: bool, arguments: Arguments, is_channel_limited: bool
    ) -> QueueHandle:
        """The queue of that name, for a consumer with these arguments on a channel with a shared prefetch or without.

        Raises: ChannelException 403, 404, 405, 406; ConnectionException 540 for a quorum queue under shared prefetch.
        Spec: 1.8.3.3 (basic.consume).
        """
        self.authorize(actor, READ, "queue", name)
        queue = self.queue(actor, name)
        resource = queue_rs(name, actor.vhost.name)
        checks.check_consumer_arguments(arguments, queue.settings.queue_type, resource)
        if queue.settings.queue_type == "stream":  # nobody has it for himself
            return queue
        others = queue.consumers.everyone()
        taken = any(consumer.exclusive for consumer in others) or (exclusive and others)
        if taken or (exclusive and queue.settings.single_active_consumer):
            raise ChannelException(ACCESS_REFUSED, f"{resource} in exclusive use")
        if queue.settings.queue_type == "quorum" and is_channel_limited:
            raise ConnectionException(NOT_IMPLEMENTED, f"{resource} does not support global qos")
        return queue

    def readable_queue(self, actor: Actor, name: str) -> QueueHandle:
        """The queue of that name, for get or purge.

        Raises: ChannelException 403, 404, 405.
        """
        self.authorize(actor, READ, "queue", name)
        return self.queue(actor, name)

    def forget_offset(self, actor: Actor, name: str, label: str) -> bool:
        """Forgets how far a named consumer of a stream has come; whether there was such a name.

        Raises: ChannelException 403, 404, 405, 406 where the queue is not a stream.
        """
        self.authorize(actor, READ, "queue", name)
        queue = self.queue(actor, name)
        if not isinstance(queue, StreamQueue):
            raise ChannelException(PRECONDITION_FAILED, f"{queue_rs(name, actor.vhost.name)} is not a stream")
        return queue.offsets.forget(label)

    def clear_deduplication(self, actor: Actor, resource: str, name: str) -> None:
        """Makes a queue, or an exchange, forget which messages came before. Raises: ChannelException 403 to 406."""
        self.authorize(actor, CONFIGURE, resource, name)
        clear(self.queue(actor, name) if resource == "queue" else self.exchange(actor, name))

    # ---- exchanges

    def exchange(self, actor: Actor, name: str) -> Exchange:
        """The exchange of that name.

        Raises: ChannelException 404.
        """
        exchange = actor.vhost.table.exchanges.get(name)
        if exchange is None:
            raise ChannelException(NOT_FOUND, f"no {exchange_rs(name, actor.vhost.name)}")
        return exchange

    def exchange_passive(self, actor: Actor, name: str) -> Exchange:
        """The exchange of that name, for a passive declare: any permission on it will do.

        Raises: ChannelException 403, 404.
        """
        self._refuse_default(name)
        exchange = self.exchange(actor, name)
        self._authorize_any(actor, "exchange", name)
        return exchange

    def _refuse_default(self, *names: str) -> None:
        if "" in names:
            raise ChannelException(ACCESS_REFUSED, "operation not permitted on the default exchange")

    def declare_exchange(self, actor: Actor, request: ExchangeRequest) -> None:
        """Creates the exchange, or checks that the one of that name is the same.

        Raises: ChannelException 403, 406; ConnectionException 503 for a type nobody knows.
        Spec: 1.6.2.1 (exchange.declare).
        """
        name = request.name
        if request.type not in EXCHANGE_TYPES:
            text = f"unknown exchange type '{request.type}'" if request.type else "invalid exchange type ''"
            raise ConnectionException(COMMAND_INVALID, text)
        self._refuse_default(name)
        existing = actor.vhost.table.exchanges.get(name)
        if existing is None and name.startswith(RESERVED_PREFIX):
            text = f"exchange name '{name}' contains reserved prefix '{RESERVED_PREFIX}*'"
            raise ChannelException(ACCESS_REFUSED, text)
        self.authorize(actor, CONFIGURE, "exchange", name)
        resource = exchange_rs(name, actor.vhost.name)
        checks.check_arguments(EXCHANGE, request.arguments, resource)
        if existing is not None:
            self._check_same_exchange(actor, existing, request, resource)
            return
        self._create_exchange(actor, request)

    def _check_same_exchange(self, actor: Actor, exchange: Exchange, request: ExchangeRequest, resource: str) -> None:
        _STRICT.settle(actor, checks.different_flag("type", exchange.type, request.type), resource)
        differences = chain(
            checks.different_flag("durable", exchange.durable, request.durable),
            checks.different_flag("auto_delete", exchange.auto_delete, request.auto_delete),
            checks.different_flag("internal", exchange.internal, request.internal),
            checks.different(EXCHANGE, actor.vhost.declared_arguments(exchange.name), request.arguments),
        )
        self.redeclarations.settle(actor, differences, resource)

    def _create_exchange(self, actor: Actor, request: ExchangeRequest) -> None:
        check_delayed_type(request.type, request.arguments.values)
        alternate = request.arguments.get("alternate-exchange")
        if isinstance(alternate, str):
            self.authorize(actor, READ, "exchange", request.name)
            self.authorize(actor, WRITE, "exchange", alternate)
        exchange = Exchange(
            request.name, request.type, request.durable, request.auto_delete, request.internal,
            dict(request.arguments.values), alternate if isinstance(alternate, str) else None,
        )  # fmt: skip
        actor.vhost.add_exchange(exchange, request.arguments)

    def delete_exchange(self, actor: Actor, name: str, if_unused: bool) -> None:
        """Deletes an exchange; one that does not exist counts as deleted.

        Raises: ChannelException 403, 406.
        Spec: 1.6.2.3 (exchange.delete).
        """
        self._refuse_default(name)
        resource = exchange_rs(name, actor.vhost.name)
        if name.startswith(RESERVED_PREFIX):
            raise ChannelException(ACCESS_REFUSED, f"deletion of system {resource} not allowed")
        self.authorize(actor, CONFIGURE, "exchange", name)
        exchange = actor.vhost.table.exchanges.get(name)
        if exchange is None:
            return
        if if_unused and exchange.bindings_count:
            raise ChannelException(PRECONDITION_FAILED, f"{resource} in use")
        actor.vhost.remove_exchange(name)

    # ---- bindings

    def bind_queue(self, actor: Actor, queue: str, exchange: str, key: str, arguments: Arguments) -> None:
        """Binds a queue to an exchange.

        Raises: ChannelException 403, 404, 405, 406.
        Spec: 1.7.2.3 (queue.bind).
        """
        self._refuse_default(exchange)
        self.authorize(actor, WRITE, "queue", queue)
        self.authorize(actor, READ, "exchange", exchange)
        source = self.exchange(actor, exchange)
        destination = self.queue(actor, queue)
        self.authorize_topic(actor, READ, source, key)
        self._bind(actor, source, destination, key, arguments)

    def _bind(
        self, actor: Actor, source: Exchange, destination: Queue | Exchange, key: str, arguments: Arguments
    ) -> None:
        match = arguments.get("x-match")
        if source.routes_as == "headers" and match is not None and not isinstance(match, str):
            text = f"Invalid x-match field type {arguments.type_name('x-match')} (value {match}); expected longstr"
            raise ChannelException(PRECONDITION_FAILED, text)
        actor.vhost.bind(source, destination, key, arguments)

    def unbind_queue(self, actor: Actor, queue: str, exchange: str, key: str, arguments: Arguments) -> None:
        """Unbinds a queue; whatever is missing counts as unbound.

        Raises: ChannelException 403, 405.
        Spec: 1.7.2.5 (queue.unbind).
        """
        self._refuse_default(exchange)
        self.authorize(actor, WRITE, "queue", queue)
        self.authorize(actor, READ, "exchange", exchange)
        source = actor.vhost.table.exchanges.get(exchange)
        if source is not None and queue in actor.vhost.queues:
            self.authorize_topic(actor, READ, source, key)
            actor.vhost.unbind(source, self.queue(actor, queue), key, arguments)

    def bind_exchange(self, actor: Actor, destination: str, source: str, key: str, arguments: Arguments) -> None:
        """Binds an exchange to another one.

        Raises: ChannelException 403, 404, 406.
        Spec: RabbitMQ's exchange-to-exchange bindings (exchange.bind).
        """
        self._authorize_exchanges(actor, destination, source)
        from_exchange, to_exchange = self.exchange(actor, source), self.exchange(actor, destination)
        self.authorize_topic(actor, READ, from_exchange, key)
        self._bind(actor, from_exchange, to_exchange, key, arguments)

    def unbind_exchange(self, actor: Actor, destination: str, source: str, key: str, arguments: Arguments) -> None:
        """Unbinds an exchange; whatever is missing counts as unbound.

        Raises: ChannelException 403.
        """
        self._authorize_exchanges(actor, destination, source)
        exchanges = actor.vhost.table.exchanges
        if source in exchanges and destination in exchanges:
            self.authorize_topic(actor, READ, exchanges[source], key)
            actor.vhost.unbind(exchanges[source], exchanges[destination], key, arguments)

    def _authorize_exchanges(self, actor: Actor, destination: str, source: str) -> None:
        self._refuse_default(destination, source)
        self.authorize(actor, WRITE, "exchange", destination)
        self.authorize(actor, READ, "exchange", source)
