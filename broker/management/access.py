"""Who sends a request: nobody is asked on the owner's socket, a name and a password on TCP.

Must not: decide what somebody may do (`Authorization`), or whether a password is right (`Accounts`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
from typing import Final

from starlette.requests import Request

from broker.auth.accounts import HTTP, Accounts, Peer
from broker.auth.authorization import OWNER, Subject
from broker.management.answers import Refused

CREDENTIALS_BYTES_MAX: Final = 8192
LOGIN_FAILED: Final = "Login failed"
_UNAUTHORISED: Final = 401


class NoCredentialsError(Exception):
    """Nobody has said who they are."""


def login_failed() -> Refused:
    """The answer to a wrong name or password, whatever it was that is wrong."""
    return Refused(_UNAUTHORISED, "not_authorized", LOGIN_FAILED)


def is_loopback(host: str) -> bool:
    """Whether this is an address of this machine alone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def basic_credentials(header: str) -> tuple[str, str]:
    """Name and password of an Authorization header. Raises: Refused 400, 401."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise login_failed()
    try:
        if len(encoded) > CREDENTIALS_BYTES_MAX:
            raise ValueError("too long")
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise Refused(400, "bad_request", "the Authorization header cannot be read") from None
    if not colon:
        raise login_failed()
    return name, password


class Door:
    """Says who sends a request."""

    async def subject(self, request: Request) -> Subject:
        """Who it is. Raises: Refused 400, 401; NoCredentialsError."""
        raise NotImplementedError


class OwnersDoor(Door):
    """The socket in the data folder: only the broker's owner can open it."""

    async def subject(self, request: Request) -> Subject:  # noqa: ARG002
        """The owner."""
        return OWNER


class PasswordDoor(Door):
    """Basic authentication."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def subject(self, request: Request) -> Subject:
        """Whose name and password came along. Raises: Refused 400, 401; NoCredentialsError."""
        header = request.headers.get("authorization", "")
        if not header:
            raise NoCredentialsError
        name, password = basic_credentials(header)
        host = request.client.host if request.client else ""
        outcome: asyncio.Future[Subject | None] = asyncio.get_running_loop().create_future()

        def settle(found: Subject | None) -> None:
            if not outcome.done():  # whoever asked may have gone
                outcome.set_result(found)

        self._accounts.authenticate(name, password, Peer(HTTP, host, is_loopback(host)), settle)
        subject = await outcome
        if subject is None:
            raise login_failed()
        return subject
