"""Who may log in, and where: users, permissions and mechanisms behind the one interface connections see.

Must not: know sockets or frames.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from broker.auth.authorization import Authorization
from broker.auth.mechanisms import parse_response
from broker.auth.permissions import PermissionStore
from broker.auth.users import UserStore

log = logging.getLogger("leveret.auth")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who has logged in."""

    user: str
    tags: frozenset[str]


class Accounts:
    """Logins and vhost access."""

    def __init__(self, users: UserStore, permissions: PermissionStore, authorization: Authorization) -> None:
        self._users = users
        self._permissions = permissions
        self._authorization = authorization

    @property
    def version(self) -> int:
        """Grows with every change of users or permissions."""
        return self._users.version + self._authorization.version

    def login(
        self, mechanism: str, response: bytes, is_loopback: bool, answer: Callable[[LoggedIn | None], None]
    ) -> None:
        """Answers who it is; None for a refusal, which is logged.

        Raises: ConnectionException 503 for an unknown mechanism, 502 for a malformed response.
        """
        claimed = parse_response(mechanism, response)
        user = self._users.authenticate(claimed.username, claimed.password, is_loopback)
        if user is None:
            log.warning("login of user %r refused (%s)", claimed.username, mechanism)
            answer(None)
        else:
            answer(LoggedIn(user.name, frozenset(user.tags)))

    def may_enter(self, user: str, vhost: str) -> bool:
        """Whether the user has any permission in the vhost."""
        return self._permissions.may_access(user, vhost)
