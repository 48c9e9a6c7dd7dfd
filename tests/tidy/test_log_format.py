"""docs/log-format.md says what the code does: every layout, kind, version and name; and its reader reads a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

import pytest

from broker.holding import ticket
from broker.queues.levels import LEVEL_BITS
from storage import appender, commit, index, keeping, marks, record, recovery, segment, snapshot
from storage.files import ReadOnlyFiles
from storage.inspect import Record, open_segment, records, segment_bases
from storage.local import LogSettings
from tests.support.logs import HEAD, STAMP_MS, flip, open_log, publish, segments
from tests.tidy import ROOT

PAGE = (ROOT / "docs" / "log-format.md").read_text()
BLOCK = re.compile(r"^```\n([a-z ]+): (\d+) bytes\noffset  size  type   field\n(.*?)^```", re.M | re.S)
ROW = re.compile(r" *(\d+) +(\d+)  (bytes|u8|u16|u32|u64|i64) +(\S.*)")
KIND = re.compile(r"^\| (\d+) \| (\w+) \|", re.M)
CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i64": "q"}

LAYOUTS: dict[str, Struct] = {
    "segment head": segment._HEAD,
    "record header": record.HEADER,
    "target": record.TARGET,
    "sizes": record.SIZES,
    "source": record.SOURCE,
    "ticket": ticket._FIXED,
    "range": record.RANGE,
    "counted range": record.COUNTED_RANGE,
    "stream": record.STREAM,
    "stream state": snapshot._STATE,
    "delivery count": snapshot._PAIR,
    "index block": index._HEAD,
    "index table": index._TABLE,
    "index control": index._CONTROL,
    "marks head": Struct("<8s16s40s"),
}


def drawn() -> Iterator[tuple[str, int, list[tuple[int, int, str, str]]]]:
    for name, size, lines in BLOCK.findall(PAGE):
        rows = [ROW.fullmatch(line) for line in lines.splitlines()]
        assert all(rows), f"{name}: {lines}"
        yield name, int(size), [(int(row[1]), int(row[2]), row[3], row[4]) for row in rows if row is not None]


def test_every_layout_is_drawn_once() -> None:
    names = [name for name, _, _ in drawn()]
    assert sorted(names) == sorted(LAYOUTS)


@pytest.mark.parametrize("drawing", list(drawn()), ids=lambda drawing: drawing[0])
def test_a_drawn_layout_is_the_codes(drawing: tuple[str, int, list[tuple[int, int, str, str]]]) -> None:
    name, size, rows = drawing
    code, at = "<", 0
    for offset, width, kind, _ in rows:
        assert offset == at, "no holes"
        code += f"{width}s" if kind == "bytes" else CODES[kind]
        at += width
    assert at == size
    assert Struct(code).size == size, "the sizes are those of the types"
    assert code == LAYOUTS[name].format


def test_the_kinds_are_the_codes() -> None:
    assert {int(number): name for number, name in KIND.findall(PAGE)} == record.KINDS
    assert f"0x{record.NESTED:02X}" in PAGE


def test_versions_and_the_upgrade_rule() -> None:
    assert f"version of the segment's layout: {segment.VERSION}\n" in PAGE
    assert f"version of the record's layout: {record.VERSION}\n" in PAGE
    assert segment.VERSION == record.VERSION == 1
    assert "both are 1. The rule" in PAGE


@pytest.mark.parametrize(
    "text",
    [
        f'magic "{record.MAGIC.decode()}"\n',
        f'magic "{segment.MAGIC.decode()}"\n',
        f'magic "{index.MAGIC.decode()}"\n',
        f'magic "{marks._MAGIC.to_bytes(8, "little").decode()}"\n',
        f"so {segment.HEAD_BYTES} in all",
        f"a new log begins at {recovery.FIRST_BASE}",
        f"zero bytes up to a multiple of {record.ALIGNMENT}",
        f"`queue number * {1 << LEVEL_BITS} + priority level`",
        f"within {commit.LAZY_SYNC_MS} ms",
        f"({LogSettings().segment_bytes // 2**20} MiB unless set)",
        f"keep up to {keeping.KEPT_BYTES_MAX // 2**20} MiB of each damage aside",
        f"`{segment.log_name(recovery.FIRST_BASE)}`",
        f"`{segment.index_name(recovery.FIRST_BASE)}`",
        f"`{marks.marks_name(recovery.FIRST_BASE)}`",
        f"`{segment.log_name(recovery.FIRST_BASE)}-112{keeping.KEPT_SUFFIX}`",
        *(f"`fsync = {mode}`" for mode in commit.FSYNC_MODES),
    ],
)
def test_a_constant_is_the_codes(text: str) -> None:
    assert text in PAGE


def test_facts_that_the_page_puts_into_words() -> None:
    assert segment.COPIES == 2
    assert "Two copies of the same 32 bytes" in PAGE
    assert appender.SNAPSHOT_COPIES == 2
    assert "The first two are snapshots" in PAGE
    assert (index.MAY_EXPIRE, snapshot.MAY_EXPIRE, index.ENTRY_BYTES) == (1, 1, 8 + 4 + 4 + 4)
    assert LAYOUTS["marks head"].size == marks._HEAD_WORDS * 8


def test_the_pages_reader_reads_a_log(tmp_path: Path) -> None:
    journal = open_log(tmp_path)
    one, other = journal.stream(256), journal.stream(513)
    publish(journal, 3, one, other)
    journal.append([(one, 5)], STAMP_MS, HEAD, [b"ab", b"cd", b"LVRT"[:2]])
    journal.begin()
    journal.append([(other, 0)], STAMP_MS, b"", [b""])
    one.settle(1, 2, 1)
    journal.end()
    journal.appender.carry([(256, 9, 0)], STAMP_MS, HEAD, [b"copied"], 4096, 7)
    journal.close()
    reader: dict[str, Any] = {}
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    exec(compile(source, "docs/log-format.md", "exec"), reader)
    assert_reads_the_same(reader, tmp_path)
    flip(segments(tmp_path)[0], 112 + 30)
    assert_reads_the_same(reader, tmp_path)


def assert_reads_the_same(reader: dict[str, Any], folder: Path) -> None:
    files = ReadOnlyFiles(folder)
    for base in segment_bases(files):
        ours = [found for found in records(open_segment(files, base)) if isinstance(found, Record)]
        theirs = list(reader["read_segment"]((folder / segment.log_name(base)).read_bytes()))
        assert [(row[0], row[1]) for row in theirs] == [(one.offset, one.header.kind) for one in ours]
        for (_, kind, targets, count, payload), one in zip(theirs, ours, strict=True):
            assert payload == one.payload()
            if kind in (record.ENTRY, record.CARRIED):
                entry = one.entry()
                assert reader["messages"](kind, targets, count, payload) == (
                    entry.targets, entry.stamp_ms, entry.head, entry.items
                )  # fmt: skip
