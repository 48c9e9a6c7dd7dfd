"""A move is cut off by a kill at each call that reaches the disk: every message is in one queue, and in its order."""

from __future__ import annotations

import pytest

from broker.moving.filters import EVERYTHING, Filter
from broker.moving.service import Chosen
from tests.broker.moving.support import Moved, numbered
from tests.support.faulty_files import Call, FaultyFiles

COUNT = 30


@pytest.mark.parametrize("wanted", [EVERYTHING, Filter(body=b"2")])
def test_a_kill_in_the_middle_neither_loses_nor_doubles(wanted: Filter) -> None:
    moved = Moved()
    moved.declare("a")
    moved.declare("b")
    moved.publish("a", *numbered(COUNT))
    moved.broker.advance(1000)
    crashes: list[FaultyFiles] = []

    def called(_: Call) -> None:
        crashes.append(moved.files.after_kill())

    moved.files.on_call = called
    moved.move("a", "b", Chosen(filter=wanted, rate=100))
    moved.rest()
    moved.broker.advance(1000)
    moved.files.on_call = None
    crashes.append(moved.files.after_kill())
    is_wanted = [wanted.body in body for body in numbered(COUNT)]
    wanted_bodies = [body for body, is_one in zip(numbered(COUNT), is_wanted, strict=True) if is_one]
    seen = set()
    for files in [*crashes[::3], crashes[-1]]:
        after = Moved(files=files, disk=moved.broker.disk, now_ms=moved.broker.clock.now_ms())
        there = after.bodies("b")
        assert there == wanted_bodies[: len(there)], "the first of them, in order"
        assert after.bodies("a") == [body for body in numbered(COUNT) if body not in there]
        seen.add(len(there))
    assert min(seen) == 0
    assert max(seen) == len(wanted_bodies)
    assert len(seen) > 5, "it has to be cut off in the middle, too"
