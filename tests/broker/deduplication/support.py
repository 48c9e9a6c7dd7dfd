"""A broker with a deduplicating exchange or queue, in memory or on files that a crash can be looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pamqp.commands import Basic, Confirm, Exchange, Queue

from storage.commit import Timers
from storage.definitions_disk import MemoryDisk
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker, Worker
from tests.support.faulty_files import FaultyFiles
from tests.support.sansio import START_MS, SansBroker, SansClient, publish_frames

SETTINGS = LogSettings(segment_bytes=4096, index_bytes=1200)
TYPE = "x-message-deduplication"
SIZE = {"x-cache-size": 100}


def identified(identity: object, persistent: bool = True, **headers: object) -> Basic.Properties:
    """The properties of a message of an identity."""
    table: dict[str, Any] = {"x-deduplication-header": identity, **headers}
    return Basic.Properties(headers=table, delivery_mode=2 if persistent else 1)


class Stage:
    """One broker on files, and a client with channel 1 in confirm mode."""

    def __init__(
        self, files: FaultyFiles | None = None, disk: MemoryDisk | None = None, now_ms: int = START_MS,
        writer: Worker | None = None,
    ) -> None:  # fmt: skip
        self._writer = InlineWorker() if writer is None else writer
        self.files = files or FaultyFiles()
        self.disk = disk or MemoryDisk()
        self.broker = SansBroker(disk=self.disk, journal=self._open, now_ms=now_ms)
        self.client: SansClient = self.broker.connect().open()
        self.client.channel()
        self.client.call(1, Confirm.Select())
        self.published = 0

    def _open(self, timers: Timers, clock_ms: Callable[[], int]) -> Journal:
        return LocalJournal(self.files, self._writer, InlineWorker(), timers, clock_ms, SETTINGS, boot=1)

    def after(self, files: FaultyFiles) -> Stage:
        """Another broker on these files, with the definitions as they are now."""
        disk = MemoryDisk()
        disk.entries = dict(self.disk.entries)
        return Stage(files, disk, self.broker.clock.now_ms())

    def restarted(self) -> Stage:
        """Another broker on what a kill leaves."""
        return self.after(self.files.after_kill())

    def exchange(self, arguments: dict[str, Any] | None = None, name: str = "x", durable: bool = True) -> None:
        """A deduplicating exchange with a durable queue `q` behind it."""
        self.client.call(
            1, Exchange.Declare(exchange=name, exchange_type=TYPE, durable=durable, arguments=arguments or SIZE)
        )
        self.queue()
        self.client.call(1, Queue.Bind(queue="q", exchange=name))

    def queue(self, arguments: dict[str, Any] | None = None) -> None:
        self.client.call(1, Queue.Declare(queue="q", durable=True, arguments=arguments or {}))

    def publish(self, exchange: str, key: str, *messages: tuple[object, bytes], **how: Any) -> list[str]:
        """Publishes (identity, body) in one go; returns what came back but confirms, which come for every message."""
        frames = b"".join(
            publish_frames(1, exchange, key, body, identified(identity, **how)) for identity, body in messages
        )
        self.client.send(frames)
        self.broker.turn()
        self.broker.advance(20)
        self.published += len(messages)
        received = self.client.take(1)
        acks = [event.frame for event in received if isinstance(event.frame, Basic.Ack)]
        confirmed = max((ack.delivery_tag for ack in acks), default=0)
        assert confirmed == self.published, "every message is confirmed"
        return [event.name for event in received if not isinstance(event.frame, Basic.Ack)]

    def ready(self) -> int:
        return self.broker.vhost.queues["q"].ready.count

    def bodies(self) -> list[bytes]:
        """Everything ready, taken out and acknowledged at once."""
        found = []
        while True:
            (answer,) = self.client.call(1, Basic.Get(queue="q", no_ack=True))
            if isinstance(answer.frame, Basic.GetEmpty):
                self.broker.advance(20)
                return found
            found.append(answer.body)
