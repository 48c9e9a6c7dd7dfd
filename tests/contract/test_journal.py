"""The contract of journals, for each implementation; invariants of `storage/journal.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storage.journal import Journal
from storage.memory import MemoryJournal

JOURNALS: list[Callable[[], Journal]] = [MemoryJournal]


@pytest.fixture(params=JOURNALS, ids=lambda create: create.__name__)
def journal(request: pytest.FixtureRequest) -> Journal:
    created: Journal = request.param()
    return created


def test_positions_rise_above_zero(journal: Journal) -> None:  # invariant 1
    positions = [journal.append([b"x"]) for _ in range(5)]
    assert positions == sorted(set(positions))
    assert positions[0] > 0


def test_nothing_is_durable_before_a_commit(journal: Journal) -> None:  # invariants 2 and 3
    told: list[int] = []
    journal.on_durable = told.append
    first = journal.append([b"a"])
    assert journal.durable < first
    assert told == []
    journal.commit()
    assert journal.durable >= first
    assert told == [journal.durable]
    journal.commit()
    assert told == [journal.durable], "said once"
    assert journal.append([b"b"]) > journal.durable


def test_records_are_read_as_they_were_given_in_pieces(journal: Journal) -> None:
    position = journal.append([b"ab", b"", b"c"])
    empty = journal.append([])
    assert journal.read(position) == b"abc"
    assert journal.read(empty) == b""


def test_released_records_are_gone_and_the_others_in_order(journal: Journal) -> None:  # invariant 4
    positions = [journal.append([b"%d" % number]) for number in range(4)]
    journal.commit()
    journal.release(positions[1])
    journal.release(positions[1])
    with pytest.raises(KeyError):
        journal.read(positions[1])
    assert list(journal.replay()) == [(positions[0], b"0"), (positions[2], b"2"), (positions[3], b"3")]
    assert journal.append([b"new"]) > positions[3], "a position is never used again"


def test_an_unknown_position_is_a_key_error(journal: Journal) -> None:
    with pytest.raises(KeyError):
        journal.read(1)


def test_closing_commits(journal: Journal) -> None:
    told: list[int] = []
    journal.on_durable = told.append
    position = journal.append([b"x"])
    journal.close()
    assert told == [position]
