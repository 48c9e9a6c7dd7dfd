"""The one window into the broker: lists, pages and totals of what there is. Must not: change anything."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final, Protocol

from broker import build
from broker.administration import UnknownVhostError
from broker.alarms import DISK, LOG, MEMORY, Alarms, memory_used_bytes
from broker.auth.accounts import Accounts
from broker.auth.permissions import PermissionStore
from broker.auth.users import UserStore
from broker.clock import Clock, Deadlines
from broker.config import Config
from broker.connections.registry import Connections
from broker.introspection import copies, rows
from broker.introspection.account_infos import PermissionInfo, UserInfo
from broker.introspection.ages import NOT_KNOWN
from broker.introspection.by_name import ByName
from broker.introspection.infos import (
    BindingInfo,
    CertificateInfo,
    ChannelInfo,
    ChurnRates,
    ConnectionInfo,
    ConsumerInfo,
    Distribution,
    ExchangeInfo,
    ListenerInfo,
    NodeInfo,
    ObjectTotals,
    Overview,
    QueueInfo,
    QueueTotals,
    VhostInfo,
)
from broker.introspection.left import left
from broker.introspection.machine import disk_free, open_files, open_files_max
from broker.introspection.pages import PAGE_SIZE_DEFAULT, SLICE, Page, Steps, page_of, page_of_parts
from broker.introspection.rates import History
from broker.introspection.sampler import NODE, WHOLE, Sampler
from broker.loop_watch import LoopWatch
from broker.moving.service import Moving
from broker.operations import Operations
from broker.queues.counters import QueueCounters
from broker.queues.paging import MemoryBudget
from broker.queues.queue import Queue
from broker.queues.waits import TaskWaits
from broker.tls.store import Certificates
from broker.vhost import Vhost
from storage.definitions import Definitions
from storage.journal import Journal

TOTALS_SLICE: Final = 250  # queues added up in one go: about a millisecond's work


class NodeParts(Protocol):
    """The parts of a node that can be seen."""

    config: Config
    clock: Clock
    deadlines: Deadlines
    started_ms: int
    name: str
    cluster_name: str
    leveret_version: str
    vhosts: dict[str, Vhost]
    users: UserStore
    permissions: PermissionStore
    connections: Connections
    alarms: Alarms
    memory_limit_bytes: int
    budget: MemoryBudget
    journal: Journal
    definitions: Definitions
    loop_watch: LoopWatch
    certificates: Certificates
    task_waits: TaskWaits | None
    accounts: Accounts
    operations: Operations
    moving: Moving


class Introspection:
    """Copies of what a node holds. Every listing is in the order in which things were made."""

    def __init__(
        self, node: NodeParts, listeners: tuple[ListenerInfo, ...] = (), sampler: Sampler | None = None
    ) -> None:
        """Args: `listeners` are the addresses that the server listens on; without a sampler all rates are 0."""
        self._node = node
        self._listeners = listeners
        self.by_name = ByName(self, node.connections)  # one thing at a time
        self.history = History(sampler or Sampler(node))  # rates and samples of everything

    @property
    def node_name(self) -> str:
        """The name of this node."""
        return self._node.name

    # ---- the whole

    def left(self) -> dict[tuple[str, str, str], int]:
        """How many messages have left queues without being consumed, by type of queue, strategy and reason."""
        return left(vhost.counters for vhost in self._node.vhosts.values())

    def overview(self) -> Steps[Overview]:
        """The broker as a whole; its cost grows with the number of queues, of which each step adds up some."""
        node, config = self._node, self._node.config
        vhosts = list(node.vhosts.values())
        counters, totals, consumers, ready_since_ms = yield from self._queue_totals(vhosts)
        history, now_ms = self.history, node.clock.now_ms()
        octets = history.totals(rows.OVERVIEW, WHOLE)
        of_vhosts = [vhost.counters for vhost in vhosts]
        return Overview(
            rabbitmq_version=config.product_version,
            product_name=config.product,
            product_version=config.product_version,
            leveret_version=node.leveret_version,
            leveret_form=build.form(),
            cluster_name=node.cluster_name,
            node=self.node_name,
            uptime=now_ms - node.started_ms,
            object_totals=ObjectTotals(
                connections=len(node.connections.open),
                channels=sum(len(connection.channels) for connection in node.connections.open),
                exchanges=sum(len(vhost.table.exchanges) for vhost in vhosts),
                queues=sum(len(vhost.queues) for vhost in vhosts),
                consumers=consumers,
            ),
            queue_totals=totals,
            message_stats=copies.whole_stats(counters, of_vhosts),
            churn_rates=self.churn(),
            listeners=self._listeners,
            publishers=history.sampler.publishers,
            message_sizes=copies.message_sizes(of_vhosts),
            oldest_ready_ms=copies.age_ms(now_ms, ready_since_ms),
            oldest_unacknowledged_ms=history.sampler.ages.unacked_max_ms() if totals.messages_unacknowledged else None,
            recv_oct=octets.get("recv_oct", 0),
            send_oct=octets.get("send_oct", 0),
            rates=history.rates(rows.OVERVIEW, WHOLE),
        )

    def listeners(self) -> tuple[ListenerInfo, ...]:
        """The addresses that the server listens on."""
        return self._listeners

    def churn(self) -> ChurnRates:
        """What has come and gone."""
        node, of_vhosts = self._node, [vhost.counters for vhost in self._node.vhosts.values()]
        return ChurnRates(
            connection_created=node.connections.opened,
            connection_closed=node.connections.closed,
            channel_created=sum(one.channels_opened for one in of_vhosts),
            channel_closed=sum(one.channels_closed for one in of_vhosts),
            queue_declared=sum(one.queues_declared for one in of_vhosts),
            queue_created=sum(one.queues_created for one in of_vhosts),
            queue_deleted=sum(one.queues_deleted for one in of_vhosts),
        )

    def node(self) -> NodeInfo:
        """What the process uses of the machine."""
        node, alarms, now_ms = self._node, self._node.alarms.active(), self._node.clock.now_ms()
        return NodeInfo(
            name=self.node_name,
            os_pid=os.getpid(),
            running=True,
            uptime=now_ms - node.started_ms,
            data_dir=str(node.config.data_dir),
            mem_used=memory_used_bytes(),
            mem_limit=node.alarms.memory_max_bytes,
            mem_alarm=MEMORY in alarms,
            disk_free=disk_free(node.config.data_dir),
            disk_free_limit=node.alarms.disk_free_min_bytes,
            disk_free_alarm=DISK in alarms,
            fd_used=open_files(),
            fd_total=open_files_max(),
            queue_mem_used=node.budget.used,
            queue_mem_limit=node.budget.bytes_max,
            log=node.journal.status(),
            log_alarm=LOG in alarms,
            definitions_trouble=node.definitions.trouble,
            connections_flow=sum(copies.is_in_flow(connection, now_ms) for connection in node.connections.open),
            flow_total=node.connections.slowed,
            loop=node.loop_watch.status(node.clock.now_ns()),
            certificates=node.certificates.infos(),
            certificate_reloads_failed=node.certificates.reloads_failed,
            held=copies.held_totals(node.vhosts.values()),
            rates=self.history.rates(rows.NODE, NODE),
        )

    def certificates(self) -> tuple[CertificateInfo, ...]:
        """The certificates in use for TLS: those that clients are shown, and the authorities trusted with theirs."""
        return self._node.certificates.infos()

    def _queue_totals(self, vhosts: list[Vhost]) -> Steps[tuple[QueueCounters, QueueTotals, int, int]]:
        """Counters, messages and consumers of all queues, the counters of those that are gone, the oldest ready's time.

        A queue that is deleted between two steps counts once all the same, so that no counter ever falls.
        """
        counters = QueueCounters()
        for vhost in vhosts:
            counters.add(vhost.deleted_queues)
        every = [queue for vhost in vhosts for queue in vhost.queues.values()]
        waiting = zip(every, [queue.counters for queue in every], strict=True)
        ready = ready_bytes = unacked = unacked_bytes = paged_out = paged_out_bytes = consumers = 0
        ages, since_ms = self.history.sampler.ages, NOT_KNOWN
        while queues := list(islice(waiting, TOTALS_SLICE)):
            for queue, own in queues:
                counters.add(own)
                ready += queue.ready.count
                ready_bytes += queue.ready.body_bytes
                unacked += queue.unacked
                unacked_bytes += queue.unacked_bytes
                on_disk, on_disk_bytes = queue.ready.paged_out()
                paged_out += on_disk
                paged_out_bytes += on_disk_bytes
                consumers += len(queue.consumers.everyone())
                if stamp_ms := ages.ready_since_ms(queue):
                    since_ms = min(since_ms or stamp_ms, stamp_ms)
            yield
        in_memory, in_memory_bytes = ready + unacked - paged_out, ready_bytes + unacked_bytes - paged_out_bytes
        totals = QueueTotals(
            ready + unacked, ready, unacked, ready_bytes, unacked_bytes, in_memory, in_memory_bytes, paged_out,
            paged_out_bytes, sum(len(vhost.holding.store.index) for vhost in vhosts),
        )  # fmt: skip
        return counters, totals, consumers, since_ms

    def logins(self) -> dict[str, tuple[int, int]]:
        """How many logins succeeded and failed, by protocol."""
        return {name: (one.succeeded, one.failed) for name, one in self._node.accounts.attempts.items()}

    def moved(self) -> dict[str, int]:
        """How many messages jobs have moved, copied, replayed and rewound since the start, by kind."""
        return dict(self._node.moving.jobs.counters.by_kind)

    def changed(self) -> tuple[int, int, int]:
        """Changes of queues in place, redeclarations accepted though they differ, messages still to be sorted."""
        vhosts = self._node.vhosts.values()
        changes, unsorted = sum(one.counters.queues_changed for one in vhosts), sum(one.unsorted() for one in vhosts)
        return changes, self._node.operations.redeclarations.accepted, unsorted

    def jobs_running(self) -> int:
        """How many jobs on messages have not ended."""
        return int(self._node.moving.jobs.running)

    def task_waits(self) -> dict[str, Distribution] | None:
        """How long tasks were ready before their first delivery, in ms by name; None where that is not measured."""
        waits = self._node.task_waits
        return waits.copy() if waits is not None else None

    # ---- listings, paged

    def queues(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None) -> Page[QueueInfo]:
        """Queues of all vhosts, or of one. Raises: UnknownVhostError, ValueError as every listing does."""
        chosen = self.chosen(vhost)
        parts = ((one, one.queues.values()) for one in chosen)
        return page_of_parts(parts, page, page_size, lambda it: self._queue(it[1], it[0]))

    def _queue(self, queue: Queue, vhost: Vhost) -> QueueInfo:
        history, now_ms = self.history, self._node.clock.now_ms()
        return copies.queue_info(
            queue, vhost.name, self.node_name, now_ms, history.sampler.ages, vhost.holding.held_for(queue),
            history.rates(rows.QUEUE, queue),
        )  # fmt: skip

    def queue_slices(
        self, slice_size: int = SLICE, vhosts: Collection[str] = (), names: Collection[str] = ()
    ) -> Iterator[list[QueueInfo]]:
        """All queues in slices; between two slices the broker may go on, and what it deletes then is left out.

        Args: vhosts and names are those that are wanted; none means all.
        """
        for vhost in [one for one in self._node.vhosts.values() if not vhosts or one.name in vhosts]:
            chosen = [vhost.queues[name] for name in names if name in vhost.queues]
            waiting = iter(chosen if names else list(vhost.queues.values()))
            while queues := list(islice(waiting, slice_size)):
                yield [self._queue(queue, vhost) for queue in queues if not queue.is_deleted]

    def connections(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[ConnectionInfo]:
        """Connections, those that have not finished their login too."""
        found, now_ms = self._node.connections.open, self._node.clock.now_ms()
        return page_of(
            found, len(found), page, page_size,
            lambda it: copies.connection_info(it, self.node_name, now_ms, self.history.rates(rows.CONNECTION, it)),
        )  # fmt: skip

    def channels(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[ChannelInfo]:
        """Channels of all connections."""
        parts = ((connection, connection.channels.values()) for connection in self._node.connections.open)
        return page_of_parts(
            parts, page, page_size,
            lambda it: copies.channel_info(*it, self.node_name, self.history.rates(rows.CHANNEL, it[1])),
        )  # fmt: skip

    def consumers(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[ConsumerInfo]:
        """Consumers of all vhosts, or of one."""
        chosen = {one.name for one in self.chosen(vhost)}
        parts = (
            ((connection, channel), channel.consumers.values())
            for connection in self._node.connections.open
            for channel in connection.channels.values()
            if channel.actor.vhost.name in chosen
        )
        return page_of_parts(parts, page, page_size, lambda it: copies.consumer_info(*it[0], it[1]))

    def exchanges(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[ExchangeInfo]:
        """Exchanges of all vhosts, or of one."""
        parts = ((one, one.table.exchanges.values()) for one in self.chosen(vhost))
        return page_of_parts(
            parts, page, page_size, lambda it: copies.exchange_info(*it, self.history.rates(rows.EXCHANGE, it[1]))
        )

    def bindings(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[BindingInfo]:
        """Bindings of all vhosts, or of one, with those that the default exchange has by itself."""
        chosen = self.chosen(vhost)
        found = ((one, binding) for one in chosen for binding in one.table.bindings())
        count = sum(
            len(one.queues) + sum(exchange.bindings_count for exchange in one.table.exchanges.values())
            for one in chosen
        )
        return page_of(found, count, page, page_size, lambda it: copies.binding_info(*it))

    def vhosts(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[VhostInfo]:
        """Vhosts, with the messages in their queues."""
        found = self._node.vhosts
        return page_of(found.values(), len(found), page, page_size, self._vhost)

    def _vhost(self, vhost: Vhost) -> VhostInfo:
        history = self.history
        return copies.vhost_info(vhost, history.totals(rows.VHOST, vhost), history.rates(rows.VHOST, vhost))

    def users(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[UserInfo]:
        """Users, by name."""
        found = self._node.users.all()
        return page_of(found, len(found), page, page_size, lambda it: UserInfo(it.name, it.tags))

    def permissions(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[PermissionInfo]:
        """Rights in all vhosts, or in one, by user."""
        chosen = {one.name for one in self.chosen(vhost)}
        found = [one for one in self._node.permissions.all() if one.vhost in chosen]
        return page_of(
            found, len(found), page, page_size,
            lambda it: PermissionInfo(it.user, it.vhost, it.configure, it.write, it.read),
        )  # fmt: skip

    def chosen(self, name: str | None) -> list[Vhost]:
        """All vhosts, or one. Raises: UnknownVhostError."""
        vhosts = self._node.vhosts
        if name is None:
            return list(vhosts.values())
        if name not in vhosts:
            raise UnknownVhostError(name)
        return [vhosts[name]]
