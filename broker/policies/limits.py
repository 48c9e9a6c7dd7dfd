"""How much a vhost or a user may have: connections, queues, channels. Must not: count anything; who enforces does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from broker.policies.validation import InvalidError, is_number, pairs, term

NO_LIMIT: Final = -1
LIMIT_MAX: Final = 2**63 - 1
MAX_CONNECTIONS: Final = "max-connections"
MAX_QUEUES: Final = "max-queues"
MAX_CHANNELS: Final = "max-channels"
VHOST_LIMITS: Final = (MAX_CONNECTIONS, MAX_QUEUES)
USER_LIMITS: Final = (MAX_CONNECTIONS, MAX_CHANNELS)

Limits = Mapping[str, int]
NO_LIMITS: Final[Limits] = {}


class InvalidLimitError(ValueError):
    """A limit that cannot be, as RabbitMQ says it."""


def _nobody_told(_name: str, _limits: Limits | None) -> None:
    return None


class LimitStore:
    """The limits of all vhosts, or of all users, by name; below zero, as absent, means no limit.

    `on_store` is told of every change: the name, and the limits as they are now, None where there are none.
    """

    def __init__(self, names: tuple[str, ...], label: str, require: Callable[[str], object]) -> None:
        """Args: names are the limits there are; label names the whole in errors; require raises LookupError."""
        self.names: Final = names
        self._label = label
        self._require = require
        self._limits: dict[str, dict[str, int]] = {}
        self.on_store: Callable[[str, Limits | None], None] = _nobody_told

    def all(self, owner: str | None = None) -> dict[str, Limits]:
        """Limits by the vhost or user that has some, or of one. Raises: LookupError for one that is not there."""
        if owner is not None:
            self._require(owner)
            return {owner: dict(self._limits[owner])} if owner in self._limits else {}
        return {name: dict(self._limits[name]) for name in sorted(self._limits)}

    def of(self, owner: str) -> Limits:
        """The limits of one, as they were set."""
        return self._limits.get(owner, NO_LIMITS)

    def limit(self, owner: str, name: str) -> int:
        """One limit; NO_LIMIT where there is none."""
        limits = self._limits.get(owner)
        return NO_LIMIT if limits is None else limits.get(name, NO_LIMIT)

    def set(self, owner: str, limits: Mapping[str, object]) -> None:
        """Replaces all limits of one. Raises: LookupError; ValueError with RabbitMQ's text."""
        self._require(owner)
        self.put(owner, limits)

    def set_one(self, owner: str, name: str, value: object) -> None:
        """Sets one limit and leaves the others. Raises: LookupError; ValueError with RabbitMQ's text."""
        self._require(owner)
        self.put(owner, {**self.of(owner), name: value})

    def clear_one(self, owner: str, name: str) -> None:
        """Takes one limit away; one that is not there is fine. Raises: LookupError."""
        self._require(owner)
        self.put(owner, {key: value for key, value in self.of(owner).items() if key != name})

    def clear(self, owner: str) -> None:
        """Takes all limits of one away, as deleting it does."""
        if self._limits.pop(owner, None) is not None:
            self.on_store(owner, None)

    def check(self, limits: object) -> dict[str, int]:
        """The limits, where they can be. Raises: ValueError with RabbitMQ's text."""
        if limits == []:  # as RabbitMQ writes an empty object
            return {}
        if not isinstance(limits, Mapping):
            raise self._invalid(f"{self._label} not a list {term(limits)}")
        unknown = [item for item in limits.items() if item[0] not in self.names]
        if unknown:
            raise self._invalid(f"Unrecognised terms {pairs(unknown)} in {self._label}")
        for name, value in limits.items():
            if not is_number(value) or isinstance(value, float) or value > LIMIT_MAX:
                raise self._invalid(f"{name} should be a number, actually was {term(value)}")
        return dict(limits)

    def _invalid(self, reason: str) -> ValueError:
        return InvalidError(reason) if self.names is VHOST_LIMITS else InvalidLimitError(reason)

    def put(self, owner: str, limits: Mapping[str, object]) -> None:
        """Takes limits of one that is there. Raises: ValueError with RabbitMQ's text."""
        checked = self.check(limits)
        if not checked:
            self.clear(owner)
        else:
            self._limits[owner] = checked
            self.on_store(owner, checked)
