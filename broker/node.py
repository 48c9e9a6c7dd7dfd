"""One node: builds the parts of a broker from its configuration and holds them together.

Must not: open sockets or know the event loop; the server does.
"""

from __future__ import annotations

import logging
import platform
import socket
from collections.abc import Callable

from broker import __version__
from broker.administration import Administration
from broker.alarms import DISK, Alarms, disk_free_bytes, memory_limit_bytes, memory_used_bytes
from broker.auth.accounts import Accounts
from broker.auth.authorization import Authorization
from broker.auth.permissions import PermissionStore
from broker.auth.topic_permissions import TopicPermissionStore
from broker.auth.users import PasswordHash, UserStore
from broker.clock import Clock, Deadlines
from broker.config import Config
from broker.connections.registry import Connections
from broker.connections.services import Limits, Services
from broker.consumer_timeouts import ConsumerTimeouts
from broker.definitions.keeper import Keeper
from broker.definitions.loading import load
from broker.logs import RecentLines
from broker.loop_watch import LoopWatch
from broker.model.vhost_metadata import VhostMetadata
from broker.moving.jobs import Jobs
from broker.moving.service import Moving
from broker.moving.steps import Surroundings
from broker.operations import Operations
from broker.policies.parameters import CLUSTER_NAME
from broker.policies.rules import Rules
from broker.queues.levels import LEVEL_BITS, LEVEL_MASK, stream_id
from broker.queues.paging import MemoryBudget
from broker.queues.spool import Spool
from broker.queues.waits import TaskWaits
from broker.redeclaring import Redeclarations
from broker.tick import Tick
from broker.tls.store import certificates_of
from broker.tracing import Tracing
from broker.vhost import Vhost
from storage.commit import Timers
from storage.definitions import RETRY_MS, Definitions, StagedDefinitions
from storage.definitions_disk import MemoryDisk
from storage.journal import Journal
from storage.memory import MemoryJournal
from storage.status import OK
from storage.worker import InlineWorker

log = logging.getLogger("leveret.node")


def server_properties(config: Config, cluster_name: str) -> dict[str, object]:
    """What connection.start tells clients; `product` and `version` as configured, our own name beside them.

    Spec: 1.4.2.1.3 (server-properties).
    """
    return {
        "capabilities": {
            "publisher_confirms": True,
            "exchange_exchange_bindings": True,
            "basic.nack": True,
            "consumer_cancel_notify": True,
            "connection.blocked": True,
            "consumer_priorities": True,
            "authentication_failure_close": True,
            "per_consumer_qos": True,
            "direct_reply_to": True,
        },
        "cluster_name": cluster_name,
        "copyright": "Copyright (c) the Leveret developers",
        "information": "Licensed under the Apache License 2.0",
        "platform": f"Python {platform.python_version()}",
        "product": config.product,
        "version": config.product_version,
        "leveret_version": __version__,
    }


OpenJournal = Callable[[Timers, Callable[[], int]], Journal]


class WakingTimers:
    """The heap of deadlines for whoever runs outside a turn: adding one makes sure that a turn follows."""

    __slots__ = ("_deadlines", "wake")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self.wake: Callable[[], None] = _nothing

    def add(self, due_ms: int, callback: Callable[[], None]) -> object:
        """Calls back at or after a time."""
        deadline = self._deadlines.add(due_ms, callback)
        self.wake()
        return deadline


def _nothing() -> None:
    return None


def _levels(journal: Journal) -> dict[int, list[int]]:
    """By queue number, the priority levels of which the journal has something."""
    found: dict[int, list[int]] = {}
    for stream in journal.stream_ids():
        found.setdefault(stream >> LEVEL_BITS, []).append(stream & LEVEL_MASK)
    return found


class Node:
    """The parts of a running broker."""

    leveret_version = __version__

    def __init__(
        self,
        config: Config,
        clock: Clock,
        call_soon: Callable[[Callable[[], None]], object],
        definitions: Definitions | None = None,
        open_journal: OpenJournal | None = None,
        open_spool: OpenJournal | None = None,
        budget: MemoryBudget | None = None,
    ) -> None:
        """Brings back what definitions and journal hold; without them everything lasts as long as the node.

        Args: open_journal and open_spool get the timers and the clock in ms; the latter is asked when it is needed.
        budget is what queues may hold in memory (None: as configured).

        Raises: DefinitionsError, TlsError.
        """
        self.config = config
        self.clock = clock
        self.started_ms = clock.now_ms()
        self.certificates = certificates_of(config)
        self.name = self.cluster_name = config.cluster_name or f"leveret@{socket.gethostname()}"
        self.deadlines = Deadlines()
        self.loop_watch, self.recent_lines = LoopWatch(), RecentLines()  # those of the process, where it logs
        self._open_logs(open_journal, open_spool, call_soon)
        self.task_waits = TaskWaits(self.tick.now_ms) if config.task_wait_metrics else None
        self.definitions: Definitions = definitions or StagedDefinitions(MemoryDisk(), InlineWorker())
        self._keeper = Keeper(self.definitions)
        self._trouble = ""
        self.vhosts: dict[str, Vhost] = {}
        self.tracing = Tracing(self.vhosts, self.clock.now_ms)
        self._make_accounts()
        self._make_rules(call_soon)
        self.connections = Connections(config.connections_max, config.channels_max, self.vhost_limits, self.user_limits)
        self.memory_limit_bytes = memory_limit_bytes()
        self.alarms = Alarms(
            int(self.memory_limit_bytes * config.memory_high_watermark), config.disk_free_min_bytes,
            memory_used_bytes, lambda: disk_free_bytes(config.data_dir), self.connections.alarm,
        )  # fmt: skip
        self.budget = budget or MemoryBudget(int(self.memory_limit_bytes * config.queue_memory))
        self._levels = _levels(self.journal)
        self._make_doors()
        self._bring_back()
        self.services = self._services()
        self.consumer_timeouts = ConsumerTimeouts(self.connections.open, self.deadlines, clock.now_ms, config)
        self.moving = self._moving(call_soon)
        self.global_parameters.on_change = self._global_parameter_changed
        self._global_parameter_changed(CLUSTER_NAME)

    def _global_parameter_changed(self, name: str) -> None:
        """Who gives the cluster a name while it runs has the last word, as with RabbitMQ."""
        if name == CLUSTER_NAME:
            self.cluster_name = str(self.global_parameters.all().get(CLUSTER_NAME, self.name))
            self.services.server_properties[CLUSTER_NAME] = self.cluster_name

    def _make_rules(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        """No policies, no limits, no parameters."""
        self.rules = rules = Rules(self.vhosts, self._require_vhost, self.users.get, call_soon)
        self.policies, self.operator_policies = rules.policies, rules.operator_policies
        self.vhost_limits, self.user_limits = rules.vhost_limits, rules.user_limits
        self.parameters, self.global_parameters = rules.parameters, rules.global_parameters

    def _make_doors(self) -> None:
        """What changes definitions."""
        redeclarations = Redeclarations(self.config.redeclare, self.clock.now_ms)
        self.operations = Operations(self.authorization, self.vhost_limits, redeclarations)
        self.administration = Administration(
            self.users,
            self.permissions,
            self.topic_permissions,
            self.vhosts,
            self._new_vhost,
            self.connections.cut_off,
            self.connections.recheck,
            self.accounts.hash_password,
            self._keeper,
            self.rules,
        )

    def _require_vhost(self, name: str) -> object:
        return self.administration.vhost(name)

    def _make_accounts(self) -> None:
        """Nobody, with no rights."""
        self.users = UserStore(self.config.loopback_users, self.config.password_hashing)
        self.permissions = PermissionStore()
        self.topic_permissions = TopicPermissionStore()
        self.authorization = Authorization(self.permissions, self.topic_permissions)
        self.accounts = Accounts(
            self.users, self.permissions, self.authorization, self.clock.now_ms, self.config.login_failures_max
        )

    def _open_logs(
        self, open_journal: OpenJournal | None, open_spool: OpenJournal | None,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:  # fmt: skip
        timers, now_ms = WakingTimers(self.deadlines), self.clock.now_ms
        self.journal: Journal = MemoryJournal() if open_journal is None else open_journal(timers, now_ms)
        self.spool = Spool(MemoryJournal if open_spool is None else lambda: open_spool(timers, now_ms), now_ms)
        self.tick = Tick(self.journal, now_ms, call_soon)
        self.tick.watch, self.tick.clock_ns = self.loop_watch, self.clock.now_ns
        timers.wake = self.tick.schedule
        self.tick.timers = self.deadlines if open_journal is not None else None
        self.journal.on_state = self._journal_state

    def _new_vhost(self, name: str, metadata: VhostMetadata) -> Vhost:
        made = Vhost(
            name, self.journal, self.spool, self.tick, self.deadlines, self._keeper.vhost(name), self.budget,
            lambda number: self._levels.pop(number, ()), self.rules.engine.of, metadata, self.task_waits,
        )  # fmt: skip
        self.tracing.attend(made)
        return made

    def _moving(self, call_soon: Callable[[Callable[[], None]], object]) -> Moving:
        """No jobs."""
        definitions = self.definitions
        around = Surroundings(
            self.tick.now_ms, call_soon, self.deadlines, self.tick.schedule, self.alarms.reason,
            lambda: definitions.pending, definitions.when_stored,
        )  # fmt: skip
        return Moving(self.operations, Jobs(self.clock.now_ms), around, self.journal)

    @property
    def ended(self) -> int:
        """How many connections, channels and queues have ended since the start."""
        of_vhosts = sum(one.counters.channels_closed + one.counters.queues_deleted for one in self.vhosts.values())
        return self.connections.closed + of_vhosts

    @property
    def is_learning(self) -> bool:
        """Whether something does not know yet which messages came before the start."""
        return any(vhost.deduplication.learning for vhost in self.vhosts.values())

    def run_deadlines(self) -> None:
        """Does what is due by now, in a turn of its own."""
        self.deadlines.run_due(self.tick.now_ms())
        self.tick.schedule()

    def check_alarms(self) -> None:
        """Looks at memory and disk; where the disk is short of room, the log gives back what it can."""
        self.alarms.check()
        if DISK in self.alarms.active():
            self.journal.make_room()

    def _journal_state(self, state: str, text: str) -> None:
        """The disk is full, or has failed, or has room again."""
        if state != OK:
            self.tick.refuse_waiting()
        self.alarms.log_state(state, text)
        self.tick.schedule()

    def _bring_back(self) -> None:
        """What was stored is there again; from here on every change is stored."""
        load(
            self.definitions, self.users, self.permissions, self.topic_permissions, self.rules, self.vhosts,
            self._new_vhost,
        )  # fmt: skip
        self.rules.begin(self._keeper)
        self._drop_orphans()
        if self.journal.state != OK:  # it was so before anybody could be told
            self.alarms.log_state(self.journal.state, self.journal.status().reason)
        self.users.on_change = self._keeper.user_changed
        self.permissions.on_change = self._keeper.permission_changed
        self.topic_permissions.on_change = self._keeper.topic_permission_changed
        self.definitions.on_trouble = self.definitions_trouble
        self.definitions.watch("", lambda _key, _entry: self.tick.definitions_changed())
        self.tick.commit_definitions = self.definitions.commit
        self.definitions.commit(self.clock.now_ms())

    def _drop_orphans(self) -> None:
        """Messages of queues whose end was stored, though the log did not hear of it any more."""
        for number, levels in self._levels.items():
            for level in levels:
                self.journal.stream(stream_id(number, level)).drop()
        self._levels.clear()

    def definitions_trouble(self, text: str) -> None:
        """Definitions cannot be stored, or, with an empty text, can again; the next attempt is seen to."""
        if text != self._trouble:
            log.error("%s", text or "definitions are stored again")
            self._trouble = text
        if text:
            self.deadlines.add(self.tick.now_ms() + RETRY_MS, self.tick.schedule)

    def _services(self) -> Services:
        config = self.config
        limits = Limits(
            heartbeat_s=config.heartbeat_s,
            frame_max_bytes=config.frame_max_bytes,
            channel_max=config.channel_max,
            consumers_per_channel_max=config.consumers_per_channel_max,
            live_prefetch=config.live_prefetch,
            message_size_max_bytes=config.message_size_max_bytes,
            handshake_timeout_ms=int(config.handshake_timeout_s * 1000),
            auth_failure_delay_ms=int(config.auth_failure_delay_s * 1000),
        )
        return Services(
            limits, server_properties(config, self.cluster_name), self.operations, self.vhosts,
            self.accounts, self.tick, self.deadlines, self.tick.now_ms, self.alarms, self.connections,
        )  # fmt: skip

    @property
    def is_new(self) -> bool:
        """Whether nobody could use it: the store was empty, and no defaults have been made."""
        return not self.vhosts and not len(self.users)

    def create_defaults(self, password: PasswordHash) -> None:
        """The first vhost and user, with all rights."""
        config = self.config
        self.administration.add_vhost(config.default_vhost)
        self.administration.put_user(config.default_user, password, ("administrator",))
        self.administration.set_permissions(config.default_user, config.default_vhost, ".*", ".*", ".*")
