"""Where blocking work is done: a worker takes one piece after another and tells its owner how each ended.

Must not: know what the work is, or the event loop; how to call back into the loop is handed in.

Invariants (every implementation)
1. Work is done one piece at a time, in the order it was submitted.
2. `done` is called once for each piece, in that order: with its result, or with the exception it raised.
3. After `close` everything submitted before has been done; nothing may be submitted any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Worker(Protocol):
    """Does blocking work, away from the event loop or at once."""

    def submit(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Does `work` after all that was submitted before; `done` gets the result, or the exception it raised."""
        ...

    def close(self) -> None:
        """Finishes what was submitted, then ends; waits for it."""
        ...


def _outcome(work: Callable[[], T]) -> T | BaseException:
    """The result, or the exception: whoever submitted the work decides about it, so none may be lost here."""
    try:
        return work()
    except BaseException as error:
        return error


class InlineWorker:
    """Does the work at once, in the caller's thread, and calls `done` before `submit` returns."""

    __slots__ = ("_is_closed",)

    def __init__(self) -> None:
        self._is_closed = False

    def submit(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Does the work now."""
        assert not self._is_closed, "the worker has been closed"
        done(_outcome(work))

    def close(self) -> None:
        """Takes no more work."""
        self._is_closed = True


class ThreadWorker:
    """One daemon thread that does the work; `done` is called through `call_soon_threadsafe`, in the loop's thread.

    `close` may be called before the loop has got round to the last `done`s: they are handed to the loop by then, and
    run if it goes on running. How much may be waiting is up to the owner, who keeps it small.
    """

    __slots__ = ("_call_soon_threadsafe", "_is_closed", "_thread", "_work")

    def __init__(self, call_soon_threadsafe: Callable[..., object], name: str = "worker") -> None:
        self._call_soon_threadsafe = call_soon_threadsafe
        self._work: SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]] | None] = SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Does the work in the thread; `done` is called in the loop, never from here."""
        assert not self._is_closed, "the worker has been closed"
        self._work.put((work, done))

    def close(self) -> None:
        """Finishes what was submitted and joins the thread; called twice it does nothing more."""
        if not self._is_closed:
            self._is_closed = True
            self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (piece := self._work.get()) is not None:
            work, done = piece
            try:
                self._call_soon_threadsafe(done, _outcome(work))
            except RuntimeError:  # the loop is closed: nobody is left to be told
                continue
