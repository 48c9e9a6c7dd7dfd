"""Who may log in, and where: users, permissions and mechanisms behind the one interface the doors see.

Must not: know sockets or frames, or compute a password's hash in the event loop: the worker does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from broker.auth.authorization import Authorization, Subject
from broker.auth.login_guard import FailedLogins, VerifiedPasswords
from broker.auth.mechanisms import parse_response
from broker.auth.passwords import hash_password, password_fits
from broker.auth.permissions import PermissionStore
from broker.auth.users import PasswordHash, User, UserStore
from storage.worker import InlineWorker, Worker

log = logging.getLogger("leveret.auth")
AMQP: Final = "amqp091"
HTTP: Final = "http"
WAITING_MAX: Final = 1024  # passwords that wait for the worker; whoever comes then is refused

Answer = Callable[[Subject | None], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """Where somebody comes from; `door` is the protocol."""

    door: str
    host: str
    is_loopback: bool


@dataclass(slots=True)
class Attempts:
    """Logins at one door since the start."""

    succeeded: int = 0
    failed: int = 0


class Accounts:
    """Logins and vhost access."""

    def __init__(
        self, users: UserStore, permissions: PermissionStore, authorization: Authorization,
        now_ms: Callable[[], int], failures_max: int,
    ) -> None:  # fmt: skip
        """Args: failures_max, failed logins of one address in a minute; 0 means no limit."""
        self._users = users
        self._permissions = permissions
        self._authorization = authorization
        self._now_ms = now_ms
        self._failed = FailedLogins(failures_max)
        self._verified = VerifiedPasswords()
        self._waiting = 0
        self.worker: Worker = InlineWorker()  # the server gives a thread
        self.attempts: dict[str, Attempts] = {AMQP: Attempts(), HTTP: Attempts()}

    @property
    def version(self) -> int:
        """Grows with every change of users or permissions."""
        return self._users.version + self._authorization.version

    def login(self, mechanism: str, response: bytes, peer: Peer, answer: Answer) -> None:
        """Answers, perhaps later, who it is; None for a refusal, which is logged and counted.

        Raises: ConnectionException 503 for an unknown mechanism, 502 for a malformed response.
        """
        claimed = parse_response(mechanism, response)
        self.authenticate(claimed.username, claimed.password, peer, answer)

    def authenticate(self, name: str, password: str, peer: Peer, answer: Answer) -> None:
        """Answers, perhaps later, whose name and password these are; None for a refusal, which is logged and counted.

        An unknown name costs what a wrong password does, so that the time taken does not tell which names exist.
        """
        now_ms, user = self._now_ms(), self._users.to_check(name)
        if self._verified.has(name, user.password_hash, password, now_ms):
            self._admit(user, peer, answer)
        elif wait_ms := self._failed.wait_ms(peer.host, now_ms):
            self._refuse(name, peer, answer, f"too many failed logins from {peer.host}, next in {wait_ms // 1000} s")
        elif self._waiting >= WAITING_MAX:
            self._refuse(name, peer, answer, f"{WAITING_MAX} others are waiting for their passwords to be checked")
        else:
            self._waiting += 1
            done = partial(self._checked, user, name, password, peer, answer)
            self.worker.submit(partial(password_fits, password, user.password_hash, user.algorithm), done)

    def _checked(
        self, user: User, name: str, password: str, peer: Peer, answer: Answer, fits: bool | BaseException
    ) -> None:
        self._waiting -= 1
        if isinstance(fits, BaseException):
            log.error("the password of user %r could not be checked: %s", name, fits)
        if fits is not True or self._users.to_check(name) is not user:
            self._failed.add(peer.host, self._now_ms())
            self._refuse(name, peer, answer, "unknown user or wrong password")
            return
        self._verified.add(name, user.password_hash, password, self._now_ms())
        self._admit(user, peer, answer)

    def admit(self, name: str, peer: Peer, answer: Answer) -> None:
        """Lets somebody in whose name was proven otherwise, by a certificate; None where nobody has that name."""
        if name in self._users:
            self._admit(self._users.get(name), peer, answer)
        else:
            self._refuse(name, peer, answer, "unknown user")

    def _admit(self, user: User, peer: Peer, answer: Answer) -> None:
        if not self._users.may_come_from(user.name, peer.is_loopback):
            self._refuse(user.name, peer, answer, "this user may only connect from the broker's own machine")
            return
        self.attempts[peer.door].succeeded += 1
        answer(Subject(user.name, frozenset(user.tags)))

    def _refuse(self, name: str, peer: Peer, answer: Answer, why: str) -> None:
        self.attempts[peer.door].failed += 1
        log.warning("login of user %r from %s refused (%s): %s", name, peer.host, peer.door, why)
        answer(None)

    def hash_password(self, password: str, done: Callable[[PasswordHash | BaseException], None]) -> None:
        """Hashes a new password in the worker; `done` gets the hash, or ValueError for a password that cannot be."""
        algorithm = self._users.algorithm
        work = partial(hash_password, password, algorithm)
        self.worker.submit(
            work, lambda made: done(made if isinstance(made, BaseException) else PasswordHash(made, algorithm))
        )

    def may_enter(self, user: str, vhost: str) -> bool:
        """Whether the user has any permission in the vhost."""
        return self._permissions.may_access(user, vhost)
