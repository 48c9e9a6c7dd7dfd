"""Looks after certificates: reads them again when asked to, and when their files have changed.

Must not: stop the loop for that; files are read in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from broker.tls.error import TlsError
from broker.tls.store import Certificates

log = logging.getLogger("leveret.tls")


def _nothing() -> None:
    return None


class Reloading:
    """`start` once; `ask` whenever somebody wants it now."""

    def __init__(
        self,
        certificates: Certificates,
        check_ms: int,
        now_ms: Callable[[], int],
        add_deadline: Callable[[int, Callable[[], None]], object],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Args: check_ms is the time between two looks at the files, 0 for none; add_deadline wakes the loop for it."""
        self._certificates = certificates
        self._check_ms = check_ms
        self._now_ms = now_ms
        self._add_deadline = add_deadline
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._is_asked_for = False
        self._then: Callable[[], None] = _nothing

    def start(self) -> None:
        """Looks at the files from now on."""
        if self._check_ms and self._certificates.is_used:
            self._add_deadline(self._now_ms() + self._check_ms, self._look)

    def ask(self, then: Callable[[], None] = _nothing) -> None:
        """Reads everything again, whether it has changed or not, and calls back, whatever came of it."""
        if not self._certificates.is_used:
            log.info("asked to read certificates again; there are none")
            then()
            return
        self._then = then
        self._is_asked_for = True
        self._run()

    def _look(self) -> None:
        self._run()
        self.start()

    def _run(self) -> None:
        if self._task is None:
            self._task = self._loop.create_task(self._read())
            self._task.add_done_callback(self._done)

    def _done(self, _: asyncio.Task[None]) -> None:
        self._task = None
        if self._is_asked_for:  # while the last one was on its way
            self._run()
        else:
            then, self._then = self._then, _nothing
            then()

    async def _read(self) -> None:
        is_asked_for, self._is_asked_for = self._is_asked_for, False
        try:
            fresh = await self._loop.run_in_executor(None, self._certificates.prepare, is_asked_for)
        except TlsError as error:
            self._certificates.keep(error)
            return
        if fresh is not None:
            self._certificates.replace(fresh, self._now_ms())
