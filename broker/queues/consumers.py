"""Who gets the next message: the pickers of a queue. Must not: touch messages or know connections."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from broker.model.interfaces import ConsumerPort

FAIR_BELOW: Final = 1024  # ready messages up to which consumers alternate one by one
TURNS_PER_CONSUMER: Final = 32  # of a longer queue, how many turns each consumer gets at least
QUANTUM_MAX: Final = 64  # messages a consumer gets in one turn where several are ready


def quantum(offered: int, count: int) -> int:
    """How many of `count` ready messages one of several consumers gets before it is another's turn."""
    if offered <= 1:
        return count
    return 1 if count <= FAIR_BELOW else min(QUANTUM_MAX, count // (offered * TURNS_PER_CONSUMER) + 1)


@mypyc_attr(allow_interpreted_subclasses=True)
class Picker:
    """A queue's consumers, and whose turn it is.

    `offered` is how many are to be asked. `is_held`: nobody gets anything before some of what is lent is given back.
    """

    __slots__ = ("is_held", "offered")

    def __init__(self) -> None:
        self.offered = 0
        self.is_held = False

    def add(self, consumer: ConsumerPort) -> None:
        """A consumer starts."""
        raise NotImplementedError

    def remove(self, consumer: ConsumerPort) -> None:
        """A consumer ends."""
        raise NotImplementedError

    def offer(self, consumer: ConsumerPort) -> None:
        """A consumer may have room again."""
        raise NotImplementedError

    def pick(self, message_bytes: int) -> tuple[ConsumerPort, int] | None:
        """The next consumer with room for a message of that size, and for how many."""
        raise NotImplementedError

    def everyone(self) -> list[ConsumerPort]:
        """All consumers, in the order in which they started."""
        raise NotImplementedError

    def plain(self) -> Picker:
        """The picker inside this one, which is not used any more then; where there is none, itself."""
        return self

    def may_get(self, no_ack: bool) -> bool:  # noqa: ARG002
        """Whether basic.get may have a message now."""
        return True

    def waits_for(self) -> str:
        """What holds back a message that is ready, though a consumer might have room; empty where nothing does."""
        return ""


class Ring:
    """Consumers of one priority that are to be asked, each in its turn; the next one stands at `at`."""

    __slots__ = ("at", "consumers", "priority")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.consumers: list[ConsumerPort] = []
        self.at = 0

    def add(self, consumer: ConsumerPort) -> None:
        """Puts a consumer behind all others."""
        self.consumers.insert(self.at, consumer)
        self.at += 1
        if self.at == len(self.consumers):
            self.at = 0

    def remove(self, place: int) -> None:
        """Takes out the consumer at a place."""
        self.consumers.pop(place)
        if place < self.at:
            self.at -= 1
        if self.at >= len(self.consumers):
            self.at = 0


class RoundRobin(Picker):
    """Consumers of the highest priority that have room take turns.

    Those that had no room when asked stand aside until they report credit, so that a crowd of busy consumers costs
    nothing.
    """

    __slots__ = ("_all", "_rings")

    def __init__(self) -> None:
        super().__init__()
        self._all: dict[ConsumerPort, None] = {}
        self._rings: list[Ring] = []  # the highest priority first

    def _ring(self, priority: int) -> Ring | None:
        for ring in self._rings:
            if ring.priority == priority:
                return ring
        return None

    def add(self, consumer: ConsumerPort) -> None:
        """A consumer starts."""
        self._all[consumer] = None
        if self._ring(consumer.priority) is None:
            self._rings.append(Ring(consumer.priority))
            self._rings.sort(key=_priority, reverse=True)
        self.offer(consumer)

    def remove(self, consumer: ConsumerPort) -> None:
        """A consumer ends."""
        self._all.pop(consumer, None)
        ring = self._ring(consumer.priority)
        if ring is None:
            return
        if consumer.is_offered:
            ring.remove(ring.consumers.index(consumer))
            consumer.is_offered = False
            self.offered -= 1
        if not any(other.priority == consumer.priority for other in self._all):
            self._rings.remove(ring)

    def offer(self, consumer: ConsumerPort) -> None:
        """A consumer may have room again."""
        if not consumer.is_offered and consumer in self._all:
            ring = self._ring(consumer.priority)
            assert ring is not None, "it was added"
            consumer.is_offered = True
            ring.add(consumer)
            self.offered += 1

    def pick(self, message_bytes: int) -> tuple[ConsumerPort, int] | None:
        """The next consumer with room for a message of that size, and for how many."""
        if not self.offered:
            return None
        for ring in self._rings:
            consumers = ring.consumers
            while consumers:
                consumer = consumers[ring.at]
                room = consumer.room(message_bytes)
                if room > 0:
                    ring.at = ring.at + 1 if ring.at + 1 < len(consumers) else 0
                    return consumer, room
                ring.remove(ring.at)
                consumer.is_offered = False
                self.offered -= 1
        return None

    def everyone(self) -> list[ConsumerPort]:
        """All consumers, in the order in which they started."""
        return list(self._all)


def _priority(ring: Ring) -> int:
    return ring.priority


class SingleActive(Picker):
    """Only the consumer that started first gets messages; when it ends, the next one does."""

    __slots__ = ("_all",)

    def __init__(self) -> None:
        super().__init__()
        self._all: dict[ConsumerPort, None] = {}

    def add(self, consumer: ConsumerPort) -> None:
        """A consumer starts."""
        self._all[consumer] = None
        self.offered = 1

    def remove(self, consumer: ConsumerPort) -> None:
        """A consumer ends."""
        self._all.pop(consumer, None)
        self.offered = 1 if self._all else 0

    def offer(self, consumer: ConsumerPort) -> None:
        """A consumer may have room again; it is asked anyway."""

    def pick(self, message_bytes: int) -> tuple[ConsumerPort, int] | None:
        """The active consumer where it has room for a message of that size, and for how many."""
        active = next(iter(self._all), None)
        if active is None:
            return None
        room = active.room(message_bytes)
        return (active, room) if room > 0 else None

    def everyone(self) -> list[ConsumerPort]:
        """All consumers, the active one first."""
        return list(self._all)
