"""Free TCP ports of this machine. Must not: keep one (who takes it does)."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

from broker.testing.errors import BrokerGoneError
from broker.testing.facts import HOST

PORTS: Final = (15_000, 30_000)  # below those that the kernel gives out by itself, so that a restart finds its own free
TRIES_MAX: Final = 100


def free_port() -> int:
    """A port that nobody listens on now, and that no client gets by chance. Raises: BrokerGoneError."""
    for _ in range(TRIES_MAX):
        port = random.randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise BrokerGoneError(f"no free port in {PORTS}")
