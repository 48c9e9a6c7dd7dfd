"""What a log holds, counted offline, is what a start of the broker finds."""

from __future__ import annotations

from pathlib import Path

from storage.files import ReadOnlyFiles
from storage.usage import Usage, usage
from tests.support.logs import HEAD, STAMP_MS, contents, flip, open_log, publish, segments


def used(folder: Path, boot: int = 1) -> Usage:
    before = contents(folder)
    found = usage(ReadOnlyFiles(folder), lambda _: None, boot)
    assert contents(folder) == before, "nothing is written"
    for segment in found.segments:
        assert segment.other_bytes >= 0
    return found


def test_it_counts_what_a_start_would_find(tmp_path: Path) -> None:
    journal = open_log(tmp_path, 2000)
    one, other = journal.stream(256), journal.stream(512)
    publish(journal, 30, one, other)
    one.settle(1, 4, 10)
    one.settle(8, 9, 10)
    other.set_deliveries(5, 7, 3)
    one.mark_delivered(6)
    journal.commit(True)
    found = used(tmp_path)
    first, second = found.streams
    assert first[:5] == (256, 26, 26 * 8, 4, 31)
    assert (first.delivered_before, first.delivered_messages) == (6, 2)
    assert second[:5] == (512, 30, 30 * 8, 1, 31)
    assert (second.redelivered_messages, second.deliveries) == (2, 6)
    assert not found.is_clean
    assert sum(segment.messages for segment in found.segments) == 56
    restarted = open_log(tmp_path)
    assert restarted.stream(256).waiting() == (26, 26 * 8, 4)
    restarted.close()
    assert used(tmp_path).is_clean


def test_after_a_power_cut_everything_counts_as_delivered(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    publish(journal, 3, journal.stream(256))
    assert used(tmp_path).streams[0].delivered_messages == 0
    assert used(tmp_path, boot=2).streams[0].delivered_messages == 3


def test_live_settled_and_dead_bytes(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    kept, dropped = journal.stream(256), journal.stream(512)
    publish(journal, 4, kept)
    size = journal.appender.active.size
    publish(journal, 1, dropped)
    record = journal.appender.active.size - size
    kept.settle(1, 2, 1)
    dropped.drop()
    journal.commit(True)
    (segment,) = used(tmp_path).segments
    assert (segment.live_bytes, segment.settled_bytes, segment.dead_bytes) == (3 * record, record, record)
    assert segment.records == {"snapshot": 2, "entry": 5, "settled": 1, "dropped": 1}
    assert segment.size == journal.appender.active.size
    flip(segments(tmp_path)[0], 112 + record - 8)
    (damaged,) = used(tmp_path).segments
    assert damaged.damaged_bytes == record
    assert damaged.dead_bytes == 2 * record


def test_copies_do_not_count_beside_their_segment_and_count_without_it(tmp_path: Path) -> None:
    journal = open_log(tmp_path, 1000)
    stream = journal.stream(256)
    publish(journal, 15, stream)
    source = journal.keeping.segments[0].base
    sizes = []
    for attempt in (7000, 8000):
        sizes.append(journal.appender.carry([(256, 2, 0)], STAMP_MS, HEAD, [b"body 001"], source, attempt))
    journal.close()
    both = used(tmp_path)
    assert both.streams[0].messages == 15
    assert sum(segment.dead_bytes for segment in both.segments) == sum(sizes)
    segments(tmp_path)[0].unlink()
    first = both.segments[0].messages
    after = used(tmp_path)
    assert sum(segment.messages for segment in after.segments) == 15 - first + 1
    assert sum(segment.dead_bytes for segment in after.segments) == sizes[0], "the earlier attempt"


def test_a_segment_that_cannot_be_read_is_dead(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    publish(journal, 3, journal.stream(256))
    path = segments(tmp_path)[0]
    flip(path, 9)
    flip(path, 41)
    (segment,) = used(tmp_path).segments
    assert (segment.dead_bytes, segment.damaged_bytes) == (path.stat().st_size, path.stat().st_size)
    assert not used(tmp_path).streams
