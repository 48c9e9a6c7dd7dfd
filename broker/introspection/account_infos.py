"""What can be seen of users and their rights. Must not: hold anything of a password."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserInfo:
    """One user, without anything of the password."""

    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PermissionInfo:
    """One user's rights in one vhost, as regular expressions over names."""

    user: str
    vhost: str
    configure: str
    write: str
    read: str
