"""What can be seen of a broker: frozen copies of names, settings and counters, named as in RabbitMQ's HTTP API.

Must not: hold anything that changes, or know how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.introspection.deduplication_infos import DeduplicationInfo
from broker.introspection.pace_infos import PaceInfo
from broker.introspection.stream_infos import StreamInfo
from broker.loop_watch import LoopStatus
from broker.tls.certificates import CertificateInfo as CertificateInfo  # noqa: PLC0414 - for whoever shows it
from storage.status import NO_VALUES, LogStatus
from storage.status import Distribution as Distribution  # noqa: PLC0414 - of a LogStatus, for whoever shows it

Rates = Mapping[str, float]  # by field, its change per second; what is done with them: broker/introspection/rates.py


@dataclass(frozen=True, slots=True)
class ListenerInfo:
    """An address that the broker listens on."""

    protocol: str
    ip_address: str
    port: int


@dataclass(frozen=True, slots=True)
class ObjectTotals:
    """How many there are of each kind."""

    connections: int
    channels: int
    exchanges: int
    queues: int
    consumers: int


@dataclass(frozen=True, slots=True)
class QueueTotals:
    """Messages in all queues together; bytes are those of their bodies."""

    messages: int
    messages_ready: int
    messages_unacknowledged: int
    message_bytes_ready: int
    message_bytes_unacknowledged: int
    messages_ram: int
    message_bytes_ram: int
    messages_paged_out: int
    message_bytes_paged_out: int
    messages_held: int = 0  # until a time, for queues and for exchanges; in none of the others


@dataclass(frozen=True, slots=True)
class HeldTotals:
    """Held messages of all vhosts, and what has happened to such since the start."""

    messages: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    released: int = 0
    cancelled: int = 0
    dropped: int = 0  # nobody was there for them any more
    lost: int = 0  # damaged
    unreadable: int = 0  # times
    late_ms: Distribution = NO_VALUES


@dataclass(frozen=True, slots=True)
class MessageStats:
    """What has happened to messages since the start (a queue's: since it was declared)."""

    publish: int = 0
    publish_confirm: int = 0  # of those, on channels in confirm mode
    routed: int = 0
    confirm: int = 0
    return_unroutable: int = 0
    drop_unroutable: int = 0
    deliver: int = 0
    deliver_no_ack: int = 0
    get: int = 0
    get_no_ack: int = 0
    get_empty: int = 0
    redeliver: int = 0
    ack: int = 0
    reject: int = 0
    requeue: int = 0
    expire: int = 0
    drop_overflow: int = 0  # from the front of queues that were too long
    consumer_timeout: int = 0  # deliveries that were not acknowledged in time
    refuse_overflow: int = 0  # publishes that a queue refused since they did not fit
    purge: int = 0
    dead_letter: int = 0  # of all that left queues, what went to a dead letter exchange
    delivery_limit: int = 0  # left queues since they had come back too often

    @property
    def deliver_get(self) -> int:
        """Everything that went to a client."""
        return self.deliver + self.deliver_no_ack + self.get + self.get_no_ack


@dataclass(frozen=True, slots=True)
class ChurnRates:
    """What has come and gone since the start."""

    connection_created: int
    connection_closed: int
    channel_created: int
    channel_closed: int
    queue_declared: int
    queue_created: int
    queue_deleted: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The broker as a whole."""

    rabbitmq_version: str
    product_name: str
    product_version: str
    leveret_version: str
    leveret_form: str  # compiled, or not compiled
    cluster_name: str
    node: str
    uptime: int  # ms
    object_totals: ObjectTotals
    queue_totals: QueueTotals
    message_stats: MessageStats
    churn_rates: ChurnRates
    listeners: tuple[ListenerInfo, ...]
    publishers: int  # channels that have published something, in the last round of sampling
    message_sizes: Distribution  # of the bodies of published messages, in bytes
    oldest_ready_ms: int | None  # as a QueueInfo has it, of the queue that is worst off
    oldest_unacknowledged_ms: int | None
    recv_oct: int  # on all connections, up to the last round of sampling
    send_oct: int
    rates: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What the process uses of the machine; sizes in bytes."""

    name: str
    os_pid: int
    running: bool
    uptime: int  # ms
    data_dir: str
    mem_used: int
    mem_limit: int
    mem_alarm: bool
    disk_free: int
    disk_free_limit: int
    disk_free_alarm: bool
    fd_used: int
    fd_total: int
    queue_mem_used: int  # by waiting messages of durable queues, that could be paged out
    queue_mem_limit: int
    log: LogStatus
    log_alarm: bool
    definitions_trouble: str  # why none can be stored; empty where they can
    connections_flow: int  # slowed down lately, because consumers or the disk are behind what they publish
    flow_total: int  # how often a publisher had to skip turns for that
    loop: LoopStatus
    certificates: tuple[CertificateInfo, ...]  # in use for TLS
    certificate_reloads_failed: int
    held: HeldTotals
    rates: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectionName:
    """Which connection something belongs to."""

    name: str
    peer_host: str
    peer_port: int


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """One queue; bytes are those of message bodies."""

    name: str
    vhost: str
    type: str
    durable: bool
    auto_delete: bool
    exclusive: bool
    arguments: Mapping[str, object]
    node: str
    state: str
    messages: int
    messages_ready: int
    messages_unacknowledged: int
    message_bytes: int
    message_bytes_ready: int
    message_bytes_unacknowledged: int
    messages_ram: int
    message_bytes_ram: int
    messages_paged_out: int
    message_bytes_paged_out: int
    messages_dlx: int  # dead letters that could not arrive yet, and are tried again
    consumers: int
    message_stats: MessageStats
    idle_since: str | None
    owner_pid_details: ConnectionName | None
    exclusive_consumer_tag: str | None
    single_active_consumer_tag: str | None
    policy: str | None
    operator_policy: str | None
    effective_policy_definition: Mapping[str, object]
    head_message_timestamp: int | None = None  # the oldest ready message's timestamp property, in seconds
    oldest_ready_ms: int | None = None  # how long ago it was published; None where there is none, or not yet
    oldest_unacknowledged_ms: int | None = None  # for how long at least, in the last round of sampling
    pace: PaceInfo | None = None  # of a queue that has one
    deduplication: DeduplicationInfo | None = None  # likewise
    stream: StreamInfo | None = None  # None for other kinds of queue
    messages_held: int = 0  # until a time, when they come into this queue
    messages_unsorted: int = 0  # of those ready, what a change of priorities has still to move
    rates: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One connection; `timeout` is the heartbeat in seconds, `connected_at` milliseconds since 1970."""

    name: str
    user: str
    vhost: str
    node: str
    protocol: str
    auth_mechanism: str
    state: str
    ssl: bool
    ssl_protocol: str | None  # these are None without TLS
    ssl_key_exchange: str | None
    ssl_cipher: str | None
    ssl_hash: str | None
    peer_cert_subject: str | None  # and these where the client has shown no certificate
    peer_cert_issuer: str | None
    peer_cert_validity: str | None
    peer_host: str
    peer_port: int
    host: str
    port: int
    channels: int
    channel_max: int
    frame_max: int
    timeout: int
    connected_at: int
    recv_oct: int
    send_oct: int
    client_properties: Mapping[str, object]
    rates: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """One channel."""

    name: str
    number: int
    user: str
    vhost: str
    node: str
    state: str
    confirm: bool
    transactional: bool
    consumer_count: int
    messages_unacknowledged: int
    messages_unconfirmed: int
    messages_uncommitted: int
    acks_uncommitted: int
    prefetch_count: int
    global_prefetch_count: int
    message_stats: MessageStats
    connection_details: ConnectionName
    rates: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueName:
    """Which queue something belongs to."""

    name: str
    vhost: str


@dataclass(frozen=True, slots=True)
class ChannelName:
    """Which channel something belongs to."""

    name: str
    number: int
    user: str
    connection_name: str
    peer_host: str
    peer_port: int


@dataclass(frozen=True, slots=True)
class ConsumerInfo:
    """One consumer; `active` is false for those that wait behind a single active one."""

    consumer_tag: str
    queue: QueueName
    ack_required: bool
    exclusive: bool
    prefetch_count: int
    active: bool
    activity_status: str  # up; where there is a single active one: single_active or waiting
    arguments: Mapping[str, object]
    channel_details: ChannelName
    offset: int | None = None  # of the message that a stream's consumer gets next
    lag: int | None = None  # how many messages a stream's consumer has not been given


@dataclass(frozen=True, slots=True)
class ExchangeStats:
    """Messages that came into an exchange, and the copies that left it."""

    publish_in: int
    publish_out: int


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """One exchange."""

    name: str
    vhost: str
    type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: Mapping[str, object]
    message_stats: ExchangeStats
    policy: str | None
    operator_policy: str | None
    effective_policy_definition: Mapping[str, object]
    deduplication: DeduplicationInfo | None = None  # of one that takes each message once
    rates: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BindingInfo:
    """One binding; `properties_key` is its name in the HTTP API."""

    source: str
    vhost: str
    destination: str
    destination_type: str
    routing_key: str
    arguments: Mapping[str, object]
    properties_key: str


@dataclass(frozen=True, slots=True)
class VhostInfo:
    """One vhost and the messages in its queues; statistics and bytes are those of the last round of sampling."""

    name: str
    description: str
    tags: tuple[str, ...]
    default_queue_type: str  # empty: none was set
    protected_from_deletion: bool
    messages: int
    messages_ready: int
    messages_unacknowledged: int
    message_stats: MessageStats = field(default_factory=MessageStats)
    recv_oct: int = 0
    send_oct: int = 0
    messages_held: int = 0  # until a time, for queues and for exchanges
    rates: Rates = field(default_factory=dict)
