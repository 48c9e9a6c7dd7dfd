"""brokerctl log, on folders made by hand and beside a running broker."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
import pytest

from broker import server
from broker.cli import log_folder, target
from broker.cli.brokerctl import main
from tests.broker.offline.test_names import stored
from tests.support.brokers import RestartableBroker
from tests.support.logs import HEAD, STAMP_MS, contents, cut, flip, make_newer, open_log, publish, segments

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a log command on the folder: its status, output and errors. Nothing in the folder may change."""

    def run_it(*words: str) -> tuple[int, str, str]:
        before = contents(tmp_path)
        code = main(["log", *words, "--data-dir", str(tmp_path)])
        assert contents(tmp_path) == before, "nothing is written"
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two queues, `orders` and `mails`, and a third one that was deleted."""
    stored(tmp_path, orders=1, mails=2).close()
    journal = open_log(tmp_path / "log", 1500)
    orders, mails, gone = journal.stream(256), journal.stream(512), journal.stream(768)
    publish(journal, 12, orders, mails)
    publish(journal, 1, gone)
    orders.settle(1, 3, 10)
    orders.settle(5, 6, 10)
    mails.set_deliveries(2, 3, 4)
    gone.drop()
    journal.commit(True)
    journal.begin()
    journal.append([(mails, 1_800_000_000_000)], STAMP_MS, HEAD, [b"in a group", b"\xff" * 10])
    journal.end()
    journal.commit(True)
    journal.close()
    return tmp_path


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


# ---- verify


def test_verify_says_that_each_file_is_whole(folder: Path, run: Run) -> None:
    code, out, err = run("verify")
    assert (code, err) == (0, "")
    assert out.count("  whole  (") == len(list((folder / "log").iterdir()))
    assert "files are without damage" in out
    facts = json.loads(run("verify", "--json")[1])
    assert facts["is_whole"] is True
    assert facts["in_use"] is False
    assert {file["kind"] for file in facts["files"]} == {"segment", "index", "marks"}


def test_verify_names_file_place_queue_and_messages(folder: Path, run: Run) -> None:
    path = segments(folder / "log")[0]
    flip(path, 112 + 10 + 24)
    code, out, _ = run("verify")
    assert code == 1
    assert f"{path.name}  damaged" in out
    assert "bytes 112 to 224, damaged: its payload is damaged" in out
    assert 'lost: queue "orders" in vhost "/", messages 1 to 1' in out
    assert 'lost: queue "mails" in vhost "/", messages 1 to 1' in out
    assert "1 of " in out.splitlines()[-1]
    facts = json.loads(run("verify", "--json")[1])
    assert (facts["is_whole"], facts["lost_messages"]) == (False, 2)
    (damaged,) = [file for file in facts["files"] if file["state"] == "damaged"]
    assert (damaged["name"], damaged["findings"][0]["start"]) == (path.name, 112)
    assert damaged["findings"][0]["lost"][0]["queue"] == "orders"


def test_verify_takes_a_torn_tail_for_what_it_is(folder: Path, run: Run) -> None:
    journal = open_log(folder / "log")
    publish(journal, 3, journal.stream(256))
    cut(segments(folder / "log")[-1], 5)
    code, out, _ = run("verify")
    assert code == 0
    assert "a crash has cut this write off" in out
    assert "1 with an unfinished end" in out


def test_verify_says_that_the_folder_is_in_use(folder: Path, run: Run) -> None:
    with (folder / "brokerd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _, out, _ = run("verify")
        assert out.startswith(f"Note: {log_folder.IN_USE_NOTE}")
        assert json.loads(run("verify", "--json")[1])["in_use"] is True
        assert log_folder.IN_USE_NOTE in run("dump")[2]
        assert run("stats")[1].startswith("Note: ")
    assert not run("verify")[1].startswith("Note")


# ---- dump


@pytest.mark.usefixtures("folder")
def test_dump_writes_every_record_in_order(run: Run) -> None:
    code, out, err = run("dump")
    assert (code, err) == (0, "")
    found = lines(out)
    assert [line["position"] for line in found] == sorted(line["position"] for line in found)
    kinds = [line["kind"] for line in found]
    assert kinds.count("entry") == 14
    assert kinds[-1] == "clean"
    assert {"snapshot", "settled", "delivered", "dropped", "group"} <= set(kinds)


def test_dump_tells_everything_of_a_message(folder: Path, run: Run) -> None:
    first = next(line for line in lines(run("dump", "--bodies")[1]) if line["kind"] == "entry")
    assert first["segment"] == segments(folder / "log")[0].name
    assert (first["offset"], first["position"], first["bytes"], first["count"]) == (112, 4096 + 112, 112, 1)
    assert [(row["queue"], row["vhost"], row["level"], row["first"]) for row in first["streams"]] == [
        ("orders", "/", 0, 1), ("mails", "/", 0, 1),
    ]  # fmt: skip
    assert (first["stamp_ms"], first["stamp"]) == (STAMP_MS, "2023-11-14T22:13:20.000+00:00")
    assert (first["exchange"], first["routing_key"]) == ("", "orders")
    assert first["properties"] == {"delivery_mode": 2}
    assert first["bodies"][0]["text"] == "body 000"


@pytest.mark.usefixtures("folder")
def test_dump_marks_the_parts_of_a_group(run: Run) -> None:
    found = lines(run("dump", "--bodies")[1])
    at = next(number for number, line in enumerate(found) if line["kind"] == "group")
    group, part, after = found[at : at + 3]
    assert group["parts"] == 1
    assert part["group"] == group["position"]
    assert part["streams"][0]["expires"] == "2027-01-15T08:00:00.000+00:00"
    assert [body.get("text") or body["base64"] for body in part["bodies"]] == ["in a group", "/////////////w=="]
    assert "group" not in after


@pytest.mark.usefixtures("folder")
def test_dump_of_one_queue(run: Run) -> None:
    found = lines(run("dump", "--queue", "orders")[1])
    assert sum(line["kind"] == "entry" for line in found) == 12
    (settled,) = [line for line in found if line["kind"] == "settled"]
    assert [(row["first"], row["last"], row["count"]) for row in settled["streams"]] == [(1, 2, 2), (5, 5, 1)]
    clean = found[-1]
    assert [(row["queue"], row["next"], row["settled"]) for row in clean["streams"]] == [("orders", 13, 3)]
    assert not [line for line in found if line["kind"] in ("delivered", "group", "dropped")]
    gone = lines(run("dump", "--queue", "#3")[1])
    assert [line["kind"] for line in gone if line["kind"] != "snapshot"] == ["entry", "dropped"]
    assert gone[0]["streams"][0]["queue"] is None


@pytest.mark.usefixtures("folder")
def test_dump_from_a_position_and_only_so_many(run: Run) -> None:
    found = lines(run("dump")[1])
    start = found[7]["position"]
    assert lines(run("dump", "--from", str(start), "--limit", "3")[1]) == found[7:10]
    assert run("dump", "--from", "999999999") == (0, "", "")


def test_dump_gives_damage_a_line(folder: Path, run: Run) -> None:
    before = lines(run("dump")[1])
    flip(segments(folder / "log")[0], 112)
    found = lines(run("dump")[1])
    assert [line["position"] for line in found] == [line["position"] for line in before]
    assert found[2] == {
        "position": 4208, "segment": segments(folder / "log")[0].name, "offset": 112, "kind": "damage", "bytes": 112,
        "why": "no record starts here",
    }  # fmt: skip


def test_dump_shows_where_a_copy_comes_from(tmp_path: Path, run: Run) -> None:
    journal = open_log(tmp_path / "log")
    publish(journal, 1, journal.stream(256))
    journal.appender.carry([(256, 1, 0)], STAMP_MS, HEAD, [b"body 000"], 4096, 5000)
    journal.close()
    (carried,) = [line for line in lines(run("dump")[1]) if line["kind"] == "carried"]
    assert (carried["source"], carried["attempt"]) == (f"{4096:020d}.log", 5000)


# ---- stats


def test_stats_count_queues_and_segments(folder: Path, run: Run) -> None:
    code, out, err = run("stats", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    mails, orders = sorted(facts["queues"], key=lambda row: str(row["queue"]))
    assert (orders["queue"], orders["messages"], orders["first"], orders["last"]) == ("orders", 9, 3, 12)
    assert (mails["queue"], mails["messages"], mails["redelivered_messages"], mails["deliveries"]) == (
        "mails",
        14,
        1,
        4,
    )
    assert facts["totals"]["bytes"] == sum(path.stat().st_size for path in segments(folder / "log"))
    assert facts["totals"]["messages"] == 23
    assert facts["totals"]["records"]["entry"] == 14
    assert facts["is_clean"] is True


def test_stats_for_people(folder: Path, run: Run) -> None:
    code, out, _ = run("stats")
    assert code == 0
    queues, listed, totals = out.split("\n\n")
    assert queues.splitlines()[1].startswith("mails\t/\t0\t14\t")
    assert len(listed.splitlines()) == 1 + len(segments(folder / "log"))
    assert listed.splitlines()[1].endswith("\t2 snapshot, 12 entry")
    assert totals.startswith(f"23 messages waiting in 2 queues; {len(segments(folder / 'log'))} segments of ")


# ---- trouble


@pytest.mark.parametrize("command", ["verify", "dump", "stats"])
def test_a_folder_that_cannot_be_read_is_one_clear_line(
    command: str, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(command)
    assert (code, out) == (66, "")
    assert err == (
        f"brokerctl: there is no log in {tmp_path}: no brokerd has kept one there; another folder is given with "
        "--data-dir\n"
    )
    assert main(["log", command, "--data-dir", str(tmp_path / "nowhere")]) == 66
    assert capsys.readouterr().err.startswith("brokerctl: there is no data folder")


@pytest.mark.parametrize("command", ["verify", "dump", "stats"])
def test_an_empty_log_is_whole(command: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "log").mkdir()
    assert run(command)[0] == 0


@pytest.mark.usefixtures("folder")
def test_a_queue_nobody_knows(run: Run) -> None:
    assert run("dump", "--queue", "nope")[0] == 66
    assert 'no durable queue "orders" in vhost "other"' in run("dump", "--queue", "orders", "-p", "other")[2]


def test_a_log_of_a_later_version(folder: Path, run: Run) -> None:
    make_newer(segments(folder / "log")[0], 9)
    assert run("verify")[0] == 66
    code, _, err = run("stats")
    assert code == 66
    assert "its layout is version 9, this program reads up to 1" in err


@pytest.mark.ours
def test_brokerd_refuses_a_log_of_a_later_version(folder: Path) -> None:
    make_newer(segments(folder / "log")[0], 9)
    command = [sys.executable, "-m", "broker.cli.brokerd", "--port", "0", "--metrics-port", "0"]
    ended = subprocess.run(
        [*command, "--data-dir", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "its layout is version 9, this program reads up to 1" in ended.stderr.splitlines()[-1]


def test_definitions_that_cannot_be_read_cost_only_the_names(folder: Path, run: Run) -> None:
    (folder / "definitions.sqlite").write_bytes(b"nonsense" * 1000)
    code, out, err = run("dump", "--queue", "#1")
    assert code == 0
    assert err.startswith("brokerctl: queues stay without names: cannot read the definitions")
    assert lines(out)[0]["streams"][0]["queue"] is None


def test_the_names_in_the_data_folder_are_the_servers() -> None:
    assert log_folder.LOG_FOLDER == server.LOG_FOLDER
    assert target.LOCK_FILE == server.LOCK_FILE


# ---- a real broker


@pytest.mark.ours
def test_beside_a_broker_and_after_it_was_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RestartableBroker(tmp_path) as broker:
        broker.launch()
        broker.await_ready()
        connection = pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port))
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("by priority", durable=True, arguments={"x-max-priority": 3})
        for priority in range(3):
            properties = pika.BasicProperties(delivery_mode=2, priority=priority, headers={"n": priority})
            channel.basic_publish("", "by priority", b"message %d" % priority, properties)
        for _ in range(2):
            for command in ("verify", "dump", "stats"):
                words = ["log", command, "--data-dir", str(broker.data_dir)]
                assert main(words + ([] if command == "dump" else ["--json"])) == 0
                if command == "dump":
                    found = [one for one in lines(capsys.readouterr().out) if one["kind"] == "entry"]
                    assert [one["streams"][0]["level"] for one in found] == [0, 1, 2]
                    assert {one["streams"][0]["queue"] for one in found} == {"by priority"}
                    assert [one["properties"]["headers"] for one in found] == [{"n": 0}, {"n": 1}, {"n": 2}]
                else:
                    assert json.loads(capsys.readouterr().out)["in_use"] is connection.is_open
            if connection.is_open:
                broker.kill()
                with pytest.raises(pika.exceptions.AMQPError):
                    connection.process_data_events(time_limit=10)
