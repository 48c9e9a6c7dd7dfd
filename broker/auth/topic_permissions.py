"""What routing keys each user may publish with to a topic exchange, or bind to it: patterns, as in RabbitMQ.

Must not: know which exchanges are topic exchanges; whoever asks does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import re2

from broker.auth.permissions import ANSWERS_MAX, Kind, compile_pattern

TOPIC_PERMISSIONS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class TopicPermission:
    """A user's rights on the routing keys of one exchange; patterns in which {username} and {vhost} are put in."""

    user: str
    vhost: str
    exchange: str
    write: str
    read: str


def _nobody_told(_at: tuple[str, str, str], _permission: TopicPermission | None) -> None:
    return None


class TopicPermissionStore:
    """All topic permissions. `version` grows with every change; `on_change` is told of each, None where it is gone.

    1. Where nothing is said about an exchange, every routing key is allowed.
    2. What is put in for a variable is taken literally, whatever characters it has.
    """

    def __init__(self) -> None:
        self.version = 0
        self.on_change: Callable[[tuple[str, str, str], TopicPermission | None], None] = _nobody_told
        self._permissions: dict[tuple[str, str, str], TopicPermission] = {}
        self._compiled: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._answers: dict[tuple[str, str, str, str, str], bool] = {}

    def __len__(self) -> int:
        return len(self._permissions)

    def all(self) -> list[TopicPermission]:
        """Every topic permission, by user, vhost and exchange."""
        return [self._permissions[at] for at in sorted(self._permissions)]

    def get(self, user: str, vhost: str, exchange: str) -> TopicPermission | None:
        """What is said about one exchange."""
        return self._permissions.get((user, vhost, exchange))

    def set(self, permission: TopicPermission) -> None:
        """Says what a user may do, replacing what was said. Raises: ValueError for a bad pattern, or one too many."""
        at = (permission.user, permission.vhost, permission.exchange)
        if at not in self._permissions and len(self._permissions) >= TOPIC_PERMISSIONS_MAX:
            raise ValueError(f"there are {TOPIC_PERMISSIONS_MAX} topic permissions, the most there can be")
        compiled = {"write": _compile(permission, permission.write), "read": _compile(permission, permission.read)}
        self._permissions[at] = permission
        self._compiled[at] = compiled
        self._changed(at, permission)

    def clear(self, user: str, vhost: str, exchange: str = "") -> int:
        """Forgets what is said about an exchange, or about all of a vhost. Returns: how many."""
        found = [at for at in self._permissions if at[:2] == (user, vhost) and exchange in ("", at[2])]
        return self._forget(found)

    def clear_user(self, user: str) -> None:
        """Forgets everything about a user, as deleting the user does."""
        self._forget([at for at in self._permissions if at[0] == user])

    def clear_vhost(self, vhost: str) -> None:
        """Forgets everything about a vhost, as deleting the vhost does."""
        self._forget([at for at in self._permissions if at[1] == vhost])

    def allows(self, user: str, vhost: str, exchange: str, kind: Kind, routing_key: str) -> bool:
        """Whether a user may use a routing key at a topic exchange."""
        compiled = self._compiled.get((user, vhost, exchange))
        if compiled is None:
            return True
        question = (user, vhost, exchange, kind, routing_key)
        answer = self._answers.get(question)
        if answer is None:
            if len(self._answers) >= ANSWERS_MAX:
                self._answers.clear()
            found = compiled[kind].search(routing_key.encode("utf-8", "surrogateescape"))
            answer = self._answers[question] = found is not None
        return answer

    def _forget(self, places: list[tuple[str, str, str]]) -> int:
        for at in places:
            del self._permissions[at], self._compiled[at]
            self._changed(at, None)
        return len(places)

    def _changed(self, at: tuple[str, str, str], permission: TopicPermission | None) -> None:
        self._answers.clear()
        self.version += 1
        self.on_change(at, permission)


def _compile(permission: TopicPermission, pattern: str) -> Any:
    """The pattern with its variables put in. Raises: ValueError."""
    compile_pattern(pattern)  # so that an error shows the pattern as it was given
    put_in = pattern.replace("{username}", _literal(permission.user)).replace("{vhost}", _literal(permission.vhost))
    return compile_pattern(put_in)


def _literal(text: str) -> str:
    escaped = re2.escape(text.encode("utf-8", "surrogateescape"))
    return str(escaped.decode("utf-8", "surrogateescape"))
