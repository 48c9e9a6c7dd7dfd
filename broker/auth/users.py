"""The users of a broker and whether a name and a password belong together.

Must not: decide what a user may do (`permissions`), or know sockets: whether a peer is local is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from broker.auth.passwords import ARGON2ID, DEFAULT_ALGORITHM, check_hash, hash_password

NAME_BYTES_MAX = 255
TAGS_MAX = 32
USERS_MAX = 65_536
# Of a password that nobody knows, at today's costs.
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$oYoREiLd0x5oarNv7eithQ$dYdr1wz7484URTqoWfP8z12X2cwuJ/QZ04HJYXkoN/A"


class UnknownUserError(LookupError):
    """There is no user of that name."""


class UserExistsError(ValueError):
    """There is a user of that name already."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is stored of a password; empty fits none. `algorithm` is a row of `passwords.ALGORITHMS`."""

    text: str
    algorithm: str = DEFAULT_ALGORITHM


NO_PASSWORD = PasswordHash("")


@dataclass(frozen=True, slots=True)
class User:
    """One user; an empty hash fits no password. `algorithm` is a row of `passwords.ALGORITHMS`."""

    name: str
    password_hash: str
    tags: tuple[str, ...] = ()
    algorithm: str = DEFAULT_ALGORITHM


def _nobody_told(_name: str, _user: User | None) -> None:
    return None


class UserStore:
    """All users by name. `version` grows with every change, so that callers may cache what they derived.

    `on_change` is told of every change: the name, and the user as it is now, None where it is gone.
    """

    def __init__(self, loopback_users: Iterable[str] = (), algorithm: str = DEFAULT_ALGORITHM) -> None:
        """Args: algorithm, for new passwords."""
        self.version = 0
        self.algorithm = algorithm
        self.on_change: Callable[[str, User | None], None] = _nobody_told
        self._users: dict[str, User] = {}
        self._loopback_users = frozenset(loopback_users)
        self._nobody = User("", NOBODYS_HASH, (), ARGON2ID)

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, name: str) -> bool:
        return name in self._users

    def all(self) -> list[User]:
        """Every user, by name."""
        return [self._users[name] for name in sorted(self._users)]

    def get(self, name: str) -> User:
        """One user. Raises: UnknownUserError."""
        try:
            return self._users[name]
        except KeyError:
            raise UnknownUserError(f'User "{name}" does not exist') from None

    def add(self, name: str, password: str, tags: Iterable[str] = ()) -> User:
        """Makes a user. Raises: UserExistsError; ValueError for a name, password or tag that cannot be."""
        if name in self._users:
            raise UserExistsError(f'User "{name}" already exists')
        return self.put(User(name, hash_password(password, self.algorithm), tuple(tags), self.algorithm))

    def put(self, user: User) -> User:
        """Takes a user as it is, replacing one of the same name: for stored and imported definitions.

        Raises: ValueError for a name, hash or tag that cannot be.
        """
        checked = check_user(user)
        if user.name not in self._users and len(self._users) >= USERS_MAX:
            raise ValueError(f"there are {USERS_MAX} users, the most there can be")
        self._users[user.name] = checked
        self.version += 1
        self.on_change(user.name, checked)
        return checked

    def delete(self, name: str) -> None:
        """Forgets a user. Raises: UnknownUserError."""
        self.get(name)
        del self._users[name]
        self.version += 1
        self.on_change(name, None)

    def change_password(self, name: str, password: PasswordHash) -> User:
        """Gives a user another password, or none that fits. Raises: UnknownUserError; ValueError for no hash."""
        return self.put(replace(self.get(name), password_hash=password.text, algorithm=password.algorithm))

    def set_tags(self, name: str, tags: Iterable[str]) -> User:
        """Replaces a user's tags. Raises: UnknownUserError; ValueError."""
        return self.put(replace(self.get(name), tags=tuple(tags)))

    def to_check(self, name: str) -> User:
        """The user of that name where a password could fit, else somebody whose password nobody has."""
        user = self._users.get(name)
        return user if user is not None and user.password_hash else self._nobody

    def may_come_from(self, name: str, is_loopback: bool) -> bool:
        """Whether a user may log in from this machine, or from another."""
        return is_loopback or name not in self._loopback_users


def check_user(user: User) -> User:
    """The user as it is kept. Raises: ValueError for a name, hash or tag that cannot be."""
    _check_name(user.name)
    check_hash(user.password_hash, user.algorithm)
    return replace(user, tags=_checked_tags(user.tags))


def _check_name(name: str) -> None:
    if not 0 < len(name.encode("utf-8", "surrogateescape")) <= NAME_BYTES_MAX:
        raise ValueError(f"a user's name has 1 to {NAME_BYTES_MAX} bytes")


def _checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags, each once, in the order given."""
    once = tuple(dict.fromkeys(tag.strip() for tag in tags))
    if len(once) > TAGS_MAX or not all(0 < len(tag.encode()) <= NAME_BYTES_MAX for tag in once):
        raise ValueError(f"a user has at most {TAGS_MAX} tags of 1 to {NAME_BYTES_MAX} bytes")
    return once
