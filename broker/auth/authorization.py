"""The one authorization function: whether somebody may do something, for AMQP, HTTP and the commands alike.

Must not: know doors, frames or requests; what can be done is in `actions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.auth.actions import ANYBODY, BY_NAME, MONITORS, Action
from broker.auth.permissions import PermissionStore
from broker.auth.topic_permissions import TopicPermissionStore

DEFAULT_EXCHANGE_SHOWN: Final = "amq.default"


class NotAllowedError(Exception):
    """Somebody may not do what was asked for; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks. `is_owner` came through the socket in the data folder, which only the broker's owner can open."""

    user: str
    tags: frozenset[str] = frozenset()
    is_owner: bool = False


OWNER: Final = Subject("", is_owner=True)


class Authorization:
    """Answers from permissions and tags as they are now; whoever keeps an answer compares `version`."""

    def __init__(self, permissions: PermissionStore, topics: TopicPermissionStore) -> None:
        self._permissions = permissions
        self._topics = topics

    @property
    def version(self) -> int:
        """Grows with every change that may change an answer about rights."""
        return self._permissions.version + self._topics.version

    @property
    def restricts_topics(self) -> bool:
        """Whether anything is said about any routing key."""
        return bool(len(self._topics))

    def allows(
        self, subject: Subject, action: str, vhost: str = "", name: str = "", routing_key: str = "", owner: str = ""
    ) -> bool:
        """Whether somebody may do something.

        Args: action, a row of `actions.ACTIONS`; vhost, name (of a queue or exchange) and routing_key as the row
        needs them; owner, whose connection it is where that counts.
        """
        row = BY_NAME[action]
        if subject.is_owner:
            return True
        if row.kind is not None:
            return self._has_right(subject.user, row, vhost, name, routing_key)
        is_own = row.own and owner == subject.user and not subject.tags.isdisjoint(ANYBODY)
        if row.tags and not is_own and subject.tags.isdisjoint(row.tags):
            return False
        if row.vhost:
            return self._permissions.may_access(subject.user, vhost)
        return not row.sees_vhost or self.sees_vhost(subject, vhost)

    def require(
        self, subject: Subject, action: str, vhost: str = "", name: str = "", routing_key: str = "", owner: str = ""
    ) -> None:
        """Raises NotAllowedError unless `allows`; the arguments are the same."""
        if not self.allows(subject, action, vhost, name, routing_key, owner):
            raise NotAllowedError(_refusal(subject, BY_NAME[action], vhost, name, routing_key))

    def sees_vhost(self, subject: Subject, vhost: str) -> bool:
        """Whether somebody who may use HTTP sees that the vhost is there, and what is in it."""
        sees_all = subject.is_owner or not subject.tags.isdisjoint(MONITORS)
        return sees_all or self._permissions.may_access(subject.user, vhost)

    def _has_right(self, user: str, row: Action, vhost: str, name: str, routing_key: str) -> bool:
        assert row.kind is not None
        if row.resource == "topic":
            return self._topics.allows(user, vhost, name, row.kind, routing_key)
        return self._permissions.allows(user, vhost, row.kind, name)


def _refusal(subject: Subject, row: Action, vhost: str, name: str, routing_key: str) -> str:
    """As RabbitMQ words it for rights; for what takes a tag, which tags would do."""
    if row.resource == "topic":
        what = f"topic '{routing_key}' in exchange '{name}' in vhost '{vhost}'"
        return f"{row.kind} access to {what} refused for user '{subject.user}'"
    if row.kind is not None:
        what = f"{row.resource} '{name or DEFAULT_EXCHANGE_SHOWN}' in vhost '{vhost}'"
        return f"{row.kind} access to {what} refused for user '{subject.user}'"
    if row.tags and subject.tags.isdisjoint(row.tags):
        return f"user '{subject.user}' needs the tag {' or '.join(sorted(row.tags))} to do this ({row.name})"
    return f"user '{subject.user}' has no permission in vhost '{vhost}'"
