"""Changes of vhosts, users and permissions, for whoever may administer: the CLI now, HTTP later.

Part of operations. Must not: know sockets, or how anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from broker.auth.permissions import Permission, PermissionStore
from broker.auth.topic_permissions import TopicPermission, TopicPermissionStore
from broker.auth.users import PasswordHash, UnknownUserError, User, UserStore
from broker.definitions.keeper import Keeper
from broker.model.vhost_metadata import NO_METADATA, VhostMetadata
from broker.policies.rules import Rules
from broker.vhost import Vhost

__all__ = ["Administration", "ProtectedVhostError", "UnknownUserError", "UnknownVhostError", "VhostMetadata"]

HashPassword = Callable[[str, Callable[[PasswordHash | BaseException], None]], None]
NAME_BYTES_MAX = 255
VHOSTS_MAX = 65_536


class UnknownVhostError(LookupError):
    """There is no vhost of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f'Virtual host "{name}" does not exist')


class ProtectedVhostError(ValueError):
    """The vhost may not be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Refusing to delete virtual host '{name}' because it is protected from deletion")


class Administration:
    """What an administrator may ask for. Every method raises LookupError or ValueError with a text for people."""

    def __init__(
        self,
        users: UserStore,
        permissions: PermissionStore,
        topic_permissions: TopicPermissionStore,
        vhosts: dict[str, Vhost],
        new_vhost: Callable[[str, VhostMetadata], Vhost],
        cut_off: Callable[[str, str, str], None],
        recheck: Callable[[str, str], None],
        hash_password: HashPassword,
        keeper: Keeper,
        rules: Rules,
    ) -> None:
        """Args: cut_off closes connections: of a user or a vhost (an empty name is any), for a reason; recheck has
        those of a user to a vhost give up what they may not do any more; hash_password does so away from the loop.
        """
        self._keeper = keeper
        self._users = users
        self._permissions = permissions
        self._topic_permissions = topic_permissions
        self._vhosts = vhosts
        self._new_vhost = new_vhost
        self._cut_off = cut_off
        self._recheck = recheck
        self.hash_password = hash_password
        self.rules = rules

    def when_stored(self, callback: Callable[[], None], on_trouble: Callable[[str], None]) -> None:
        """Calls once everything changed so far is on the disk; `on_trouble` with the reason where that fails."""
        self._keeper.when_stored(callback, on_trouble)

    def vhost(self, name: str) -> Vhost:
        """One vhost. Raises: UnknownVhostError."""
        try:
            return self._vhosts[name]
        except KeyError:
            raise UnknownVhostError(name) from None

    def put_vhost(self, name: str, metadata: VhostMetadata) -> bool:
        """Makes a vhost, or says something else of one; False where it was there. Raises: ValueError for a bad name."""
        if self.add_vhost(name, metadata):
            return True
        vhost = self.vhost(name)
        if vhost.metadata != metadata:
            vhost.metadata = metadata
            self._keeper.put_vhost(name, metadata)
        return False

    def protect_vhost(self, name: str, is_protected: bool) -> None:
        """Has a vhost refuse to be deleted, or not any more. Raises: UnknownVhostError."""
        self.put_vhost(name, replace(self.vhost(name).metadata, protected_from_deletion=is_protected))

    def add_vhost(self, name: str, metadata: VhostMetadata = NO_METADATA) -> bool:
        """Makes a vhost; False where it is there already. Raises: ValueError for a name that cannot be."""
        if not name or len(name.encode()) > NAME_BYTES_MAX:
            raise ValueError(f"a vhost's name has 1 to {NAME_BYTES_MAX} bytes")
        if name in self._vhosts:
            return False
        if len(self._vhosts) >= VHOSTS_MAX:
            raise ValueError(f"there are {VHOSTS_MAX} vhosts, the most there can be")
        self._vhosts[name] = self._new_vhost(name, metadata)
        self._keeper.put_vhost(name, metadata)
        return True

    def delete_vhost(self, name: str) -> None:
        """Deletes a vhost with everything in it, and closes the connections to it.

        Raises: UnknownVhostError, ProtectedVhostError.
        """
        vhost = self.vhost(name)
        if vhost.metadata.protected_from_deletion:
            raise ProtectedVhostError(name)
        self._cut_off("", name, f"vhost '{name}' is deleted")
        for queue in list(vhost.queues.values()):
            vhost.remove_queue(queue)
        vhost.deduplication.close()
        del self._vhosts[name]
        self._permissions.clear_vhost(name)
        self._topic_permissions.clear_vhost(name)
        self.rules.forget_vhost(name)
        self._keeper.remove_vhost(name)
        vhost.holding.end(vhost.keeper.store.when_stored)

    def delete_user(self, name: str) -> None:
        """Deletes a user and its rights, and closes its connections. Raises: UnknownUserError."""
        self._users.delete(name)
        self._permissions.clear_user(name)
        self._topic_permissions.clear_user(name)
        self.rules.forget_user(name)
        self._cut_off(name, "", f"user '{name}' is deleted")

    def add_user(self, name: str, password: str, tags: Iterable[str] = ()) -> None:
        """Makes a user, hashing the password now: for a start, not for a broker that serves.

        Raises: ValueError for one that is there already, or a name, password or tag that cannot be.
        """
        self._users.add(name, password, tags)

    def has_user(self, name: str) -> bool:
        """Whether there is a user of that name."""
        return name in self._users

    def put_user(self, name: str, password: PasswordHash, tags: Iterable[str] = ()) -> bool:
        """Makes a user, or gives one another password and other tags; False where it was there.

        Raises: ValueError for a name, hash or tag that cannot be.
        """
        is_new = name not in self._users
        self._users.put(User(name, password.text, tuple(tags), password.algorithm))
        return is_new

    def change_password(self, name: str, password: PasswordHash) -> None:
        """Gives a user another password, or none that fits. Raises: UnknownUserError; ValueError for no hash."""
        self._users.change_password(name, password)

    def set_tags(self, name: str, tags: Iterable[str]) -> None:
        """Replaces a user's tags. Raises: UnknownUserError; ValueError for a tag that cannot be."""
        self._users.set_tags(name, tags)

    def set_permissions(self, user: str, vhost: str, configure: str, write: str, read: str) -> bool:
        """Gives a user rights in a vhost, by three regular expressions over names; False where it replaced others.

        Raises: UnknownUserError, UnknownVhostError; ValueError for a pattern that cannot be.
        """
        self._users.get(user)
        self.vhost(vhost)
        is_new = self._permissions.get(user, vhost) is None
        self._permissions.set(Permission(user, vhost, configure, write, read))
        self._recheck(user, vhost)
        return is_new

    def clear_permissions(self, user: str, vhost: str) -> bool:
        """Takes a user's rights in a vhost away; False where there were none.

        Raises: UnknownUserError, UnknownVhostError.
        """
        self._users.get(user)
        self.vhost(vhost)
        had_any = self._permissions.get(user, vhost) is not None
        self._permissions.clear(user, vhost)
        self._cut_off(user, vhost, f"user '{user}' has no permission in vhost '{vhost}' any more")
        return had_any

    def set_topic_permissions(self, user: str, vhost: str, exchange: str, write: str, read: str) -> bool:
        """Says which routing keys a user may use at a topic exchange; False where that replaced something.

        Raises: UnknownUserError, UnknownVhostError; ValueError for a pattern that cannot be.
        """
        self._users.get(user)
        self.vhost(vhost)
        if not exchange:
            raise ValueError("topic permissions need the name of an exchange")
        is_new = self._topic_permissions.get(user, vhost, exchange) is None
        self._topic_permissions.set(TopicPermission(user, vhost, exchange, write, read))
        return is_new

    def clear_topic_permissions(self, user: str, vhost: str, exchange: str = "") -> bool:
        """Forgets what was said about an exchange, or about all; False where there was nothing.

        Raises: UnknownUserError, UnknownVhostError.
        """
        self._users.get(user)
        self.vhost(vhost)
        return bool(self._topic_permissions.clear(user, vhost, exchange))
