"""A broker for other people's tests: in this process or beside it, with faults and a clock that can be moved.

`from broker.testing import Broker`, or the pytest fixtures of `broker.testing.plugin`. Must not: be imported by the
broker itself, or import any of it before a broker is wanted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from broker.testing.broker import Broker
    from broker.testing.errors import (
        BrokerGoneError,
        NotInThisModeError,
        QueueNotFoundError,
        RefusedError,
        UnclosedConnectionWarning,
        WaitTimeoutError,
    )
    from broker.testing.facts import ConnectionState, Message, QueueState, Settings

__all__ = [
    "Broker",
    "BrokerGoneError",
    "ConnectionState",
    "Message",
    "NotInThisModeError",
    "QueueNotFoundError",
    "QueueState",
    "RefusedError",
    "Settings",
    "UnclosedConnectionWarning",
    "WaitTimeoutError",
]

_FACTS: Final = ("ConnectionState", "Message", "QueueState", "Settings")


def __getattr__(name: str) -> Any:
    """Imports what is asked for, so that a pytest run without a broker pays for none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "broker" if name == "Broker" else "facts" if name in _FACTS else "errors"
    return getattr(import_module(f"{__name__}.{module}"), name)
