"""Password hashes: a memory-hard one for new passwords, and those that RabbitMQ writes in its definitions.

Must not: know users, or who may wait how long: the memory-hard one takes tens of milliseconds and belongs in a thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SALT_BYTES: Final = 4  # of RabbitMQ's hashes
PASSWORD_BYTES_MAX: Final = 8192  # what fits the frame that a client may send before its login
HASH_CHARACTERS_MAX: Final = 1024
MEMORY_KIB: Final = 19_456  # with TIME_COST what OWASP recommends for argon2id
TIME_COST: Final = 2
MEMORY_KIB_MAX: Final = 262_144  # of hashes made elsewhere
TIME_COST_MAX: Final = 16
LANES_MAX: Final = 16


class Algorithm(Protocol):
    """One way to hash; passwords are bytes here, of a length that was checked."""

    def hash(self, password: bytes) -> str:
        """The hash to store, with a random salt."""
        ...

    def check(self, password_hash: str) -> None:
        """Raises: ValueError for what cannot be this algorithm's output."""
        ...

    def fits(self, password: bytes, password_hash: str) -> bool:
        """Whether the hash was made from this password; compared in constant time."""
        ...


@dataclass(frozen=True, slots=True)
class SaltedDigest:
    """RabbitMQ's: base64(salt ‖ digest(salt ‖ password))."""

    name: str
    digest: Callable[[bytes], Any]

    def hash(self, password: bytes, salt: bytes | None = None) -> str:
        """The hash, with a random salt unless one is given."""
        salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        return base64.b64encode(salt + self.digest(salt + password).digest()).decode("ascii")

    def check(self, password_hash: str) -> None:
        """Raises: ValueError unless it is base64 of a salt and a digest."""
        if len(_decoded(password_hash)) != SALT_BYTES + int(self.digest(b"").digest_size):
            raise ValueError(f"the password hash is not base64 of a salt and a digest of {self.name}")

    def fits(self, password: bytes, password_hash: str) -> bool:
        """Whether the hash was made from this password."""
        stored = _decoded(password_hash)
        salt, expected = stored[:SALT_BYTES], stored[SALT_BYTES:]
        return hmac.compare_digest(self.digest(salt + password).digest(), expected)


class Argon2id:
    """argon2id in its usual text form, which carries its own costs and salt."""

    def hash(self, password: bytes) -> str:
        """The hash, at today's costs."""
        return _argon2().hash(password)

    def check(self, password_hash: str) -> None:
        """Raises: ValueError for another form, and for costs that would be a burden."""
        from argon2 import Type, extract_parameters  # noqa: PLC0415 - no start waits for it
        from argon2.exceptions import InvalidHash  # noqa: PLC0415

        try:
            costs = extract_parameters(password_hash)
        except InvalidHash:
            raise ValueError("the password hash is not one of argon2id") from None
        in_bounds = costs.memory_cost <= MEMORY_KIB_MAX and costs.time_cost <= TIME_COST_MAX
        if costs.type is not Type.ID or not in_bounds or costs.parallelism > LANES_MAX:
            raise ValueError(f"the password hash is not argon2id with at most {MEMORY_KIB_MAX} KiB, t={TIME_COST_MAX}")

    def fits(self, password: bytes, password_hash: str) -> bool:
        """Whether the hash was made from this password."""
        from argon2.exceptions import InvalidHash, VerificationError  # noqa: PLC0415

        try:
            return _argon2().verify(password_hash, password)
        except (VerificationError, InvalidHash):
            return False


@cache
def _argon2() -> PasswordHasher:
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)


ARGON2ID: Final = "argon2id"
SHA256: Final = "rabbit_password_hashing_sha256"
SHA512: Final = "rabbit_password_hashing_sha512"
ALGORITHMS: Final[dict[str, Algorithm]] = {
    ARGON2ID: Argon2id(),
    SHA256: SaltedDigest(SHA256, hashlib.sha256),
    SHA512: SaltedDigest(SHA512, hashlib.sha512),
}
DEFAULT_ALGORITHM: Final = ARGON2ID


def hash_password(password: str, algorithm: str = DEFAULT_ALGORITHM) -> str:
    """The hash to store for `password`, with a random salt.

    Raises: ValueError for an empty or overlong password or an unknown algorithm.
    """
    encoded = _encoded(password)
    if not 0 < len(encoded) <= PASSWORD_BYTES_MAX:
        raise ValueError(f"a password has 1 to {PASSWORD_BYTES_MAX} bytes")
    return _algorithm(algorithm).hash(encoded)


def check_hash(password_hash: str, algorithm: str) -> None:
    """Accepts a hash made elsewhere, as in imported definitions; empty means that no password fits.

    Raises: ValueError for an unknown algorithm or what cannot be its output.
    """
    found = _algorithm(algorithm)
    if len(password_hash) > HASH_CHARACTERS_MAX:
        raise ValueError(f"a password hash has at most {HASH_CHARACTERS_MAX} characters")
    if password_hash:
        found.check(password_hash)


def password_fits(password: str, password_hash: str, algorithm: str) -> bool:
    """Whether the hash was made from this password. An empty password never fits."""
    encoded = _encoded(password)
    can_be = 0 < len(encoded) <= PASSWORD_BYTES_MAX
    return _algorithm(algorithm).fits(encoded[:PASSWORD_BYTES_MAX], password_hash) and can_be


def _algorithm(name: str) -> Algorithm:
    try:
        return ALGORITHMS[name]
    except KeyError:
        raise ValueError(f"unknown password hashing {name!r}; known: {', '.join(ALGORITHMS)}") from None


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")


def _decoded(password_hash: str) -> bytes:
    try:
        return base64.b64decode(password_hash, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the password hash is not base64") from None
