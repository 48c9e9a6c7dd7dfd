"""Damage of every kind is located, and named after the messages that stood there."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.files import ReadOnlyFiles
from storage.inspect import Record, open_segment, records
from storage.record import ENTRY, GROUP, HEADER_BYTES, SETTLED, control_frame, frame
from storage.segment import HEAD_BYTES
from storage.verify import DAMAGED, INDEX, MARKS, OTHER, UNFINISHED, UNREADABLE, WHOLE, FileReport, Lost, verify
from tests.support.logs import HEAD, close_with_index, contents, cut, flip, make_newer, open_log, publish, segments

RECORD_BYTES = 24 + 24 + 16 + len(HEAD) + 8 + 5  # header, target, sizes, head, body, padding
SNAPSHOTS_BYTES = 2 * HEADER_BYTES  # of no stream


def checked(folder: Path, is_in_use: bool = False) -> list[FileReport]:
    before = contents(folder)
    reports = list(verify(ReadOnlyFiles(folder), is_in_use, lambda _: None))
    assert contents(folder) == before, "nothing is written"
    return reports


def named(reports: list[FileReport], name: str) -> FileReport:
    return next(report for report in reports if report.name == name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two segments with indexes, each with messages of two queues, and a few records of other kinds."""
    journal = open_log(tmp_path, 2000)
    one, other = journal.stream(256), journal.stream(512)
    publish(journal, 10, one)
    publish(journal, 10, one, other)
    one.settle(1, 3, 10)
    other.set_deliveries(2, 3, 2)
    journal.commit(True)
    journal.begin()
    journal.append([(other, 0)], 1, HEAD, [b"x", b"y"])
    one.settle(5, 6, 1)
    journal.end()
    journal.stream(768).drop()
    close_with_index(tmp_path, journal)
    return tmp_path


def test_a_log_that_is_whole(folder: Path) -> None:
    reports = checked(folder)
    assert [report.state for report in reports] == [WHOLE] * 5
    counts = [report.records for report in reports if report.records]
    assert counts == [
        {"snapshot": 2, "entry": 19},
        {"snapshot": 2, "entry": 2, "settled": 2, "delivered": 1, "group": 1, "dropped": 1, "clean": 1},
    ]
    assert reports[-1].kind == MARKS


@pytest.mark.parametrize("has_index", [True, False])
def test_a_flipped_bit_costs_one_record_and_its_messages_are_named(folder: Path, has_index: bool) -> None:
    path = segments(folder)[0]
    start = HEAD_BYTES + SNAPSHOTS_BYTES + 3 * RECORD_BYTES
    flip(path, start + RECORD_BYTES - 8)
    if not has_index:
        path.with_suffix(".idx").unlink()
    report = named(checked(folder), path.name)
    (finding,) = report.findings
    assert (finding.start, finding.stop) == (start, start + RECORD_BYTES)
    assert (finding.state, finding.why) == (DAMAGED, "its payload is damaged")
    assert finding.lost == [Lost(256, 4, 5)]
    assert report.records["entry"] == 18


def test_every_single_bit_is_noticed(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    publish(journal, 3, journal.stream(256))
    close_with_index(tmp_path, journal)
    path = segments(tmp_path)[0]
    for name in (path, path.with_suffix(".idx")):
        whole = name.read_bytes()
        for offset in range(len(whole)):
            flip(name, offset)
            reports = list(verify(ReadOnlyFiles(tmp_path), False, lambda _: None))
            assert named(reports, name.name).state != WHOLE, f"{name.name}, byte {offset}"
            name.write_bytes(whole)


def test_a_record_cut_off_at_the_end_is_unfinished(folder: Path) -> None:
    journal = open_log(folder)
    publish(journal, 2, journal.stream(256))
    path = segments(folder)[-1]
    cut(path, 20)
    report = named(checked(folder), path.name)
    assert report.state == UNFINISHED
    assert "a crash has cut this write off" in report.findings[0].why
    assert report.findings[0].stop == report.size
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert named(checked(folder), path.name).state == DAMAGED, "more follows than the record needs"


@pytest.mark.parametrize("tail", [bytes(100), b"LVRT"])
def test_what_never_became_a_record_is_unfinished(folder: Path, tail: bytes) -> None:
    path = segments(folder)[-1]
    path.write_bytes(path.read_bytes() + tail)
    assert named(checked(folder), path.name).state == UNFINISHED


def test_an_end_that_its_index_knows_to_be_longer_is_damage(folder: Path) -> None:
    path = segments(folder)[0]
    cut(path, RECORD_BYTES // 2)
    reports = checked(folder)
    assert named(reports, path.with_suffix(".idx").name).state == DAMAGED


def test_while_a_broker_writes_the_end_may_be_anything(folder: Path) -> None:
    path = segments(folder)[-1]
    flip(path, path.stat().st_size - 1)
    assert named(checked(folder), path.name).state == DAMAGED
    report = named(checked(folder, is_in_use=True), path.name)
    assert report.state == UNFINISHED
    assert report.findings[0].why.endswith("the broker is writing here")
    flip(segments(folder)[0], 500)
    assert named(checked(folder, is_in_use=True), segments(folder)[0].name).state == DAMAGED


def test_a_head_without_a_whole_copy_costs_the_segment(folder: Path) -> None:
    path = segments(folder)[0]
    flip(path, 9)
    report = named(checked(folder), path.name)
    assert (report.state, report.findings[0].stop) == (DAMAGED, HEAD_BYTES)
    assert not report.findings[0].lost
    flip(path, 32 + 9)
    (finding,) = named(checked(folder), path.name).findings
    assert (finding.start, finding.stop) == (0, path.stat().st_size)
    assert finding.lost == [Lost(256, 1, 20), Lost(512, 1, 10)]


def test_a_segment_of_a_newer_version_names_both_versions(folder: Path) -> None:
    path = segments(folder)[0]
    make_newer(path, 9)
    (finding,) = named(checked(folder), path.name).findings
    assert finding.state == UNREADABLE
    assert "version 9" in finding.why
    assert "up to 1" in finding.why


def test_a_segment_that_was_only_being_begun(folder: Path) -> None:
    (folder / f"{10**9:020d}.log").write_bytes(b"LVRT")
    assert named(checked(folder), f"{10**9:020d}.log").state == UNFINISHED


def test_an_index_is_compared_with_the_records(folder: Path) -> None:
    first, second = (path.with_suffix(".idx") for path in segments(folder))
    second.write_bytes(first.read_bytes())
    report = named(checked(folder), second.name)
    assert report.state == DAMAGED
    assert "without this file" in report.findings[0].why


def test_an_index_that_says_something_else_is_found_out(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    publish(journal, 3, journal.stream(256))
    stretch = journal.appender.active.stretches[0]
    table = stretch.tables[256, 0, 0]
    table.offsets[1] += 8
    close_with_index(tmp_path, journal)
    report = named(checked(tmp_path), segments(tmp_path)[0].with_suffix(".idx").name)
    assert [finding.state for finding in report.findings] == [DAMAGED] * 2
    assert "does not name 1 records of stream 256" in report.findings[0].why
    assert "that are not there" in report.findings[1].why


def test_an_index_cut_off_is_unfinished(folder: Path) -> None:
    path = segments(folder)[0].with_suffix(".idx")
    cut(path, 10)
    report = named(checked(folder), path.name)
    assert (report.kind, report.state) == (INDEX, UNFINISHED)


def test_records_with_right_checksums_and_wrong_contents(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    segment = journal.appender.active
    seed = segment.nonce + segment.size
    bad = [control_frame(SETTLED, 2, bytes(24), seed), frame(ENTRY, 1, 1, bytes(48), 48, seed + 48)]
    path = segments(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b"".join(b"".join(chunks) for chunks in bad))
    report = named(checked(tmp_path), path.name)
    assert [finding.start for finding in report.findings] == [segment.size, segment.size + 48]
    assert "count" in report.findings[0].why
    assert "sizes" in report.findings[1].why


def test_gaps_between_copies_are_no_loss(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    start = journal.appender.active.size
    publish(journal, 1, journal.stream(512))
    for number in (1, 9):
        journal.appender.carry([(256, number, 0)], 1, HEAD, [b"x"], 4096, 7)
    publish(journal, 1, journal.stream(512))
    path = segments(tmp_path)[0]
    flip(path, start)
    (finding,) = named(checked(tmp_path), path.name).findings
    assert finding.lost == [], "nothing stands before it"
    flip(path, start)
    flip(path, start + RECORD_BYTES)
    (finding,) = named(checked(tmp_path), path.name).findings
    assert finding.lost == []


def test_damage_within_a_group_costs_the_group(folder: Path) -> None:
    path = segments(folder)[-1]
    (whole,) = [one for one in _records(path) if one.header.kind == GROUP]
    flip(path, whole.offset + 24 + 24 + 30)
    (finding,) = named(checked(folder), path.name).findings
    assert (finding.start, finding.stop) == (whole.offset, whole.offset + whole.size)
    assert finding.lost == [Lost(512, 11, 13)]


def _records(path: Path) -> list[Record]:
    segment = open_segment(ReadOnlyFiles(path.parent), int(path.stem))
    return [found for found in records(segment) if isinstance(found, Record)]


def test_other_files_are_named(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    (folder / f"{5:020d}.idx").write_bytes(b"")
    (folder / "marks-00000000000000009999").write_bytes(b"x" * 64)
    reports = checked(folder)
    assert named(reports, "notes.txt").kind == OTHER
    assert "its segment is gone" in named(reports, f"{5:020d}.idx").note
    assert named(reports, "marks-00000000000000009999").state == DAMAGED


def test_segments_that_overlap(folder: Path) -> None:
    first, second = segments(folder)
    first.write_bytes(first.read_bytes() + bytes(8))
    assert "before the segment before it ends" in named(checked(folder), second.name).findings[0].why


def test_an_empty_folder_is_whole(tmp_path: Path) -> None:
    assert checked(tmp_path) == []
