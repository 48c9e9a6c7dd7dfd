"""A disk that is really full: publishers are told and refused, consumers go on, and nothing confirmed is lost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.clients.filler import BODY_BYTES, Filler, connect, take, take_all
from tests.clients.support import until
from tests.support.brokers import RestartableBroker, RunningBroker
from tests.support.small_disk import MIB, NoSmallDisk, SmallDisk
from tests.support.vhosts import ctl_command

pytestmark = pytest.mark.ours
DISK_BYTES = 16 * MIB
SEGMENT_BYTES = MIB
SECONDS_MAX = 30
NO_ALARM = ("--disk-free-min-bytes", "0")
Start = Callable[..., RestartableBroker]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        mounted = SmallDisk(tmp_path / "disk", DISK_BYTES)
    except NoSmallDisk as error:
        pytest.skip(str(error))
    with mounted:
        yield mounted


@pytest.fixture
def start(disk: SmallDisk, tmp_path: Path) -> Iterator[Start]:
    started: list[RestartableBroker] = []

    def make(*flags: str) -> RestartableBroker:
        flags = ("--segment-bytes", str(SEGMENT_BYTES), *flags)
        broker = RestartableBroker(tmp_path, *flags, data_dir=disk.folder / "data", prefix=disk.prefix)
        started.append(broker)
        begin(broker)
        return broker

    yield make
    for broker in started:
        broker.kill()


def begin(broker: RestartableBroker) -> None:
    broker.launch()
    broker.await_ready()


def declare(broker: RestartableBroker, *names: str) -> None:
    with connect(broker) as connection:
        for name in names:
            connection.channel().queue_declare(name, durable=True)


def log_status(broker: RestartableBroker) -> dict[str, Any]:
    running = RunningBroker(broker.host, broker.port, broker.data_dir)
    words = [*broker.prefix, *(ctl_command(running) or []), "status", "--json"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS_MAX, check=True)
    status: dict[str, Any] = json.loads(ended.stdout)["node_details"]
    return status


def test_a_full_disk_refuses_publishers_until_consumers_have_made_room(start: Start) -> None:
    broker = start(*NO_ALARM)
    declare(broker, "q")
    filler = Filler(broker, "q")
    filler.publish_until_blocked()
    until(lambda: filler.nacked, filler.pump)
    assert filler.reasons == ["low on disk"]
    assert len(filler.acked) * BODY_BYTES > DISK_BYTES // 2
    status = log_status(broker)
    assert (status["log"]["state"], status["log_alarm"]) == ("full", True)
    assert "no room to write the log" in status["log"]["reason"]
    taken = set(take(broker, "q", len(filler.acked) // 2))
    until(lambda: not filler.is_blocked, filler.pump)
    filler.publish_confirmed(50)
    filler.settle()
    assert log_status(broker)["log"]["state"] == "ok"
    broker.kill()
    begin(broker)
    found = take_all(broker, "q")
    assert filler.acked - taken <= found
    assert found <= filler.acked | filler.nacked


def test_room_from_elsewhere_ends_it_too(start: Start, disk: SmallDisk) -> None:
    broker = start(*NO_ALARM)
    declare(broker, "q")
    disk.fill(2 * MIB)
    filler = Filler(broker, "q")
    filler.publish_until_blocked()
    until(lambda: filler.nacked, filler.pump)
    disk.clear()
    until(lambda: not filler.is_blocked, filler.pump)
    filler.publish_confirmed(50)
    broker.kill()
    begin(broker)
    assert filler.acked <= take_all(broker, "q")


@pytest.mark.parametrize("segment_bytes", [MIB, 64 * MIB])
def test_the_alarm_pauses_publishers_before_anything_fails(start: Start, disk: SmallDisk, segment_bytes: int) -> None:
    """Also where one segment would be larger than the disk: what was read of it gives its room back."""
    broker = start("--disk-free-min-bytes", str(12 * MIB), "--segment-bytes", str(segment_bytes))
    declare(broker, "q")
    filler = Filler(broker, "q")
    filler.publish_until_blocked(lambda: disk.free_bytes() > 10 * MIB)  # how soon it notices is not asked here
    assert filler.reasons == ["low on disk"]
    assert not filler.nacked
    status = log_status(broker)
    assert (status["log"]["state"], status["disk_free_alarm"], status["log_alarm"]) == ("ok", True, False)
    take_all(broker, "q")
    until(lambda: not filler.is_blocked, filler.pump)
    filler.publish_confirmed(10)
    assert not filler.nacked
    assert disk.free_bytes() > 0


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_start_on_a_full_disk(start: Start, disk: SmallDisk, end: str) -> None:
    broker = start(*NO_ALARM)
    declare(broker, "q")
    filler = Filler(broker, "q")
    filler.publish_confirmed(200)
    filler.settle()
    filler.connection.close()
    broker.kill() if end == "kill" else broker.stop()
    disk.fill(0)
    assert disk.free_bytes() == 0
    begin(broker)
    other = Filler(broker, "q")
    other.publish_until_blocked()
    until(lambda: other.nacked, other.pump)
    assert log_status(broker)["log"]["state"] == "full"
    taken = take(broker, "q", 200)
    assert taken == list(range(1, 201))
    until(lambda: not other.is_blocked, other.pump)
    other.publish_confirmed(20)
    other.settle()
    broker.kill()
    begin(broker)
    assert take_all(broker, "q") >= other.acked


def test_a_declaration_that_cannot_be_stored_is_refused(start: Start, disk: SmallDisk) -> None:
    broker = start(*NO_ALARM)
    declare(broker, "before")
    disk.fill(0)
    connection, other = connect(broker), connect(broker)
    declared: list[str] = []

    def declare_many() -> None:
        for number in range(1000):
            declared.append(f"q{number}")
            connection.channel().queue_declare(declared[-1], durable=True)

    with pytest.raises(ChannelClosedByBroker, match="definitions cannot be stored") as raised:
        declare_many()
    assert raised.value.reply_code == 406
    other.channel().queue_declare("transient")
    other.channel().queue_declare("before", durable=True)
    assert "definitions cannot be stored" in log_status(broker)["definitions_trouble"]
    disk.clear()
    until(lambda: not log_status(broker)["definitions_trouble"])
    declare(broker, "after", *declared)
    broker.kill()
    begin(broker)
    channel = connect(broker).channel()
    for name in ("before", "after", *declared):
        channel.queue_declare(name, passive=True)


@pytest.mark.parametrize("mode", ["interval", "never"])
def test_without_a_sync_for_each_confirm_kill_9_loses_nothing(tmp_path: Path, mode: str) -> None:
    with RestartableBroker(tmp_path, "--fsync", mode) as broker:
        begin(broker)
        warned = re.compile(rf"warning .*fsync = {mode}: .* can be lost when the power goes")
        until(lambda: warned.search(broker.log_path.read_text()) is not None)
        declare(broker, "q")
        filler = Filler(broker, "q")
        filler.publish_confirmed(100)
        broker.kill()
        begin(broker)
        assert take_all(broker, "q") >= filler.acked


def test_a_first_start_on_a_full_disk_says_why_not(disk: SmallDisk) -> None:
    disk.fill(0)
    command = [*disk.prefix, sys.executable, "-m", "broker.cli.brokerd", "--port", "0", "--metrics-port", "0"]
    ended = subprocess.run(
        [*command, "--data-dir", str(disk.folder / "data")],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.match(r"brokerd: .*(disk is full|no space left|disk I/O error)", ended.stderr.splitlines()[-1])
