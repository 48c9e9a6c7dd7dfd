"""Who sends a request: nobody is asked on the owner's socket, a name and a password on TCP.

Must not: decide what somebody may do (`Authorization`), or whether a password is right (`Accounts`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from broker.auth.accounts import HTTP, Accounts, Peer
from broker.auth.authorization import OWNER, Subject
from broker.management.answers import Refused

CREDENTIALS_BYTES_MAX: Final = 8192
FAILURE_DELAY_S_MAX: Final = 1.0  # while it waits it takes one of the few connections that HTTP has
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


def names_this_machine(host: str) -> bool:
    """Whether a Host header is an address or localhost, and no name that a foreign page's owner could point here."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


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

    def __init__(self, accounts: Accounts, failure_delay_s: float) -> None:
        """Args: how long whoever fails waits for the answer; not longer than FAILURE_DELAY_S_MAX."""
        self._accounts = accounts
        self._failure_delay_s = min(failure_delay_s, FAILURE_DELAY_S_MAX)

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

        is_local = is_loopback(host) and names_this_machine(request.headers.get("host", ""))
        self._accounts.authenticate(name, password, Peer(HTTP, host, is_local), settle)
        subject = await outcome
        if subject is None:
            await asyncio.sleep(self._failure_delay_s)
            raise login_failed()
        return subject
