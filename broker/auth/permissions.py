"""What each user may do in each virtual host: three regular expressions over resource names, as in RabbitMQ.

Must not: raise AMQP errors or cache for callers; they compare `version` and cache themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import re2

Kind = Literal["configure", "write", "read"]

PATTERN_BYTES_MAX = 4096
PATTERN_MEMORY_BYTES_MAX = 1024 * 1024
PERMISSIONS_MAX = 1_000_000
ANSWERS_MAX = 65_536
EMPTY_PATTERN_MEANS = "^$"
DEFAULT_EXCHANGE_CHECKED_AS = "amq.default"


@dataclass(frozen=True, slots=True)
class Permission:
    """One user's rights in one virtual host; each text is a regular expression that is searched, not anchored."""

    user: str
    vhost: str
    configure: str
    write: str
    read: str


def _nobody_told(_user: str, _vhost: str, _permission: Permission | None) -> None:
    return None


class PermissionStore:
    """All permissions by user and virtual host. `version` grows with every change.

    `on_change` is told of each: user, virtual host, and the permission as it is now, None where it is gone.

    1. No permission for a user in a virtual host means no access to it at all.
    2. The empty pattern is `^$`: it fits only the empty name, and no resource is checked under that name.
    3. Matching time is linear in the name's length, whatever the pattern.
    """

    def __init__(self) -> None:
        self.version = 0
        self.on_change: Callable[[str, str, Permission | None], None] = _nobody_told
        self._permissions: dict[tuple[str, str], Permission] = {}
        self._compiled: dict[tuple[str, str], dict[str, Any]] = {}
        self._answers: dict[tuple[str, str, str, str], bool] = {}  # what was asked since the last change
        self._answers_version = 0

    def all(self) -> list[Permission]:
        """Every permission, by user and virtual host."""
        return [self._permissions[key] for key in sorted(self._permissions)]

    def get(self, user: str, vhost: str) -> Permission | None:
        """A user's permission in a virtual host."""
        return self._permissions.get((user, vhost))

    def set(self, permission: Permission) -> None:
        """Gives a user rights in a virtual host, replacing the ones there. Raises: ValueError for a bad pattern."""
        key = (permission.user, permission.vhost)
        if key not in self._permissions and len(self._permissions) >= PERMISSIONS_MAX:
            raise ValueError(f"there are {PERMISSIONS_MAX} permissions, the most there can be")
        self._compiled[key] = {
            "configure": compile_pattern(permission.configure),
            "write": compile_pattern(permission.write),
            "read": compile_pattern(permission.read),
        }
        self._permissions[key] = permission
        self.version += 1
        self.on_change(permission.user, permission.vhost, permission)

    def clear(self, user: str, vhost: str) -> None:
        """Takes a user's rights in a virtual host away; nothing happens if there are none."""
        if self._permissions.pop((user, vhost), None) is not None:
            del self._compiled[user, vhost]
            self.version += 1
            self.on_change(user, vhost, None)

    def clear_user(self, user: str) -> None:
        """Takes all of a user's rights away, as deleting the user does."""
        for key in [key for key in self._permissions if key[0] == user]:
            self.clear(*key)

    def clear_vhost(self, vhost: str) -> None:
        """Takes all rights in a virtual host away, as deleting the virtual host does."""
        for key in [key for key in self._permissions if key[1] == vhost]:
            self.clear(*key)

    def may_access(self, user: str, vhost: str) -> bool:
        """Whether a user may open the virtual host at all. Spec: 1.4.2.7 (connection.open)."""
        return (user, vhost) in self._permissions

    def allows(self, user: str, vhost: str, kind: Kind, resource_name: str) -> bool:
        """Whether a user may configure, write to or read from the queue or exchange of that name."""
        if self._answers_version != self.version or len(self._answers) >= ANSWERS_MAX:
            self._answers.clear()
            self._answers_version = self.version
        question = (user, vhost, kind, resource_name)
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._match(user, vhost, kind, resource_name)
        return answer

    def _match(self, user: str, vhost: str, kind: Kind, resource_name: str) -> bool:
        compiled = self._compiled.get((user, vhost))
        if compiled is None:
            return False
        checked_as = resource_name or DEFAULT_EXCHANGE_CHECKED_AS
        return compiled[kind].search(checked_as.encode("utf-8", "surrogateescape")) is not None


def compile_pattern(pattern: str) -> Any:
    """A compiled pattern, to be searched in bytes. Raises: ValueError that says what is wrong with the pattern."""
    encoded = (pattern or EMPTY_PATTERN_MEANS).encode("utf-8", "surrogateescape")
    if len(encoded) > PATTERN_BYTES_MAX:
        raise ValueError(f"regular expression of {len(encoded)} bytes is too long; at most {PATTERN_BYTES_MAX}")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    options.encoding = re2.Options.Encoding.LATIN1  # bytes against bytes, as RabbitMQ compares
    try:
        return re2.compile(encoded, options)
    except re2.error as error:
        reason = _reason(error)
        raise ValueError(
            f"regular expression {pattern!r} is invalid: {reason} (look-around and back-references are not supported)"
        ) from None


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
