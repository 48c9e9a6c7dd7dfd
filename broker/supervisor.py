"""Tells whoever supervises the process (systemd) that it is ready, reloads, stops, and that its loop still turns.

Must not: wait, or fail where nobody listens. The protocol is sd_notify(3): datagrams of `NAME=value` lines.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

log = logging.getLogger("leveret.supervisor")
SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"
INTERVAL_VARIABLE: Final = "WATCHDOG_USEC"
PID_VARIABLE: Final = "WATCHDOG_PID"
SIGNS_PER_INTERVAL: Final = 3  # of life, so that a late one or a lost one is not the end
US_PER_MS: Final = 1000


class Supervisor:
    """One process's supervisor; without one, nothing is said."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Args: environ as os.environ; an empty one is a process that nobody supervises."""
        name = environ.get(SOCKET_VARIABLE, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name if name.startswith("/") else ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self.sign_every_ms = _interval_ms(environ) // SIGNS_PER_INTERVAL if self._address else 0
        self._sign_due_ms = 0
        self._has_failed = False

    def ready(self, status: str) -> None:
        """The broker can be used, for the first time or again. Args: status is one line for people."""
        self._tell("READY=1", f"STATUS={' '.join(status.split())}")

    def reloading(self, monotonic_us: int) -> None:
        """Settings are being read again; `ready` follows. Args: the time by CLOCK_MONOTONIC."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> None:
        """The broker is about to end."""
        self._tell("STOPPING=1")

    def alive(self, now_ms: int) -> None:
        """The loop turns: called by the loop itself more often than needed, tells so as often as is asked for."""
        if self.sign_every_ms and now_ms >= self._sign_due_ms:
            self._sign_due_ms = now_ms + self.sign_every_ms
            self._tell("WATCHDOG=1")

    def close(self) -> None:
        """Nothing is said any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, *lines: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
            self._has_failed = False
        except OSError as error:
            if not self._has_failed:
                log.warning("the supervisor's socket (%s) takes nothing: %s", SOCKET_VARIABLE, error)
            self._has_failed = True


def _interval_ms(environ: Mapping[str, str]) -> int:
    """How often a sign of life is asked for at least; 0 where none is, or of another process."""
    if environ.get(PID_VARIABLE, str(os.getpid())) != str(os.getpid()):
        return 0
    interval_us = environ.get(INTERVAL_VARIABLE, "")
    return int(interval_us) // US_PER_MS if interval_us.isascii() and interval_us.isdigit() else 0
