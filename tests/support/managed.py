"""A broker process whose HTTP API listens on TCP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.brokers import RunningBroker, port_that_stays_free, running_brokerd
from tests.support.http import Http
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Managed:
    """The broker, and its HTTP API as guest."""

    broker: RunningBroker
    http: Http


@contextmanager
def managed_brokerd(*flags: str) -> Iterator[Managed]:
    """A brokerd of our own with its HTTP API on a free port, answering."""
    port = port_that_stays_free()
    with running_brokerd("--management-port", str(port), *flags) as broker:
        http = Http(port)
        wait_until(lambda: http.ask("GET", "/api/whoami")[0] == 200, what="the HTTP API")
        yield Managed(broker, http)
