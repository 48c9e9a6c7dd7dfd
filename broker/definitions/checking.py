"""Checks the objects of a definitions file one by one, and makes of each what is to be done. Must not: do it.

An object may name what is in the broker or comes before it in the file; the order of the lists is that of KINDS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from broker.administration import NAME_BYTES_MAX, VHOSTS_MAX
from broker.auth.passwords import hash_password
from broker.auth.permissions import compile_pattern
from broker.auth.users import USERS_MAX, User, check_user
from broker.definitions.applying import Applier
from broker.definitions.objects import Fields, Skipped, WrongObjectError
from broker.definitions.plain import arguments_of
from broker.model import argument_checks as checks
from broker.model.arguments import EXCHANGE, Arguments
from broker.model.names import RESERVED_PREFIX, rs
from broker.model.vhost_metadata import NO_METADATA, VhostMetadata
from broker.policies.limits import MAX_QUEUES, NO_LIMIT
from broker.policies.parameters import INTERNAL_PREFIX, PARAMETERS_MAX, VHOST_LIMITS
from broker.policies.policy import OPERATOR_POLICY, Policy
from broker.policies.store import POLICIES_MAX, PolicyStore
from broker.queues.definition import QueueDefinition
from broker.routing.exchange import EXCHANGE_TYPES, Exchange, check_delayed_type, default_exchanges
from broker.routing.headers import read_match_mode

PLAIN_PASSWORD_ALGORITHM: Final = "rabbit_password_hashing_sha256"
DEFAULT_ALGORITHM: Final = "rabbit_password_hashing_sha256"  # of files that name none
DEFAULT_TYPES: Final = {exchange.name: exchange.type for exchange in default_exchanges()}
NO_TYPE: Final = ("", "undefined")  # how RabbitMQ writes that a vhost has no default queue type

Action = Callable[[], str]


class Checker:
    """What the broker has, and what the file has added to it so far."""

    def __init__(self, applier: Applier) -> None:
        self._applier = applier
        self._node = node = applier.node
        self._users: set[str] = set()
        self._vhosts: set[str] = set()
        self._exchanges: dict[tuple[str, str], str] = {}  # with their types
        self._queues: set[tuple[str, str]] = set()
        self._left_out: set[tuple[str, str]] = set()
        self._new_queues: Counter[str] = Counter()
        self._new: Counter[str] = Counter()  # of what there may only be so many
        self._rules = node.rules

    # ---- what there is

    def _has_user(self, name: str) -> bool:
        return name in self._users or name in self._node.users

    def _has_vhost(self, name: str) -> bool:
        return name in self._vhosts or name in self._node.vhosts

    def _count(self, fields: Fields, what: str, present: int, most: int) -> None:
        """Counts something new. Raises: WrongObjectError where that is one too many."""
        self._new[what] += 1
        if self._new[what] + present > most:
            raise fields.wrong(f"more than {most} {what}")

    def _require_vhost(self, fields: Fields, name: str) -> None:
        if not self._has_vhost(name):
            raise fields.wrong(f"there is no vhost '{name}'")

    def _require_both(self, fields: Fields) -> tuple[str, str]:
        user, vhost = fields.text("user"), fields.text("vhost")
        fields.named(f"permissions of user '{user}' in vhost '{vhost}'")
        self._require_vhost(fields, vhost)
        if not self._has_user(user):
            raise fields.wrong(f"there is no user '{user}'")
        return user, vhost

    def _exchange_type(self, vhost: str, name: str) -> str | None:
        found = self._exchanges.get((vhost, name))
        if found is None and vhost in self._node.vhosts:
            exchange = self._node.vhosts[vhost].table.exchanges.get(name)
            return None if exchange is None else exchange.type
        return DEFAULT_TYPES.get(name) if found is None else found

    def _has_queue(self, vhost: str, name: str) -> bool:
        return (vhost, name) in self._queues or self._is_queue_there(vhost, name)

    def _is_queue_there(self, vhost: str, name: str) -> bool:
        return vhost in self._node.vhosts and name in self._node.vhosts[vhost].queues

    # ---- users and vhosts

    def user(self, fields: Fields) -> Action:
        """A user with password, tags and limits."""
        name = fields.text("name")
        fields.named(f"user '{name}'")
        if not self._has_user(name):
            self._count(fields, "users", len(self._node.users), USERS_MAX)
        self._users.add(name)
        if "password_hash" not in fields.members and "password" in fields.members:
            password_hash = hash_password(fields.text("password"), PLAIN_PASSWORD_ALGORITHM)
            algorithm = PLAIN_PASSWORD_ALGORITHM
        else:
            password_hash = fields.text("password_hash")
            algorithm = fields.text("hashing_algorithm", DEFAULT_ALGORITHM)
        user = check_user(User(name, password_hash, fields.tags(), algorithm))
        limits = fields.members.get("limits")
        checked = None if limits is None else self._rules.user_limits.check(limits)
        return partial(self._applier.user, user, checked)

    def vhost(self, fields: Fields) -> Action:
        """A vhost and what is said of it; where nothing is said, what was said stays."""
        name = fields.text("name")
        fields.named(f"vhost '{name}'")
        if not 0 < len(name.encode("utf-8", "surrogateescape")) <= NAME_BYTES_MAX:
            raise fields.wrong(f"a vhost's name has 1 to {NAME_BYTES_MAX} bytes")
        if not self._has_vhost(name):
            self._count(fields, "vhosts", len(self._node.vhosts), VHOSTS_MAX)
        self._vhosts.add(name)
        return partial(self._applier.vhost, name, self._metadata(fields, name))

    def _metadata(self, fields: Fields, name: str) -> VhostMetadata:
        metadata = fields.members.get("metadata")
        inner = Fields(metadata, f"metadata of vhost '{name}'").members if isinstance(metadata, dict) else {}
        given = Fields({**inner, **fields.members}, f"vhost '{name}'")
        present = self._node.vhosts[name].metadata if name in self._node.vhosts else NO_METADATA
        default_type = given.text("default_queue_type", present.default_queue_type)
        return VhostMetadata(
            given.text("description", present.description),
            given.tags() if "tags" in given.members else present.tags,
            "" if default_type in NO_TYPE else default_type.removeprefix("rabbit_").removesuffix("_queue"),
            given.flag("protected_from_deletion", present.protected_from_deletion),
        )

    def permission(self, fields: Fields) -> Action:
        """A user's rights in a vhost."""
        user, vhost = self._require_both(fields)
        patterns = [fields.text(kind) for kind in ("configure", "write", "read")]
        for pattern in patterns:
            compile_pattern(pattern)
        return partial(self._applier.permission, user, vhost, *patterns)

    def topic_permission(self, fields: Fields) -> Action:
        """A user's rights on routing keys."""
        user, vhost = self._require_both(fields)
        exchange, patterns = fields.text("exchange"), [fields.text(kind) for kind in ("write", "read")]
        for pattern in patterns:
            compile_pattern(pattern)
        return partial(self._applier.topic_permission, user, vhost, exchange, *patterns)

    # ---- rules

    def global_parameter(self, fields: Fields) -> Action:
        """A global parameter, but those that belong to the broker it came from."""
        name = fields.text("name")
        fields.named(f"global parameter '{name}'")
        if name.startswith(INTERNAL_PREFIX):
            raise Skipped("")
        value = fields.members.get("value")
        self._rules.global_parameters.check(name, value)
        return partial(self._applier.global_parameter, name, value)

    def parameter(self, fields: Fields) -> Action:
        """A parameter, which may be an operator policy or the limits of a vhost."""
        component, vhost, name = fields.text("component"), fields.vhost, fields.text("name")
        fields.named(f"parameter {rs(component, name, vhost)}")
        self._require_vhost(fields, vhost)
        value = fields.members.get("value")
        self._rules.parameters.check(component, vhost, name, value)
        if component == OPERATOR_POLICY:
            self._count_policy(fields, self._rules.operator_policies, vhost, name)
        elif component != VHOST_LIMITS and not self._rules.parameters.has(component, vhost, name):
            self._count(fields, "parameters", self._rules.parameters.count, PARAMETERS_MAX)
        return partial(self._applier.parameter, component, vhost, name, value)

    def _count_policy(self, fields: Fields, store: PolicyStore, vhost: str, name: str) -> None:
        if not store.has(vhost, name):
            self._count(fields, f"{store.component} in vhost '{vhost}'", store.count(vhost), POLICIES_MAX)

    def policy(self, fields: Fields) -> Action:
        """A policy."""
        vhost, name = fields.resource("policy")
        self._require_vhost(fields, vhost)
        members = fields.members
        policy = Policy(
            vhost, name, members.get("pattern", ""), members.get("definition") or {}, members.get("priority", 0),
            members.get("apply-to", "all"),
        )  # fmt: skip
        self._rules.policies.check(policy)
        self._count_policy(fields, self._rules.policies, vhost, name)
        return partial(self._applier.policy, policy)

    # ---- exchanges, queues, bindings

    def _checked_name(self, fields: Fields, kind: str) -> tuple[str, str]:
        vhost, name = fields.resource(kind)
        self._require_vhost(fields, vhost)
        if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
            raise fields.wrong(f"its name has more than {NAME_BYTES_MAX} bytes")
        return vhost, name

    def exchange(self, fields: Fields) -> Action:
        """An exchange; those that every vhost has are there already."""
        vhost, name = self._checked_name(fields, "exchange")
        if not name or name.startswith(RESERVED_PREFIX):
            raise Skipped("")
        kind = fields.text("type")
        if kind not in EXCHANGE_TYPES:
            self._left_out.add((vhost, name))
            raise fields.wrong(f"unknown exchange type '{kind}'")
        self._exchanges.setdefault((vhost, name), kind)
        arguments = arguments_of(fields.members.get("arguments"))
        checks.check_arguments(EXCHANGE, arguments, rs("exchange", name, vhost))
        check_delayed_type(kind, arguments.values)
        exchange = Exchange(
            name, kind, fields.flag("durable"), fields.flag("auto_delete"), fields.flag("internal"),
            dict(arguments.values),
        )  # fmt: skip
        return partial(self._applier.exchange, vhost, exchange, arguments)

    def queue(self, fields: Fields) -> Action:
        """A queue; a name that is reserved cannot be declared, and is left out as RabbitMQ does."""
        vhost, name = self._checked_name(fields, "queue")
        if not name or name.startswith(RESERVED_PREFIX):
            self._left_out.add((vhost, name))
            raise Skipped(f"{rs('queue', name, vhost)} is left out: its name is empty or reserved")
        if not self._has_queue(vhost, name):
            self._new_queues[vhost] += 1
        self._queues.add((vhost, name))
        durable, auto_delete = fields.flag("durable"), fields.flag("auto_delete")
        arguments = self._queue_arguments(fields)
        resource = rs("queue", name, vhost)
        checks.check_queue_arguments(arguments, resource)
        checks.check_queue_type(arguments, resource, durable, False, auto_delete)
        definition = QueueDefinition(name, durable, False, auto_delete, arguments)
        return partial(self._applier.queue, vhost, definition)

    @staticmethod
    def _queue_arguments(fields: Fields) -> Arguments:
        """The arguments, with the type of queue where only the object has it."""
        arguments = arguments_of(fields.members.get("arguments"))
        kind = fields.text("type", "classic")
        if kind == "classic" or "x-queue-type" in arguments.values:
            return arguments
        return arguments.having("x-queue-type", kind)

    def check_queue_limits(self) -> None:
        """Raises: WrongObjectError where a vhost would get more queues than it may have, as RabbitMQ says it."""
        for vhost, count in self._new_queues.items():
            limit = self._rules.vhost_limits.limit(vhost, MAX_QUEUES)
            present = len(self._node.vhosts[vhost].queues) if vhost in self._node.vhosts else 0
            if limit != NO_LIMIT and 0 <= limit < present + count:
                raise WrongObjectError(
                    f'Adding {count} queue(s) to virtual host "{vhost}" would exceed the limit of {limit} queue(s). '
                    f"This virtual host currently has {present} queue(s) defined. Import aborted!"
                )

    def binding(self, fields: Fields) -> Action:
        """A binding; those of the default exchange cannot be made."""
        vhost, source, destination = fields.vhost, fields.text("source"), fields.text("destination")
        kind, key = fields.text("destination_type", "queue"), fields.text("routing_key", "")
        fields.named(f"binding of {rs(kind, destination, vhost)} to exchange '{source}' with key '{key}'")
        self._require_vhost(fields, vhost)
        if not source:
            raise Skipped("")
        if kind not in ("queue", "exchange") or len(key.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
            raise fields.wrong("its destination_type is no queue or exchange, or its key is too long")
        if {(vhost, source), (vhost, destination)} & self._left_out:
            raise Skipped(f"{fields.wrong('is left out: so is what it leads to')}")
        source_type = self._exchange_type(vhost, source)
        if source_type is None:
            raise fields.wrong(f"there is no {rs('exchange', source, vhost)}")
        is_there = self._has_queue(vhost, destination) if kind == "queue" else self._exchange_type(vhost, destination)
        if not is_there:
            raise fields.wrong(f"there is no {rs(kind, destination, vhost)}")
        arguments = arguments_of(fields.members.get("arguments"))
        if source_type == "headers":
            read_match_mode(arguments.values)
        return partial(self._applier.binding, (vhost, source), (kind, destination), key, arguments)


KINDS: Final[tuple[tuple[str, Callable[[Checker, Fields], Action], bool], ...]] = (
    # the list in the file, its check, and whether it is part of an import into one vhost
    ("users", Checker.user, False),
    ("vhosts", Checker.vhost, False),
    ("permissions", Checker.permission, False),
    ("topic_permissions", Checker.topic_permission, False),
    ("global_parameters", Checker.global_parameter, False),
    ("parameters", Checker.parameter, True),
    ("policies", Checker.policy, True),
    ("exchanges", Checker.exchange, True),
    ("queues", Checker.queue, True),
    ("bindings", Checker.binding, True),
)
