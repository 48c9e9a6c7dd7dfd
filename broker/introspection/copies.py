"""How each kind of thing is copied into its info. Must not: change, list or find anything.

Everything here runs between two turns of the loop, so that one copy is consistent in itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Final

from broker.connections.channel import Channel
from broker.connections.connection import Connection
from broker.connections.consumer import Consumer
from broker.connections.peer import split_address
from broker.deduplication.deduplication import presence_of
from broker.deduplication.gates import ExchangeGate
from broker.holding.store import LATE_MS_BOUNDS
from broker.holding.ticket import REASONS
from broker.introspection.ages import NOT_KNOWN, Ages, head_timestamp_s
from broker.introspection.deduplication_infos import DeduplicationInfo
from broker.introspection.infos import (
    BindingInfo,
    ChannelInfo,
    ChannelName,
    ConnectionInfo,
    ConnectionName,
    ConsumerInfo,
    ExchangeInfo,
    ExchangeStats,
    HeldTotals,
    MessageStats,
    QueueInfo,
    QueueName,
    Rates,
    VhostInfo,
)
from broker.introspection.pace_infos import PaceInfo
from broker.introspection.stream_infos import place_of, stream_info
from broker.model.vhost_counters import SIZE_BOUNDS, VhostCounters
from broker.queues.counters import QueueCounters
from broker.queues.pace import burst_of
from broker.queues.queue import Queue
from broker.queues.regroup import unsorted
from broker.routing.exchange import Binding, Exchange
from broker.vhost import Vhost
from protocol.lifecycle import OPEN
from storage.status import Distribution

MESSAGE_COUNTERS: Final = tuple(field.name for field in fields(MessageStats))
NO_LATE: Final = (0,) * (len(LATE_MS_BOUNDS) + 1)
FLOW_SHOWN_MS: Final = 5000  # as long as RabbitMQ shows it after the last time


def queue_info(
    queue: Queue, vhost: str, node: str, now_ms: int, ages: Ages, held: int, rates: Rates
) -> QueueInfo:  # fmt: skip
    """One queue."""
    definition, ready = queue.definition, queue.ready
    consumers = queue.consumers.everyone()
    owner = definition.owner
    is_single = queue.settings.single_active_consumer
    messages, message_bytes = ready.count + queue.unacked, ready.body_bytes + queue.unacked_bytes
    paged_out, paged_out_bytes = ready.paged_out()
    return QueueInfo(
        name=queue.name,
        vhost=vhost,
        type=queue.settings.queue_type,
        durable=definition.durable,
        auto_delete=definition.auto_delete,
        exclusive=definition.exclusive,
        arguments=definition.arguments.values,
        node=node,
        state="running",
        messages=messages,
        messages_ready=ready.count,
        messages_unacknowledged=queue.unacked,
        message_bytes=message_bytes,
        message_bytes_ready=ready.body_bytes,
        message_bytes_unacknowledged=queue.unacked_bytes,
        messages_ram=messages - paged_out,
        message_bytes_ram=message_bytes - paged_out_bytes,
        messages_paged_out=paged_out,
        messages_dlx=queue.kept,
        message_bytes_paged_out=paged_out_bytes,
        consumers=len(consumers),
        message_stats=queue_stats(queue.counters),
        idle_since=None if consumers else time_text(queue.idle_since_ms),
        owner_pid_details=connection_name(owner) if isinstance(owner, Connection) else None,
        exclusive_consumer_tag=next((consumer.tag for consumer in consumers if consumer.exclusive), None),
        single_active_consumer_tag=consumers[0].tag if is_single and consumers else None,
        head_message_timestamp=head_timestamp_s(ready.oldest()) if ready.count else None,
        oldest_ready_ms=age_ms(now_ms, ages.ready_since_ms(queue)),
        oldest_unacknowledged_ms=ages.unacked_ms(queue),
        messages_held=held,
        messages_unsorted=unsorted(ready),
        policy=queue.policy.policy or None,
        operator_policy=queue.policy.operator_policy or None,
        effective_policy_definition=queue.policy.definition,
        pace=_pace(queue),
        deduplication=_of_queue(queue),
        stream=stream_info(queue),
        rates=rates,
    )


def _of_queue(queue: Queue) -> DeduplicationInfo | None:
    present = presence_of(queue)
    if present is None:
        return None
    return DeduplicationInfo(len(present), None, None, None, queue.counters.deduplicated, present.is_learning)


def _of_exchange(exchange: Exchange) -> DeduplicationInfo | None:
    gate = exchange.gate
    if not isinstance(gate, ExchangeGate):
        return None
    window = gate.window
    kept = "disk" if window.is_lasting else "memory"
    return DeduplicationInfo(
        len(window), window.size_max, window.ttl_ms or None, kept, gate.duplicates, window.is_loading
    )


def _pace(queue: Queue) -> PaceInfo | None:
    settings = queue.settings
    if not settings.concurrency_max and not settings.rate_limit:
        return None
    has_rate = settings.rate_limit > 0
    return PaceInfo(
        concurrency_max=settings.concurrency_max or None,
        rate_limit=settings.rate_limit or None,
        rate_limit_burst=burst_of(settings) if has_rate else None,
        rate_limit_period=settings.rate_period_ms if has_rate else None,
        waits_for=queue.consumers.waits_for() or None,
    )


def age_ms(now_ms: int, since_ms: int) -> int | None:
    """How long ago that was; None where it is not known."""
    return max(0, now_ms - since_ms) if since_ms != NOT_KNOWN else None


def message_sizes(vhosts: list[VhostCounters]) -> Distribution:
    """How large the bodies were that have been published."""
    counts = tuple(map(sum, zip(*(one.sizes for one in vhosts), strict=True)))
    total_bytes = sum(one.sizes_total_bytes for one in vhosts)
    return Distribution(SIZE_BOUNDS, counts or (0,) * (len(SIZE_BOUNDS) + 1), total_bytes)


def queue_stats(counters: QueueCounters) -> MessageStats:
    """What has happened in queues."""
    return MessageStats(
        publish=counters.published,
        deliver=counters.delivered,
        deliver_no_ack=counters.delivered_no_ack,
        get=counters.got,
        get_no_ack=counters.got_no_ack,
        get_empty=counters.got_empty,
        redeliver=counters.redelivered,
        ack=counters.acked,
        reject=counters.rejected,
        requeue=counters.requeued,
        expire=counters.expired,
        drop_overflow=counters.dropped,
        refuse_overflow=counters.refused,
        purge=counters.purged,
        dead_letter=counters.dead_lettered,
        delivery_limit=counters.over_limit,
    )


def whole_stats(counters: QueueCounters, vhosts: list[VhostCounters]) -> MessageStats:
    """What has happened in the broker: in all queues together, and on the way to them."""
    return replace(
        queue_stats(counters),
        publish=sum(one.published for one in vhosts),
        publish_confirm=sum(one.published_confirm for one in vhosts),
        routed=sum(one.routed for one in vhosts),
        confirm=sum(one.confirmed for one in vhosts),
        return_unroutable=sum(one.returned for one in vhosts),
        drop_unroutable=sum(one.unroutable for one in vhosts),
        consumer_timeout=sum(one.timed_out for one in vhosts),
    )


def is_in_flow(connection: Connection, now_ms: int) -> bool:
    """Whether it publishes faster than consumers or the disk can follow, and was slowed down for that lately."""
    return bool(connection.slowed_ms) and now_ms - connection.slowed_ms <= FLOW_SHOWN_MS


def _connection_state(connection: Connection, now_ms: int) -> str:
    if connection.is_blocked:
        return "blocked"
    state = connection.engine.state
    return "flow" if state == OPEN and is_in_flow(connection, now_ms) else state


def connection_info(connection: Connection, node: str, now_ms: int, rates: Rates) -> ConnectionInfo:
    """One connection, logged in or not."""
    peer, _, local = connection.name.partition(" -> ")
    (peer_host, peer_port), (host, port) = split_address(peer), split_address(local)
    actor, tls = connection.host.actor, connection.tls
    shown = tls if tls is not None and tls.has_certificate else None
    return ConnectionInfo(
        name=connection.name,
        user=connection.user,
        vhost=actor.vhost.name if actor is not None else "",
        node=node,
        protocol="AMQP 0-9-1",
        auth_mechanism=connection.login_mechanism,
        state=_connection_state(connection, now_ms),
        ssl=tls is not None,
        ssl_protocol=tls.protocol if tls is not None else None,
        ssl_key_exchange=tls.key_exchange if tls is not None else None,
        ssl_cipher=tls.cipher if tls is not None else None,
        ssl_hash=tls.hash if tls is not None else None,
        peer_cert_subject=shown.subject if shown is not None else None,
        peer_cert_issuer=shown.issuer if shown is not None else None,
        peer_cert_validity=shown.validity if shown is not None else None,
        peer_host=peer_host,
        peer_port=peer_port,
        host=host,
        port=port,
        channels=len(connection.channels),
        channel_max=connection.channel_max,
        frame_max=connection.host.frame_max,
        timeout=connection.liveness.interval_s,
        connected_at=connection.connected_ms,
        recv_oct=connection.received_bytes,
        send_oct=connection.output.total_bytes,
        client_properties=connection.client_properties,
        rates=rates,
    )


def connection_name(connection: Connection) -> ConnectionName:
    """The name of a connection and where it comes from."""
    return ConnectionName(connection.name, *split_address(connection.name.partition(" -> ")[0]))


def channel_info(connection: Connection, channel: Channel, node: str, rates: Rates) -> ChannelInfo:
    """One channel."""
    publisher, transaction, context = channel.publisher, channel.transaction, channel.context
    confirms = publisher.confirms
    uncommitted = sum(len(batch.bodies) for batch, _ in transaction.publishes) if transaction is not None else 0
    settled = transaction.settlements if transaction is not None else []
    acks_uncommitted = sum(delivery.last - delivery.first + 1 for delivery, _ in settled)
    return ChannelInfo(
        name=channel_name(connection, channel),
        number=channel.number,
        user=channel.actor.user,
        vhost=channel.actor.vhost.name,
        node=node,
        state="running",
        confirm=confirms is not None,
        transactional=transaction is not None,
        consumer_count=len(channel.consumers),
        messages_unacknowledged=context.unacked.count,
        messages_unconfirmed=confirms.open_count if confirms is not None else 0,
        messages_uncommitted=uncommitted,
        acks_uncommitted=acks_uncommitted,
        prefetch_count=context.prefetch.of_new_consumers,
        global_prefetch_count=context.prefetch.of_channel,
        message_stats=MessageStats(
            publish=publisher.published,
            confirm=confirms.acked if confirms is not None else 0,
            return_unroutable=publisher.returned,
            deliver=context.delivered,
            ack=channel.acked,
        ),
        connection_details=connection_name(connection),
        rates=rates,
    )


def channel_name(connection: Connection, channel: Channel) -> str:
    """A channel's name: the connection's, and its number."""
    return f"{connection.name} ({channel.number})"


def consumer_info(connection: Connection, channel: Channel, consumer: Consumer) -> ConsumerInfo:
    """One consumer."""
    details = connection_name(connection)
    vhost = channel.actor.vhost
    queue = vhost.queues.get(consumer.queue.name)
    status = "up"
    if queue is not None and queue.settings.single_active_consumer:
        status = "single_active" if next(iter(queue.consumers.everyone()), None) is consumer else "waiting"
    offset, lag = place_of(consumer.queue, queue)
    return ConsumerInfo(
        consumer_tag=consumer.tag,
        queue=QueueName(consumer.queue.name, vhost.name),
        ack_required=not consumer.no_ack,
        exclusive=consumer.exclusive,
        prefetch_count=consumer.prefetch,
        active=status != "waiting",
        activity_status=status,
        arguments=consumer.arguments.values,
        channel_details=ChannelName(
            channel_name(connection, channel),
            channel.number,
            channel.actor.user,
            details.name,
            details.peer_host,
            details.peer_port,
        ),
        offset=offset,
        lag=lag,
    )


def exchange_info(vhost: Vhost, exchange: Exchange, rates: Rates) -> ExchangeInfo:
    """One exchange."""
    return ExchangeInfo(
        name=exchange.name,
        vhost=vhost.name,
        type=exchange.type,
        durable=exchange.durable,
        auto_delete=exchange.auto_delete,
        internal=exchange.internal,
        arguments=vhost.declared_arguments(exchange.name).values,
        message_stats=ExchangeStats(exchange.published_in, exchange.published_out),
        deduplication=_of_exchange(exchange),
        policy=exchange.policy.policy or None,
        operator_policy=exchange.policy.operator_policy or None,
        effective_policy_definition=exchange.policy.definition,
        rates=rates,
    )


def binding_info(vhost: Vhost, binding: Binding) -> BindingInfo:
    """One binding."""
    return BindingInfo(
        source=binding.source,
        vhost=vhost.name,
        destination=binding.destination,
        destination_type=binding.destination_kind,
        routing_key=binding.routing_key,
        arguments=binding.arguments,
        properties_key=binding.properties_key,
    )


def vhost_info(vhost: Vhost, totals: Mapping[str, int], rates: Rates) -> VhostInfo:
    """One vhost, with the messages in its queues; its cost grows a little with their number.

    Args: totals are its numbers in the last round of sampling, by field; empty where there was none.
    """
    ready = unacked = 0
    for queue in vhost.queues.values():
        ready += queue.ready.count
        unacked += queue.unacked
    stats = MessageStats(**{name: totals[name] for name in MESSAGE_COUNTERS if name in totals})
    octets = totals.get("recv_oct", 0), totals.get("send_oct", 0)
    said = vhost.metadata
    return VhostInfo(
        vhost.name, said.description, said.tags, said.default_queue_type, said.protected_from_deletion, ready + unacked,
        ready, unacked, stats, *octets, len(vhost.holding.store.index), rates,
    )  # fmt: skip


def held_totals(vhosts: Iterable[Vhost]) -> HeldTotals:
    """What is held in these vhosts."""
    stores = [vhost.holding.store for vhost in vhosts]
    counters = [store.counters for store in stores]
    late = tuple(map(sum, zip(*(store.late_ms.copy().counts for store in stores), strict=True)))
    return HeldTotals(
        messages=sum(len(store.index) for store in stores),
        by_reason={name: sum(store.of_reasons[code] for store in stores) for code, name in REASONS.items()},
        held=sum(one.held for one in counters),
        released=sum(one.released for one in counters),
        cancelled=sum(one.cancelled for one in counters),
        dropped=sum(one.dropped for one in counters),
        lost=sum(one.lost for one in counters),
        unreadable=sum(one.unreadable for one in counters),
        late_ms=Distribution(LATE_MS_BOUNDS, late or NO_LATE, sum(store.late_ms.copy().total for store in stores)),
    )


def time_text(at_ms: int) -> str:
    """A time (milliseconds since 1970) as RabbitMQ writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
