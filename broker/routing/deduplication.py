"""The exchange type x-message-deduplication: every binding matches; what has come lately is kept out before.

Must not: remember what came (the exchange's gate does). Spec: the message deduplication plugin for RabbitMQ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from broker.routing.fanout import FanoutMatcher
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

DEDUPLICATION: Final = "x-message-deduplication"
SIZE: Final = "x-cache-size"
TTL: Final = "x-cache-ttl"
PERSISTENCE: Final = "x-cache-persistence"
SIZE_MAX: Final = 10_000_000
TTL_MS_MAX: Final = 10 * 365 * 86_400_000
DIGITS_MAX: Final = 18
NO_TTL: Final = 0


class WindowSettings(NamedTuple):
    """What the arguments of such an exchange say; `ttl_ms` is NO_TTL where they say nothing."""

    size: int
    ttl_ms: int
    on_disk: bool


def window_settings(arguments: Mapping[str, object]) -> WindowSettings:
    """Reads the arguments of an exchange of this type.

    Raises: ChannelException 406 with the plugin's words for what it refuses.
    """
    size = _number(arguments.get(SIZE))
    if size is None:
        raise _refused(f"Missing or invalid argument, '{SIZE}' must be an integer greater than 0")
    ttl_ms = _number(arguments.get(TTL)) if TTL in arguments else NO_TTL
    if ttl_ms is None:
        raise _refused(f"Invalid argument, '{TTL}' must be an integer greater than 0")
    kept = arguments.get(PERSISTENCE, "disk")
    if kept not in ("disk", "memory"):
        raise _refused(f"Invalid argument, '{PERSISTENCE}' must be either 'disk' or 'memory'")
    return WindowSettings(min(size, SIZE_MAX), min(ttl_ms, TTL_MS_MAX), kept == "disk")


def _number(value: object) -> int | None:
    if isinstance(value, str) and len(value) <= DIGITS_MAX and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _refused(text: str) -> ChannelException:
    return ChannelException(PRECONDITION_FAILED, text)


def make_matcher(arguments: Mapping[str, object]) -> FanoutMatcher:
    """A matcher that hands out all targets. Raises: as `window_settings`."""
    window_settings(arguments)
    return FanoutMatcher()
