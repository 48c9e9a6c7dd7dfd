"""What is copied of streams, their readers and their named consumers. Must not: change anything."""

from __future__ import annotations

from dataclasses import dataclass

from broker.model.interfaces import QueueHandle
from broker.queues.queue import Queue
from broker.queues.reader import Reader
from broker.queues.stream import StreamQueue


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream has beside what every queue has; offsets are counted from 0."""

    first_offset: int  # of the oldest message that is retained; that of the next one where there is none
    next_offset: int  # that the next message gets
    committed_offset: int  # of the last message that readers may have; -1 where there is none
    lag: int | None  # how many messages the reader that is furthest behind has not been given; None without readers
    cached_bytes: int  # about the memory that its messages take, whoever reads them
    chunk_loads: int  # how often something was read from the log for a reader


@dataclass(frozen=True, slots=True)
class OffsetInfo:
    """How far a named consumer of a stream has come."""

    consumer_name: str
    offset: int  # of the last message it has acknowledged, with all before it; -1 for none
    lag: int  # how many messages are behind that
    acknowledged_at: int  # in milliseconds since 1970
    consumers: int  # that are there now with this name


def stream_info(queue: Queue) -> StreamInfo | None:
    """What a stream has beside what every queue has; None for other queues."""
    if not isinstance(queue, StreamQueue):
        return None
    log, feeder = queue.log, queue.feeder
    following = log.stream.next
    positions = [reader.next for reader in feeder.readers.all if reader.next]
    return StreamInfo(
        first_offset=log.first - 1,
        next_offset=following - 1,
        committed_offset=queue.durable_stop() - 2,
        lag=max(0, following - min(positions)) if positions else None,
        cached_bytes=log.hot_bytes,
        chunk_loads=log.loads,
    )


def place_of(consumer_queue: QueueHandle, queue: Queue | None) -> tuple[int | None, int | None]:
    """The offset of the message that a stream's consumer gets next, and its lag; twice None for other consumers."""
    if not isinstance(consumer_queue, Reader) or not isinstance(queue, StreamQueue) or not consumer_queue.next:
        return None, None
    return consumer_queue.next - 1, max(0, queue.log.stream.next - consumer_queue.next)


def offset_infos(queue: StreamQueue) -> list[OffsetInfo]:
    """The named consumers of a stream, by name."""
    following = queue.log.stream.next
    active: dict[str, int] = {}
    for reader in queue.feeder.readers.all:
        active[reader.label] = active.get(reader.label, 0) + 1
    return [
        OffsetInfo(
            label, kept.offset, max(0, following - max(kept.next, queue.log.first)), kept.at_ms, active.get(label, 0)
        )
        for label, kept in sorted(queue.offsets.all().items())
    ]
