"""Long work done a slice a turn of the loop, the first at once. Must not: know the work."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator

log = logging.getLogger("leveret.policies")


class Slices:
    """Pieces of work by name; work that is started anew under a name takes the place of what is left of it."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._works: dict[str, Iterator[None]] = {}
        self._names: deque[str] = deque()
        self._is_scheduled = False

    def __len__(self) -> int:
        return len(self._works)

    def start(self, name: str, work: Iterator[None]) -> None:
        """Does the first slice now and the others later."""
        if name not in self._works:
            self._names.append(name)
        self._works[name] = work
        self._step(name)
        self._schedule()

    def _schedule(self) -> None:
        if self._works and not self._is_scheduled:
            self._is_scheduled = True
            self._call_soon(self._next)

    def _next(self) -> None:
        self._is_scheduled = False
        self._names.rotate(-1)
        self._step(self._names[0])
        self._schedule()

    def _step(self, name: str) -> None:
        try:
            next(self._works[name])
        except StopIteration:
            self._end(name)
        except Exception:  # what is left of it cannot be done; nobody else has to suffer
            log.exception("applying policies to vhost %r failed", name)
            self._end(name)

    def _end(self, name: str) -> None:
        del self._works[name]
        self._names.remove(name)
