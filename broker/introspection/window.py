"""The one window into the broker: lists, pages and totals of what there is. Must not: change anything."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from itertools import islice
from typing import Final, Protocol

from broker import build
from broker.administration import UnknownVhostError
from broker.alarms import DISK, LOG, MEMORY, Alarms, disk_free_bytes, memory_used_bytes
from broker.auth.permissions import PermissionStore
from broker.auth.users import UserStore
from broker.clock import Clock
from broker.config import Config
from broker.connections.registry import Connections
from broker.introspection import copies
from broker.introspection.infos import (
    BindingInfo,
    CertificateInfo,
    ChannelInfo,
    ChurnRates,
    ConnectionInfo,
    ConsumerInfo,
    ExchangeInfo,
    ListenerInfo,
    NodeInfo,
    ObjectTotals,
    Overview,
    PermissionInfo,
    QueueInfo,
    QueueTotals,
    UserInfo,
    VhostInfo,
)
from broker.introspection.pages import PAGE_SIZE_DEFAULT, SLICE, Page, Steps, page_of, page_of_parts
from broker.loop_watch import LoopWatch
from broker.queues.counters import QueueCounters
from broker.queues.paging import MemoryBudget
from broker.tls.store import Certificates
from broker.vhost import Vhost
from storage.definitions import Definitions
from storage.journal import Journal

TOTALS_SLICE: Final = 250  # queues added up in one go: about a millisecond's work


class NodeParts(Protocol):
    """The parts of a node that can be seen."""

    config: Config
    clock: Clock
    started_ms: int
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


class Introspection:
    """Copies of what a node holds. Every listing is in the order in which things were made."""

    def __init__(self, node: NodeParts, listeners: tuple[ListenerInfo, ...] = ()) -> None:
        """Args: `listeners` are the addresses that the server listens on."""
        self._node = node
        self._listeners = listeners

    @property
    def node_name(self) -> str:
        """The name of this node."""
        return self._node.cluster_name

    # ---- the whole

    def overview(self) -> Steps[Overview]:
        """The broker as a whole; its cost grows with the number of queues, of which each step adds up some."""
        node, config = self._node, self._node.config
        vhosts = list(node.vhosts.values())
        counters, totals, consumers = yield from self._queue_totals(vhosts)
        of_vhosts = [vhost.counters for vhost in vhosts]
        return Overview(
            rabbitmq_version=config.product_version,
            product_name=config.product,
            product_version=config.product_version,
            leveret_version=node.leveret_version,
            leveret_form=build.form(),
            cluster_name=node.cluster_name,
            node=self.node_name,
            uptime=node.clock.now_ms() - node.started_ms,
            object_totals=ObjectTotals(
                connections=len(node.connections.open),
                channels=sum(len(connection.channels) for connection in node.connections.open),
                exchanges=sum(len(vhost.table.exchanges) for vhost in vhosts),
                queues=sum(len(vhost.queues) for vhost in vhosts),
                consumers=consumers,
            ),
            queue_totals=totals,
            message_stats=copies.whole_stats(counters, of_vhosts),
            churn_rates=ChurnRates(
                connection_created=node.connections.opened,
                connection_closed=node.connections.closed,
                channel_created=sum(one.channels_opened for one in of_vhosts),
                channel_closed=sum(one.channels_closed for one in of_vhosts),
                queue_declared=sum(one.queues_declared for one in of_vhosts),
                queue_created=sum(one.queues_created for one in of_vhosts),
                queue_deleted=sum(one.queues_deleted for one in of_vhosts),
            ),
            listeners=self._listeners,
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
            disk_free=_disk_free(node.config),
            disk_free_limit=node.alarms.disk_free_min_bytes,
            disk_free_alarm=DISK in alarms,
            fd_used=len(os.listdir("/dev/fd")),
            fd_total=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
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
        )

    def certificates(self) -> tuple[CertificateInfo, ...]:
        """The certificates in use for TLS: those that clients are shown, and the authorities trusted with theirs."""
        return self._node.certificates.infos()

    @staticmethod
    def _queue_totals(vhosts: list[Vhost]) -> Steps[tuple[QueueCounters, QueueTotals, int]]:
        """Counters, messages and consumers of all queues, and the counters of those that are gone.

        A queue that is deleted between two steps counts once all the same, so that no counter ever falls.
        """
        counters = QueueCounters()
        for vhost in vhosts:
            counters.add(vhost.deleted_queues)
        waiting = iter([(queue, queue.counters) for vhost in vhosts for queue in vhost.queues.values()])
        ready = ready_bytes = unacked = unacked_bytes = paged_out = paged_out_bytes = consumers = 0
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
            yield
        in_memory, in_memory_bytes = ready + unacked - paged_out, ready_bytes + unacked_bytes - paged_out_bytes
        totals = QueueTotals(
            ready + unacked, ready, unacked, ready_bytes, unacked_bytes, in_memory, in_memory_bytes, paged_out,
            paged_out_bytes,
        )  # fmt: skip
        return counters, totals, consumers

    # ---- listings, paged

    def queues(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None) -> Page[QueueInfo]:
        """Queues of all vhosts, or of one. Raises: UnknownVhostError, ValueError as every listing does."""
        chosen = self._chosen(vhost)
        parts = ((one, one.queues.values()) for one in chosen)
        return page_of_parts(parts, page, page_size, lambda it: copies.queue_info(it[1], it[0].name, self.node_name))

    def queue_slices(self, slice_size: int = SLICE) -> Iterator[list[QueueInfo]]:
        """All queues in slices; between two slices the broker may go on, and what it deletes then is left out."""
        for vhost in list(self._node.vhosts.values()):
            waiting = iter(list(vhost.queues.values()))
            while queues := list(islice(waiting, slice_size)):
                name = vhost.name
                yield [copies.queue_info(queue, name, self.node_name) for queue in queues if not queue.is_deleted]

    def connections(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[ConnectionInfo]:
        """Connections, those that have not finished their login too."""
        found, now_ms = self._node.connections.open, self._node.clock.now_ms()
        return page_of(
            found, len(found), page, page_size, lambda it: copies.connection_info(it, self.node_name, now_ms)
        )

    def channels(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[ChannelInfo]:
        """Channels of all connections."""
        parts = ((connection, connection.channels.values()) for connection in self._node.connections.open)
        return page_of_parts(parts, page, page_size, lambda it: copies.channel_info(*it, self.node_name))

    def consumers(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[ConsumerInfo]:
        """Consumers of all vhosts, or of one."""
        chosen = {one.name for one in self._chosen(vhost)}
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
        parts = ((one, one.table.exchanges.values()) for one in self._chosen(vhost))
        return page_of_parts(parts, page, page_size, lambda it: copies.exchange_info(*it))

    def bindings(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[BindingInfo]:
        """Bindings of all vhosts, or of one, with those that the default exchange has by itself."""
        chosen = self._chosen(vhost)
        found = ((one, binding) for one in chosen for binding in one.table.bindings())
        count = sum(
            len(one.queues) + sum(exchange.bindings_count for exchange in one.table.exchanges.values())
            for one in chosen
        )
        return page_of(found, count, page, page_size, lambda it: copies.binding_info(*it))

    def vhosts(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[VhostInfo]:
        """Vhosts, with the messages in their queues."""
        found = self._node.vhosts
        return page_of(found.values(), len(found), page, page_size, copies.vhost_info)

    def users(self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT) -> Page[UserInfo]:
        """Users, by name."""
        found = self._node.users.all()
        return page_of(found, len(found), page, page_size, lambda it: UserInfo(it.name, it.tags))

    def permissions(
        self, page: int = 1, page_size: int = PAGE_SIZE_DEFAULT, vhost: str | None = None
    ) -> Page[PermissionInfo]:
        """Rights in all vhosts, or in one, by user."""
        chosen = {one.name for one in self._chosen(vhost)}
        found = [one for one in self._node.permissions.all() if one.vhost in chosen]
        return page_of(
            found, len(found), page, page_size,
            lambda it: PermissionInfo(it.user, it.vhost, it.configure, it.write, it.read),
        )  # fmt: skip

    def _chosen(self, name: str | None) -> list[Vhost]:
        vhosts = self._node.vhosts
        if name is None:
            return list(vhosts.values())
        if name not in vhosts:
            raise UnknownVhostError(name)
        return [vhosts[name]]


def _disk_free(config: Config) -> int:
    try:
        return disk_free_bytes(config.data_dir)
    except OSError:
        return 0
