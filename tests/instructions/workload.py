"""The process that is counted: runs every lane once to warm up and once between two marks.

The marks are two system calls that nothing else makes, of which valgrind is told. Must not: print anything but the
lanes in their order.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import Final

from broker.introspection.infos import MessageStats
from broker.introspection.pages import at_once
from broker.introspection.window import Introspection
from tests.instructions.lanes import LANES, Lane

BEGIN: Final = "getsid"
END: Final = "getpgid"
WARM_UP: Final = 1000  # messages
COUNTED: Final = 2000


def _stats(lane: Lane) -> MessageStats:
    return at_once(Introspection(lane.broker.node).overview()).message_stats


def run(make: Callable[[int], Lane], warm_up: int = WARM_UP, counted: int = COUNTED) -> None:
    """Runs a lane of so many messages twice and makes sure that every message came and went."""
    for count in (warm_up, counted):
        lane = make(count)
        os.getsid(0)
        lane.run()
        os.getpgid(0)
        stats = _stats(lane)
        settled = count if any(settled for _, settled in lane.reads) else 0
        assert (stats.publish, stats.deliver_get) == (count, count * lane.delivered), stats
        assert stats.ack == settled, stats


def main() -> int:
    """Runs the lanes. Returns: 0."""
    gc.disable()
    for name, make in LANES.items():
        run(make)
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
