"""What stands before a password is checked: addresses that failed too often, and passwords that were right just now.

Must not: check a password, or know connections; the time is an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

WINDOW_MS: Final = 60_000  # within which an address may fail so often
ADDRESSES_MAX: Final = 10_000  # remembered; the one that failed longest ago is forgotten for one more
VERIFIED_MAX: Final = 4096
VERIFIED_MS: Final = 300_000  # how long a password that was right is known to be
KEY_BYTES: Final = 32


class FailedLogins:
    """How often each address has failed in the current window; from the limit on it is not even checked."""

    def __init__(self, limit: int) -> None:
        """Args: limit, failures of one address in WINDOW_MS; 0 means no limit."""
        self._limit = limit
        self._failures: dict[str, tuple[int, int]] = {}  # address: begin of the window in ms, failures in it

    def add(self, address: str, now_ms: int) -> None:
        """Notes a failure."""
        begin_ms, count = self._failures.pop(address, (now_ms, 0))
        if now_ms - begin_ms >= WINDOW_MS:
            begin_ms, count = now_ms, 0
        if len(self._failures) >= ADDRESSES_MAX:
            del self._failures[next(iter(self._failures))]
        self._failures[address] = (begin_ms, count + 1)

    def wait_ms(self, address: str, now_ms: int) -> int:
        """How long the address has to wait until it may try again; 0 where it may now."""
        begin_ms, count = self._failures.get(address, (0, 0))
        if not self._limit or count < self._limit:
            return 0
        return max(0, begin_ms + WINDOW_MS - now_ms)


class VerifiedPasswords:
    """Which passwords were right a short while ago, so that a client that comes back costs no memory-hard hash.

    What is kept is a keyed digest of name, stored hash and password; the key lives and dies with the process.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(KEY_BYTES)
        self._until_ms: dict[bytes, int] = {}

    def add(self, name: str, password_hash: str, password: str, now_ms: int) -> None:
        """Notes that this password is the one this hash was made from."""
        self._until_ms.pop(digest := self._digest(name, password_hash, password), None)
        if len(self._until_ms) >= VERIFIED_MAX:
            del self._until_ms[next(iter(self._until_ms))]
        self._until_ms[digest] = now_ms + VERIFIED_MS

    def has(self, name: str, password_hash: str, password: str, now_ms: int) -> bool:
        """Whether that was noted, and not too long ago."""
        return self._until_ms.get(self._digest(name, password_hash, password), 0) > now_ms

    def _digest(self, *parts: str) -> bytes:
        encoded = b"".join(
            len(part).to_bytes(8) + part for part in (one.encode("utf-8", "surrogateescape") for one in parts)
        )
        return hmac.digest(self._key, encoded, hashlib.sha256)
