"""Password hashes as RabbitMQ writes them in its definitions: base64(salt ‖ digest(salt ‖ password)).

Must not: know users; a further algorithm, a memory-hard one too, is one more row of `ALGORITHMS`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable

SALT_BYTES = 4
PASSWORD_BYTES_MAX = 8192  # what fits the frame that a client may send before its login
HASH_CHARACTERS_MAX = 1024

Digest = Callable[[bytes, bytes], bytes]


def _sha256(salt: bytes, password: bytes) -> bytes:
    return hashlib.sha256(salt + password).digest()


def _sha512(salt: bytes, password: bytes) -> bytes:
    return hashlib.sha512(salt + password).digest()


ALGORITHMS: dict[str, Digest] = {
    "rabbit_password_hashing_sha256": _sha256,
    "rabbit_password_hashing_sha512": _sha512,
}
DEFAULT_ALGORITHM = "rabbit_password_hashing_sha256"


def hash_password(password: str, algorithm: str = DEFAULT_ALGORITHM, salt: bytes | None = None) -> str:
    """The hash to store for `password`, with a random salt unless one is given.

    Raises: ValueError for an empty or overlong password or an unknown algorithm.
    """
    encoded = _encoded(password)
    if not encoded or len(encoded) > PASSWORD_BYTES_MAX:
        raise ValueError(f"a password has 1 to {PASSWORD_BYTES_MAX} bytes")
    digest = _digest(algorithm)
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    return base64.b64encode(salt + digest(salt, encoded)).decode("ascii")


def check_hash(password_hash: str, algorithm: str) -> None:
    """Accepts a hash made elsewhere, as in imported definitions; empty means that no password fits.

    Raises: ValueError for an unknown algorithm or what cannot be its output.
    """
    digest = _digest(algorithm)
    if password_hash and len(_decoded(password_hash)) != SALT_BYTES + len(digest(b"", b"")):
        raise ValueError(f"the password hash is not base64 of a salt and a digest of {algorithm}")


def password_fits(password: str, password_hash: str, algorithm: str) -> bool:
    """Whether the hash was made from this password; compared in constant time. An empty password never fits."""
    encoded = _encoded(password)
    stored = _decoded(password_hash)
    salt, expected = stored[:SALT_BYTES], stored[SALT_BYTES:]
    equal = hmac.compare_digest(_digest(algorithm)(salt, encoded), expected)
    return equal and 0 < len(encoded) <= PASSWORD_BYTES_MAX


def _digest(algorithm: str) -> Digest:
    try:
        return ALGORITHMS[algorithm]
    except KeyError:
        raise ValueError(f"unknown password hashing {algorithm!r}; known: {', '.join(ALGORITHMS)}") from None


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")


def _decoded(password_hash: str) -> bytes:
    if len(password_hash) > HASH_CHARACTERS_MAX:
        raise ValueError(f"a password hash has at most {HASH_CHARACTERS_MAX} characters")
    try:
        return base64.b64decode(password_hash, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the password hash is not base64") from None
