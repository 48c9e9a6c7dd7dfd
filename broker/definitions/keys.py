"""The keys of stored definitions: names, escaped, with slashes between them. Must not: look at a value.

    vhost/V   user/U   permission/V/U   exchange/V/X   queue/V/Q   counter/queue
    policy/V/P   operator_policy/V/P   parameter/V/COMPONENT/NAME   global_parameter/NAME
    vhost_limits/V   user_limits/U   held/V   window/V/X
    queue/V/Q/binding/SOURCE/KEY      or KEY~DIGEST where the binding has arguments
    exchange/V/X/binding/SOURCE/KEY   likewise
    offset/V/Q/NAME                   how far a named consumer of a stream has come

A binding stands under the key of its destination, so that a queue and all that leads to it are one stretch of keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from broker.routing.binding import DestinationKind
from broker.routing.terms import frozen_table

QUEUE_COUNTER: Final = "counter/queue"
DIGEST_BYTES: Final = 16
PLAIN_NAMES_MAX: Final = 1024  # unescaped names kept: those of vhosts come again and again


def _escaped(name: str) -> str:
    if name.isalnum() and name.isascii():
        return name
    return quote(name, safe="", errors="surrogateescape").replace("~", "%7E")


def names_of(key: str) -> list[str]:
    """The parts of a key, unescaped; the first says what it is."""
    return [_plain(part) if "%" in part else part for part in key.split("/")]


@lru_cache(PLAIN_NAMES_MAX)
def _plain(part: str) -> str:
    return unquote(part, errors="surrogateescape")


def key_of(kind: str, *names: str) -> str:
    """The key of what a kind and names say."""
    return "/".join((kind, *map(_escaped, names)))


def binding_key(
    vhost: str, kind: DestinationKind, destination: str, source: str, routing_key: str, arguments: Mapping[str, object]
) -> str:
    """The key of a binding: the same for two that routing takes for equal, so it must change only with VERSION."""
    key = f"{key_of(kind, vhost, destination)}/binding/{_escaped(source)}/{_escaped(routing_key)}"
    if not arguments:
        return key
    identity = repr(frozen_table(dict(arguments))).encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(identity, digest_size=DIGEST_BYTES).hexdigest()
    return f"{key}~{digest}"
