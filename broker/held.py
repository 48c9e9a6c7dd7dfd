"""Held messages for whoever may read where they go: the HTTP API, and through it brokerctl.

Must not: know HTTP or JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.holding.due_index import Entry
from broker.holding.fetching import Found
from broker.holding.inventory import HeldInfo, Inventory, entry_of, id_of, info_of
from broker.holding.store import Held
from broker.operations import Operations
from broker.requests import READ, Actor
from protocol.errors import ChannelException

__all__ = ["FETCHED_MAX", "Entry", "Held", "HeldInfo", "HeldMessages", "entry_of", "id_of"]

FETCHED_MAX: Final = 8  # messages read in one go, for a list: their bodies are in memory until they are described


class HeldMessages:
    """What is held in vhosts. One has to read the queue that a message goes to, or else its exchange."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def count(self, actor: Actor) -> int:
        """How many messages are held in the actor's vhost."""
        return len(_of(actor))

    def page(self, actor: Actor, skip: int, count: int) -> list[Entry]:
        """What stands on a page, in order of time."""
        return _of(actor).page(skip, count)

    def describe(self, actor: Actor, entries: Sequence[Entry], answer: Callable[[list[HeldInfo]], None]) -> None:
        """Describes those of up to FETCHED_MAX entries that the actor may see; answers at once or later."""
        assert len(entries) <= FETCHED_MAX, "a few at a time"

        def fetched(found: Found, _lost: list[Entry]) -> None:
            held = [(entry, found[entry[1]]) for entry in entries if entry[1] in found]
            answer([info_of(entry, one) for entry, one in held if self._may_read(actor, one)])

        _of(actor).fetch(entries, fetched)

    def find(self, actor: Actor, entry: Entry, answer: Callable[[Held | None], None]) -> None:
        """Reads one message; answers with None where it is not held (any more)."""
        _of(actor).fetch([entry], lambda found, _lost: answer(found.get(entry[1])))

    def cancel(self, actor: Actor, entry: Entry, held: Held, answer: Callable[[bool], None]) -> None:
        """Drops a message that was found; answers whether that is on the disk. Raises: ChannelException 403."""
        self._require(actor, held)
        _of(actor).cancel(entry, held, answer)

    def reschedule(self, actor: Actor, entry: Entry, held: Held, due_ms: int, answer: Callable[[str], None]) -> None:
        """Puts a message off, or brings it forward; answers with its new id, empty where that cannot be.

        Raises: ChannelException 403.
        """
        self._require(actor, held)
        _of(actor).reschedule(entry, held, due_ms, answer)

    def release(self, actor: Actor, entry: Entry, held: Held, answer: Callable[[bool], None]) -> None:
        """Lets a message go now; answers as `cancel`. Raises: ChannelException 403."""
        self._require(actor, held)
        _of(actor).release(entry, held, answer)

    def _require(self, actor: Actor, held: Held) -> None:
        self._operations.authorize(actor, READ, *_place(held))

    def _may_read(self, actor: Actor, held: Held) -> bool:
        try:
            self._require(actor, held)
        except ChannelException:
            return False
        return True


def _of(actor: Actor) -> Inventory:
    return actor.vhost.holding.inventory


def _place(held: Held) -> tuple[str, str]:
    """What one has to be able to read: kind and name."""
    if held.ticket.queue:
        return "queue", held.ticket.queue
    address = held.batch.address
    return ("exchange", address.exchange) if address.exchange else ("queue", address.routing_key)
