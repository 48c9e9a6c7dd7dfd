"""One object of a definitions file: gives its members with the types they must have, and names it where it is wrong.

Must not: know what else there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from broker.model.names import rs

TAGS_MAX: Final = 1000  # read from one object; who takes them has a smaller bound
SHOWN_CHARACTERS_MAX: Final = 1000


class WrongObjectError(ValueError):
    """An object cannot be imported; the text names it and says why."""


class Skipped(Exception):
    """No error: an object is left out, and the text says why where anybody has to know."""


class Fields:
    """The members of one object of a list; `place` is the list and the position in it."""

    def __init__(self, members: object, place: str, vhost: str | None = None) -> None:
        """Args: vhost is that of an import into one vhost, whatever the object says. Raises: WrongObjectError."""
        self._place = place
        if not isinstance(members, Mapping):
            raise self.wrong("it is no object")
        self.members: Mapping[str, Any] = members
        self._vhost = vhost

    def wrong(self, why: object) -> WrongObjectError:
        """An error about this object."""
        return WrongObjectError(f"{self._place}: {why}"[:SHOWN_CHARACTERS_MAX])

    def named(self, label: str) -> None:
        """Errors call it this from now on."""
        self._place = label

    def text(self, name: str, default: str | None = None) -> str:
        """A text. Raises: WrongObjectError where it is missing without a default, or no text."""
        value = self.members.get(name, default)
        if not isinstance(value, str):
            raise self.wrong(f"'{name}' is missing" if value is None else f"'{name}' must be a text")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean, also as a text. Raises: WrongObjectError."""
        value = self.members.get(name, default)
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise self.wrong(f"'{name}' must be true or false")
        return value

    def tags(self, name: str = "tags") -> tuple[str, ...]:
        """A list of texts, or what old versions wrote: one text with commas. Raises: WrongObjectError."""
        value = self.members.get(name)
        if isinstance(value, str):
            return tuple(tag.strip() for tag in value.split(",") if tag.strip())
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > TAGS_MAX or not all(isinstance(tag, str) for tag in value):
            raise self.wrong(f"'{name}' must be a list of texts")
        return tuple(value)

    @property
    def vhost(self) -> str:
        """The vhost it is in. Raises: WrongObjectError."""
        return self.text("vhost") if self._vhost is None else self._vhost

    def resource(self, kind: str, name: str = "name") -> tuple[str, str]:
        """Its vhost and name, by which errors call it from now on. Raises: WrongObjectError."""
        vhost, found = self.vhost, self.text(name)
        self.named(rs(kind, found, vhost))
        return vhost, found


def joined(reasons: Iterable[str], most: int) -> str:
    """The first reasons, a line each, and how many more there are."""
    found = list(reasons)
    more = [f"… and {len(found) - most} more"] if len(found) > most else []
    return "\n".join([*found[:most], *more])
