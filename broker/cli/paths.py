"""Names in paths of the HTTP API, and users that a path needs. Must not: send a request of its own kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from broker.cli.exits import NO_USER, CtlError, RefusedError

if TYPE_CHECKING:
    from broker.cli.client import Client

BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404


def part(name: str) -> str:
    """A name as a part of a path."""
    return quote(name.encode("utf-8", "surrogateescape"), safe="")


@contextmanager
def about_user(client: Client, user: str) -> Iterator[None]:
    """Where a request is refused because there is no such user, says so with the exit status for that."""
    try:
        yield
    except RefusedError as error:
        if error.status in (BAD_REQUEST, NOT_FOUND) and not client.has(f"/api/users/{part(user)}"):
            raise CtlError(f'User "{user}" does not exist', NO_USER) from None
        raise
