"""Deduplication in one vhost: gives exchanges and queues their gates, and windows the streams in which they last.

Must not: decide whether a message came before.
"""

from __future__ import annotations

from typing import Final

from broker.deduplication.gates import ExchangeGate, QueueGate
from broker.deduplication.presence import Presence
from broker.deduplication.window import Window
from broker.definitions.keeper import VhostKeeper
from broker.model.interfaces import Gate, Gates, Turn
from broker.queues.classic import ClassicQueue
from broker.queues.context import Timers
from broker.queues.levels import stream_id
from broker.queues.queue import Queue
from broker.routing.deduplication import DEDUPLICATION, window_settings
from broker.routing.exchange import Exchange
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException
from storage.journal import Journal

WINDOW_LEVEL: Final = 0  # of the streams of a window's number


class Deduplication:
    """The windows of a vhost's exchanges, by name; `learning` counts what does not know yet what came before."""

    __slots__ = ("_journal", "_keeper", "_timers", "_turn", "learning", "windows")

    def __init__(self, journal: Journal, turn: Turn, timers: Timers, keeper: VhostKeeper) -> None:
        self._journal = journal
        self._turn = turn
        self._timers = timers
        self._keeper = keeper
        self.windows: dict[str, Window] = {}
        self.learning = 0

    # ---- exchanges

    def guard(self, exchange: Exchange) -> None:
        """Gives an exchange of this type its gate, with a window that knows nothing."""
        if exchange.type != DEDUPLICATION:
            return
        settings = window_settings(exchange.arguments)
        window = Window(settings.size, settings.ttl_ms, self._timers, self._turn.now_ms, self._journal)
        self.windows[exchange.name] = window
        exchange.gate = ExchangeGate(window, self._journal, self._turn)

    def begin(self, exchange: Exchange) -> None:
        """A durable exchange is new: its window outlives a restart, unless it was told not to.

        Raises: ChannelException 406, ConnectionException 506 where no number is to be had.
        """
        window = self.windows.get(exchange.name)
        if window is not None and window_settings(exchange.arguments).on_disk:
            self.restore(exchange.name, self._keeper.add_window(exchange.name))

    def restore(self, exchange: str, number: int) -> None:
        """What a window knew is in the stream of this number."""
        self.learning += 1
        self.windows[exchange].last_in(self._journal.stream(stream_id(number, WINDOW_LEVEL)), self._learned)

    def forget(self, exchange: str) -> None:
        """An exchange is gone."""
        window = self.windows.pop(exchange, None)
        if window is not None:
            window.drop()
            self._keeper.remove_window(exchange)

    def close(self) -> None:
        """The vhost is gone."""
        for name in list(self.windows):
            self.forget(name)

    def _learned(self) -> None:
        self.learning -= 1

    # ---- queues

    def equip(self, queue: ClassicQueue) -> None:
        """Gives a queue what keeps repeated messages out, or takes it away, as its settings say."""
        presence = queue.contents
        if not queue.settings.deduplication:
            if isinstance(presence, Presence):
                presence.end()
                queue.contents = None
            return
        if not isinstance(presence, Presence):
            presence = self._present(queue)
        gate = QueueGate(presence, self._journal, self._turn, lambda: queue.counters)
        queue.gate = _before(gate, queue.gate)

    def _present(self, queue: ClassicQueue) -> Presence:
        presence = Presence(queue, self._timers, self._learned)
        queue.contents = presence
        self.learning += 1
        presence.learn()
        return presence


def _before(gate: Gate, others: Gate | None) -> Gate:
    return gate if others is None else Gates([gate, others])


def clear(what: Exchange | Queue) -> None:
    """Forgets which messages came before. Raises: ChannelException 406 where nothing is deduplicated."""
    part: Window | Presence | None
    if isinstance(what, Exchange):
        part = what.gate.window if isinstance(what.gate, ExchangeGate) else None
    else:
        part = presence_of(what)
    if part is None:
        kind = "exchange" if isinstance(what, Exchange) else "queue"
        raise ChannelException(PRECONDITION_FAILED, f"{kind} '{what.name}' does not deduplicate")
    part.clear()


def presence_of(queue: Queue) -> Presence | None:
    """What knows which identities are in a queue that deduplicates."""
    found = queue.contents if isinstance(queue, ClassicQueue) else None
    return found if isinstance(found, Presence) else None
