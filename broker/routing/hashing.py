"""The hash of the exchange types that choose by one: the same for ever, on every machine. Must not: choose.

Numbers have 31 bits: a product of two of them is a machine word for compiled code.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final

BITS: Final = 31
MASK: Final = (1 << BITS) - 1
MIX_1: Final = 0x7FEB352D  # odd, below 2**31
MIX_2: Final = 0x2C1B3C6D
MIX_3: Final = 0x297A2D39


def hashed(octets: bytes) -> int:
    """A number that depends on every bit of the octets."""
    return int.from_bytes(blake2b(octets, digest_size=4).digest(), "big") & MASK


def wish(seed: int, value: int) -> int:
    """How much a target of that seed wants a value; the highest of all wishes gets it.

    So a target that comes or goes moves no value between two others (rendezvous hashing).
    """
    mixed = ((seed ^ value) * MIX_1) & MASK
    mixed = ((mixed ^ (mixed >> 15)) * MIX_2) & MASK
    mixed = ((mixed ^ (mixed >> 13)) * MIX_3) & MASK
    return mixed ^ (mixed >> 16)


def weighted(wished: int, weight: float) -> float:
    """A wish in the order that gives each target its weight's share of all values; the weight is above 0."""
    return -weight / math.log((wished + 1) / (MASK + 2))  # of a fraction that is neither 0 nor 1
