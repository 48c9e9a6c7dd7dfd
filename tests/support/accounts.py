"""Passwords whose hash is made once for all tests. Must not: be used where the hashing itself is tested."""

from __future__ import annotations

from typing import Final

from broker.auth.passwords import SHA256, hash_password
from broker.auth.users import PasswordHash

GUEST: Final = PasswordHash(hash_password("guest", SHA256), SHA256)
