"""What is known of the log: which messages it must have after a crash, which it may have, and which never again.

Must not: look at the log before a restart, except for how far it is written and durable.
"""

from __future__ import annotations

from typing import Final

from tests.model.home import POWER_CUT, STOP, Found
from tests.model.naive import Message, NaiveBroker, Queue
from tests.support.sansio import SansBroker

LATER: Final = float("inf")  # the position of what is not in the log yet


class Memory:
    """Every message that the log was given, until a restart that did not find it."""

    def __init__(self, naive: NaiveBroker) -> None:
        self._naive = naive
        self._known: dict[Queue, dict[bytes, Message]] = {}

    def note(self, end: int, is_all_noted: bool) -> None:
        """Everything up to now is in the log before position `end`, but perhaps for what was settled."""
        left_at = end if is_all_noted else LATER
        for name, messages in self._naive.journalled().items():
            known = self._known.setdefault(self._naive.queues[name], {})
            alive = {message.body for message in messages}
            for message in messages:
                if message.at is None:
                    message.at = end
                    known[message.body] = message
            for message in known.values():
                has_left = message.left_at is None and message.body not in alive
                if has_left or (message.left_at == LATER and is_all_noted):
                    message.left_at = left_at

    def compare(self, broker: SansBroker) -> None:
        """Compares how many messages each queue has in the log."""
        for name, messages in self._naive.journalled().items():
            streams = broker.vhost.queues[name].ready.streams()
            assert sum(stream.waiting()[0] for stream in streams) == len(messages), name

    def restarted(self, found: dict[str, list[Found]], limit: float, how: str) -> None:
        """The broker has come back with that; what it was known to have up to position `limit` must be there."""
        self._naive.restart()
        assert found.keys() == self._naive.queues.keys(), "queues"
        parts = {queue: self._known.get(queue, {}) for queue in self._naive.queues.values()}
        _check_atoms(parts, {name: {one.body for one in ones} for name, ones in found.items()}, limit)
        self._known = {queue: _resumed(queue, parts[queue], found[queue.name], limit, how) for queue in parts}


def _resumed(
    queue: Queue, known: dict[bytes, Message], found: list[Found], limit: float, how: str
) -> dict[bytes, Message]:
    """Checks what was found of one queue, and puts it there."""
    bodies = [one.body for one in found]
    assert len(set(bodies)) == len(bodies), f"{queue.name}: a message twice"
    for message in known.values():
        must = message.is_sure or (message.at is not None and message.at <= limit)
        assert not must or message.left_at is not None or message.body in bodies, f"{queue.name}: {message} is lost"
    places: dict[int, int] = {}
    for one in found:
        assert one.body in known, f"{queue.name}: {one} was settled, or never there"
        message = known[one.body]
        is_gone = message.is_surely_gone or (message.left_at is not None and message.left_at <= limit)
        assert not is_gone, f"{queue.name}: {message} came back"
        assert one.expires_ms == (message.expires_ms or 0), f"{queue.name}: {message} expires at {one.expires_ms}"
        assert one.level == queue.level(message), f"{queue.name}: {message} is in level {one.level}"
        assert places.get(one.level, 0) < message.position, f"{queue.name}: {message} is out of order"
        places[one.level] = message.position
        _check_deliveries(message, one.deliveries, how)
        _adopt(message, one.deliveries)
        queue.ready.append(message)
    queue.ready.sort(key=lambda message: message.position)
    return {body: known[body] for body in bodies}


def _check_deliveries(message: Message, deliveries: int, how: str) -> None:
    """Kept exactly over a clean stop; a kill may lose the last counts but not the first delivery; a power cut adds."""
    least = message.times if how == STOP else min(1, message.times)
    most = max(1, message.times) if how == POWER_CUT or message.left_at is not None else message.times
    assert least <= deliveries <= most, f"{message} counts {deliveries} deliveries after a {how}"


def _adopt(message: Message, deliveries: int) -> None:
    message.times, message.redelivered = deliveries, deliveries > 0
    message.at, message.left_at, message.is_sure = 0, None, True
    message.is_surely_gone, message.ended_by = False, None


def _check_atoms(parts: dict[Queue, dict[bytes, Message]], found: dict[str, set[bytes]], limit: float) -> None:
    """What one record or one transaction did is there, or none of it."""
    done: dict[object, set[bool]] = {}
    for queue, known in parts.items():
        for message in known.values():
            is_there = message.body in found[queue.name]
            if is_there or message.left_at is None:
                done.setdefault(message.batch, set()).add(is_there)
            was_there = message.is_sure or (message.at is not None and message.at <= limit)
            if message.ended_by is not None and was_there:
                done.setdefault(message.ended_by, set()).add(not is_there)
    for atom, outcomes in done.items():
        assert len(outcomes) == 1, f"half of {atom} has happened"
