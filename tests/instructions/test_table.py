"""What the comparison of instruction counts sees, and that the lanes carry what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.instructions import __main__ as command
from tests.instructions import table, workload
from tests.instructions.lanes import LANES, Lane


def test_a_lane_a_tenth_above_its_figure_is_too_slow() -> None:
    assert table.slower({"acked": 1000}, {"acked": 1100}) == []
    assert table.slower({"acked": 1000}, {"acked": 500}) == []
    (line,) = table.slower({"acked": 1000}, {"acked": 1101})
    assert line == "acked: 1101 instructions a message, +10% of 1000"


def test_a_lane_on_one_side_only_is_seen() -> None:
    assert len(table.slower({"gone": 1}, {"new": 1})) == 2


def test_recording_keeps_what_other_versions_have(tmp_path: Path) -> None:
    path = tmp_path / "recorded.toml"
    assert table.load(path) == {}
    table.record("python3.11", {"acked": 10}, path)
    table.record("python3.12", {"acked": 20, "topic": 30}, path)
    table.record("python3.11", {"acked": 15}, path)
    assert table.load(path) == {"python3.11": {"acked": 15}, "python3.12": {"acked": 20, "topic": 30}}


def test_every_recorded_section_has_every_lane() -> None:
    assert table.load()
    assert all(set(figures) == set(LANES) for figures in table.load().values())


def test_a_slower_lane_fails_and_says_how_to_record_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.compare({"acked": 1200}, {"acked": 1000}) == 1
    assert "make instructions-record" in capsys.readouterr().err
    assert command.compare({"acked": 1050}, {"acked": 1000}) == 0


def test_only_what_lies_between_two_marks_counts(tmp_path: Path) -> None:
    texts = {1: ("getpgid", 7), 2: ("getpgid", 8), 10: ("getpgid", 9)}
    for number, (name, total) in texts.items():
        (tmp_path / f"counted.{number}").write_text(f"desc: Trigger: --dump-before={name}\ntotals: {total}\n")
    (tmp_path / "counted.3").write_text("desc: Trigger: Program termination\ntotals: 99\n")
    assert command.dumped(tmp_path) == [7, 8, 9]


@pytest.mark.parametrize("name", LANES)
def test_a_lane_carries_every_message(name: str) -> None:
    workload.run(LANES[name], 50, 450)


def test_a_lane_that_loses_messages_is_seen() -> None:
    def lossy(count: int) -> Lane:
        lane = LANES["transient"](count)
        lane.reads.pop()
        return lane

    with pytest.raises(AssertionError):
        workload.run(lossy, 450, 450)
