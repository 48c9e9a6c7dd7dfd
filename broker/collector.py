"""When the garbage collector looks through everything: rarely, and where possible while nobody waits.

A look at young objects costs two milliseconds at most; one at all of them costs as many milliseconds as there are ten
thousand objects, and a million waiting messages that are all different are several million. What only a whole look
finds are the connections, channels and queues that have ended. Must not: know the time or count anything itself.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Final

YOUNG_OBJECTS: Final = 5_000  # made since the last look at young objects
YOUNG_LOOKS: Final = 1  # after so many more, those that outlived one are looked at once more
NEVER: Final = 2**31 - 1
ENDED_MIN: Final = 500  # connections, channels and queues: worth a look at everything while the loop is quiet
ENDED_MAX: Final = 5_000  # some 15 KB each: a look at everything whatever else is going on
LOOK_MS_MIN: Final = 10 * 60_000  # after so long too while the loop is quiet,
LOOK_MS_MAX: Final = 60 * 60_000  # and after so long in any case
QUIET_TURNS: Final = 10  # of the loop since the last question


def settle() -> None:
    """What is there stays: nobody looks through it any more, and from now on only at young objects by themselves."""
    gc.collect()
    gc.freeze()
    if sys.version_info < (3, 14):  # later ones look through everything in steps
        gc.set_threshold(YOUNG_OBJECTS, YOUNG_LOOKS, NEVER)
    gc.enable()


class Collector:
    """Decides, asked several times a second, whether now is the moment."""

    __slots__ = ("_collect", "_ended", "_looked_ms", "_turns")

    def __init__(self, now_ms: int, collect: Callable[[], object] = gc.collect) -> None:
        self._collect = collect
        self._looked_ms = now_ms
        self._ended = 0  # at the last look
        self._turns = 0  # at the last question

    def ask(self, now_ms: int, ended: int, turns: int) -> None:
        """Looks through everything if it is time.

        Args: ended is how many connections, channels and queues have ended since the start; turns how many turns the
        loop has had.
        """
        is_quiet = turns - self._turns <= QUIET_TURNS
        self._turns = turns
        since_ms, new = now_ms - self._looked_ms, ended - self._ended
        if is_quiet:
            is_due = new >= ENDED_MIN or since_ms >= LOOK_MS_MIN
        else:
            is_due = new >= ENDED_MAX or since_ms >= LOOK_MS_MAX
        if is_due:
            self._collect()
            self._looked_ms, self._ended = now_ms, ended
