"""Who gets the next message: the pickers of a queue. Must not: touch messages or know connections."""

from __future__ import annotations

from collections import deque

from mypy_extensions import mypyc_attr

from broker.model.interfaces import ConsumerPort


@mypyc_attr(allow_interpreted_subclasses=True)
class Picker:
    """A queue's consumers, and whose turn it is."""

    __slots__ = ("offered",)

    def __init__(self) -> None:
        self.offered = 0

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


class RoundRobin(Picker):
    """Consumers of the highest priority that have room take turns.

    Those that had no room when asked stand aside until they report credit, so that a crowd of busy consumers costs
    nothing.
    """

    __slots__ = ("_all", "_groups")

    def __init__(self) -> None:
        super().__init__()
        self._all: dict[ConsumerPort, None] = {}
        self._groups: dict[int, deque[ConsumerPort]] = {}  # by priority, the highest first

    def add(self, consumer: ConsumerPort) -> None:
        """A consumer starts."""
        self._all[consumer] = None
        if consumer.priority not in self._groups:
            self._groups[consumer.priority] = deque()
            self._groups = dict(sorted(self._groups.items(), reverse=True))
        self.offer(consumer)

    def remove(self, consumer: ConsumerPort) -> None:
        """A consumer ends."""
        self._all.pop(consumer, None)
        if consumer.is_offered:
            self._groups[consumer.priority].remove(consumer)
            consumer.is_offered = False
            self.offered -= 1
        if not any(other.priority == consumer.priority for other in self._all):
            self._groups.pop(consumer.priority, None)

    def offer(self, consumer: ConsumerPort) -> None:
        """A consumer may have room again."""
        if not consumer.is_offered and consumer in self._all:
            consumer.is_offered = True
            self._groups[consumer.priority].append(consumer)
            self.offered += 1

    def pick(self, message_bytes: int) -> tuple[ConsumerPort, int] | None:
        """The next consumer with room for a message of that size, and for how many."""
        if not self.offered:
            return None
        for group in self._groups.values():
            while group:
                consumer = group[0]
                room = consumer.room(message_bytes)
                if room > 0:
                    group.rotate(-1)
                    return consumer, room
                group.popleft()
                consumer.is_offered = False
                self.offered -= 1
        return None

    def everyone(self) -> list[ConsumerPort]:
        """All consumers, in the order in which they started."""
        return list(self._all)


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
