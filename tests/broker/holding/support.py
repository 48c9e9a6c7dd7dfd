"""A broker with an exchange for delayed messages, and what its clients see. Must not: sleep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pamqp import commands
from pamqp.commands import Basic

from broker.management.properties import as_json
from broker.queues.paging import MemoryBudget
from protocol.properties import Properties
from storage.commit import Timers
from storage.definitions_disk import Disk, MemoryDisk
from storage.files import OsFiles
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker
from tests.support.sansio import START_MS, Received, SansBroker, SansClient

DELAYED = "delayed"


def journal_in(folder: Path, settings: LogSettings | None = None) -> Callable[[Timers, Callable[[], int]], Journal]:
    """Opens a log in a folder."""

    def make(timers: Timers, now_ms: Callable[[], int]) -> LocalJournal:
        return LocalJournal(
            OsFiles(folder), InlineWorker(), InlineWorker(), timers, now_ms, settings or LogSettings(), boot=1
        )

    return make


class Home:
    """A data folder, and the broker that runs on it."""

    def __init__(self, folder: Path | None = None, budget: MemoryBudget | None = None) -> None:
        self.folder = folder
        self.disk: Disk = MemoryDisk()
        self.budget = budget
        self.broker = self._start(START_MS)

    def _start(self, now_ms: int) -> SansBroker:
        journal = None if self.folder is None else journal_in(self.folder)
        return SansBroker(disk=self.disk, journal=journal, now_ms=now_ms, budget=self.budget)

    def restart(self, after_ms: int = 0) -> SansBroker:
        """Kills the broker, as with kill -9, and starts another one some time later."""
        self.broker = self._start(self.broker.clock.now_ms() + after_ms)
        return self.broker

    def client(self) -> SansClient:
        """A client with an open channel 1."""
        client = self.broker.connect().open()
        client.channel()
        return client


def declare(client: SansClient, queue: str = "q", type: str = "direct", **arguments: object) -> None:
    """The delayed exchange, and a durable queue bound to it by its name."""
    client.call(1, commands.Exchange.Declare(exchange=DELAYED, exchange_type="x-delayed-message", durable=True,
                                             arguments={"x-delayed-type": type}))  # fmt: skip
    client.call(1, commands.Queue.Declare(queue=queue, durable=True, arguments=arguments))
    client.call(1, commands.Queue.Bind(queue=queue, exchange=DELAYED, routing_key=queue))


def send(
    client: SansClient, body: str, key: str = "q", exchange: str = DELAYED, mode: int = 2, mandatory: bool = False,
    **headers: object,
) -> list[Received]:  # fmt: skip
    """Publishes one message; `_` stands for a dash in the names of headers. Returns what came back."""
    table = {name.replace("_", "-"): value for name, value in headers.items()}
    properties = Basic.Properties(headers=table or None, delivery_mode=mode)
    client.publish(1, exchange, key, body.encode(), properties, mandatory)
    client.broker.turn()
    return client.take(1)


def got(client: SansClient, queue: str = "q") -> list[str]:
    """The bodies of everything that is ready."""
    found = []
    while (answer := client.call(1, Basic.Get(queue=queue, no_ack=True))[-1]).name == "Basic.GetOk":
        found.append(answer.body.decode())
    return found


def headers_of(received: Received) -> dict[str, object]:
    """The headers a message came with."""
    return dict(as_json(Properties(received.properties)).get("headers", {}))
