"""The hash of the exchange types that choose by one: the same for ever, on every machine. Must not: choose."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final

MASK: Final = (1 << 64) - 1
MIX_1: Final = 0xBF58476D1CE4E5B9  # of splitmix64
MIX_2: Final = 0x94D049BB133111EB
FRACTION_BITS: Final = 53  # of a float


def hash64(octets: bytes) -> int:
    """64 bits that depend on every bit of the octets."""
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "big")


def score(seed: int, value: int, weight: float) -> float:
    """How much a target of that seed and weight (above 0) wants a value; the highest of all scores gets it.

    A target's share of all values is its weight's share of all weights, and a target that comes or goes moves no value
    between two others (weighted rendezvous hashing).
    """
    mixed = ((seed ^ value) * MIX_1) & MASK
    mixed = ((mixed ^ (mixed >> 31)) * MIX_2) & MASK
    mixed ^= mixed >> 32
    fraction = ((mixed >> (64 - FRACTION_BITS)) + 1) / ((1 << FRACTION_BITS) + 1)  # neither 0 nor 1
    return -weight / math.log(fraction)
