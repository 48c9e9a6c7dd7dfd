"""The journal's interface: an ordered log of records with a durable watermark.

Last stop of the publish and settle lanes. Must not: know what a record means, or any AMQP rule.

Invariants (every implementation)
1. Positions rise by order of append, starting above 0.
2. `durable` never falls, and never reaches a position whose record could still be lost.
3. `on_durable` is called with a new watermark after a commit that raised it, never from inside `append`.
4. A released record need not be readable or replayed any more; every other one is, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol


class Journal(Protocol):
    """An append-only log, one per node."""

    durable: int
    on_durable: Callable[[int], None]

    def append(self, chunks: Sequence[bytes]) -> int:
        """Adds a record, given in pieces that belong to the journal from now on; returns its position."""
        ...

    def commit(self) -> None:
        """Asks that everything appended so far become durable; `on_durable` tells when."""
        ...

    def read(self, position: int) -> bytes:
        """The record at a position.

        Raises: KeyError where there is none, or no longer.
        """
        ...

    def release(self, position: int) -> None:
        """The record at a position is not needed any more."""
        ...

    def replay(self) -> Iterator[tuple[int, bytes]]:
        """Positions and records in order, without the released ones."""
        ...

    def close(self) -> None:
        """Commits what is left and ends."""
        ...
