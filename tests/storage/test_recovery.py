"""What a start makes of a log that is not as it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.files import OsFiles
from storage.recovery import NewerLogError, recover
from storage.segment import log_name
from tests.support.logs import HEAD, contents, flip, make_newer, open_log, publish


def waiting(folder: Path, stream: int) -> list[int]:
    """The numbers that are not settled and stand in the log, as the journal counts them."""
    found = recover(OsFiles(folder))
    settled = found.states[stream].settled
    numbers: list[int] = []
    for extent in found.extents[stream]:
        numbers += [number for gap in settled.gaps(extent.first, extent.stop) for number in range(*gap)]
    return numbers


def test_damage_beside_copies_costs_nothing_that_stands_elsewhere(tmp_path: Path) -> None:
    """Copies of 1 and 7 say nothing of 2 to 6, which stand in another segment."""
    journal = open_log(tmp_path, 1)  # a segment for each record
    stream = journal.stream(256)
    publish(journal, 1, stream)
    journal.append([(stream, 0)], 1, HEAD, [b"x"] * 5)
    publish(journal, 1, stream)
    first, _, last = [segment.base for segment in journal.keeping.segments if segment.streams]
    journal.close()
    journal = open_log(tmp_path)
    segment = journal.appender.active
    start = segment.size
    publish(journal, 1, journal.stream(512))
    for number in (1, 7):
        journal.appender.carry([(256, number, 0)], 1, HEAD, [b"x"], first, 99)
    journal.commit(True)
    flip(tmp_path / log_name(segment.base), start)
    for base in (first, last):
        (tmp_path / log_name(base)).unlink()
    assert waiting(tmp_path, 256) == [1, 2, 3, 4, 5, 6, 7]


def test_what_damage_took_from_between_two_stretches_is_not_waited_for(tmp_path: Path) -> None:
    """The index goes up to 3; 4 is damaged, 5 and 6 are found by their records."""
    journal = open_log(tmp_path)
    stream = journal.stream(256)
    publish(journal, 3, stream)
    segment = journal.appender.active
    covered = segment.size
    segment.stretches[-1].stop = covered
    block = b"".join(segment.stretches[-1].encode(segment.base))
    publish(journal, 3, stream)
    (tmp_path / log_name(segment.base)).with_suffix(".idx").write_bytes(block)
    assert waiting(tmp_path, 256) == [1, 2, 3, 4, 5, 6]
    flip(tmp_path / log_name(segment.base), covered)
    assert waiting(tmp_path, 256) == [1, 2, 3, 5, 6]


def test_a_log_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """To go on without its segments would lose what is in them."""
    journal = open_log(tmp_path)
    publish(journal, 1, journal.stream(256))
    journal.close()
    path = tmp_path / log_name(journal.appender.active.base)
    make_newer(path, 9)
    before = contents(tmp_path)
    with pytest.raises(
        NewerLogError, match=rf"{path.name}: its layout is version 9, this program reads up to 1; start"
    ):
        open_log(tmp_path)
    assert contents(tmp_path) == before
