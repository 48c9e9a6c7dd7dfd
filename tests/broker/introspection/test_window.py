"""The window copies what there is, a page at a time, and its counters never fall."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from broker.administration import UnknownVhostError
from broker.auth.authorization import Subject
from broker.clock import ManualClock
from broker.config import Config
from broker.introspection.pages import PAGE_SIZE_MAX, SLICE, at_once
from broker.introspection.window import TOTALS_SLICE, Introspection
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.message import Span
from broker.node import Node
from broker.requests import Actor, QueueRequest
from storage.commit import Timers
from storage.journal import Journal
from storage.local import LocalJournal, LogSettings
from storage.worker import InlineWorker
from tests.support.accounts import GUEST
from tests.support.faulty_files import FaultyFiles


@pytest.fixture
def node(tmp_path: Path) -> Node:
    soon: list[Callable[[], None]] = []
    node = Node(Config(data_dir=tmp_path), ManualClock(1_700_000_000_000), soon.append)
    node.create_defaults(GUEST)
    return node


@pytest.fixture
def window(node: Node) -> Introspection:
    return Introspection(node)


def declare(node: Node, name: str, arguments: Arguments = NO_ARGUMENTS, vhost: str = "/") -> None:
    actor = Actor(Subject("guest"), node.vhosts[vhost])
    node.operations.declare_queue(actor, QueueRequest(name, True, False, False, arguments))


def test_a_queue_is_copied_with_its_settings(node: Node, window: Introspection) -> None:
    declare(node, "q", Arguments({"x-message-ttl": 5}, {"x-message-ttl": "I"}))
    (queue,) = window.queues().items
    assert (queue.name, queue.vhost, queue.durable, queue.exclusive, queue.auto_delete) == (
        "q",
        "/",
        True,
        False,
        False,
    )
    assert queue.arguments == {"x-message-ttl": 5}
    assert (queue.messages, queue.consumers, queue.state, queue.type) == (0, 0, "running", "classic")
    assert queue.idle_since == "2023-11-14T22:13:20.000+00:00"
    with pytest.raises(dataclasses.FrozenInstanceError):
        queue.name = "other"  # type: ignore[misc]


def test_pages_join_to_the_whole(node: Node, window: Introspection) -> None:
    names = [f"q{number}" for number in range(7)]
    for name in names:
        declare(node, name)
    pages = [window.queues(number, 3) for number in (1, 2, 3, 4)]
    assert [[queue.name for queue in page.items] for page in pages] == [names[:3], names[3:6], names[6:], []]
    assert {(page.total_count, page.page_count) for page in pages} == {(7, 3)}
    assert [queue.name for part in window.queue_slices(2) for queue in part] == names


@pytest.mark.parametrize(("page", "size"), [(0, 1), (-1, 1), (1, 0), (1, PAGE_SIZE_MAX + 1)])
def test_a_page_that_cannot_be_is_refused(window: Introspection, page: int, size: int) -> None:
    with pytest.raises(ValueError, match="page"):
        window.queues(page, size)


def test_a_listing_keeps_to_its_vhost(node: Node, window: Introspection) -> None:
    node.administration.add_vhost("other")
    node.administration.set_permissions("guest", "other", "", "", ".*")
    node.administration.set_permissions("guest", "other", ".*", "", ".*")
    declare(node, "here")
    declare(node, "there", vhost="other")
    assert [queue.name for queue in window.queues(vhost="other").items] == ["there"]
    assert [one.vhost for one in window.permissions(vhost="other").items] == ["other"]
    assert {one.vhost for one in window.exchanges(vhost="other").items} == {"other"}
    assert [one.destination for one in window.bindings(vhost="other").items] == ["there"]
    with pytest.raises(UnknownVhostError, match='"nowhere" does not exist'):
        window.queues(vhost="nowhere")


def test_a_user_is_shown_without_a_password(window: Introspection) -> None:
    (user,) = window.users().items
    assert dataclasses.asdict(user) == {"name": "guest", "tags": ("administrator",)}


def test_counters_stay_when_a_queue_goes(node: Node, window: Introspection) -> None:
    vhost = node.vhosts["/"]
    for name in ("gone", "kept"):
        declare(node, name)
        declare(node, name)
    gone = vhost.queues["gone"]

    def nothing(_span: Span | None, _left: int) -> None:
        pass

    gone.get(True, nothing)
    vhost.queues["kept"].get(True, nothing)
    gone.counters.acked += 3
    before = at_once(window.overview())
    vhost.remove_queue(gone)
    gone.counters.acked += 2  # a late acknowledgement
    after = at_once(window.overview())
    assert (before.message_stats.get_empty, before.message_stats.ack) == (2, 3)
    assert (after.message_stats.get_empty, after.message_stats.ack) == (2, 5)
    churn = after.churn_rates
    assert (churn.queue_declared, churn.queue_created, churn.queue_deleted) == (4, 2, 1)
    assert after.object_totals.queues == 1


def test_a_page_is_chosen_at_once_and_copied_in_slices(node: Node, window: Introspection) -> None:
    names = [f"q{number}" for number in range(2 * SLICE + 1)]
    for name in names:
        declare(node, name)
    page = window.queues(1, PAGE_SIZE_MAX)
    slices = page.slices()
    found = [[queue.name for queue in next(slices)]]
    node.vhosts["/"].remove_queue(node.vhosts["/"].queues[names[-1]])
    declare(node, "new")
    found += [[queue.name for queue in infos] for infos in slices]
    assert found == [names[:SLICE], names[SLICE : 2 * SLICE], names[-1:]]
    assert (len(page), page.total_count) == (len(names), len(names))


def test_pages_run_on_over_the_ends_of_vhosts(node: Node, window: Introspection) -> None:
    names = ["a", "b", "c", "d", "e"]
    for vhost in ("none", "other"):
        node.administration.add_vhost(vhost)
        node.administration.set_permissions("guest", vhost, ".*", ".*", ".*")
    for name in names:
        declare(node, name, vhost="/" if name in "abc" else "other")
    for size in range(1, len(names) + 2):
        pages = [window.queues(number, size) for number in range(1, 7)]
        assert [queue.name for page in pages for queue in page.items] == names
        assert [len(page) for page in pages] == [len(names[at * size : (at + 1) * size]) for at in range(6)]


def test_totals_are_added_up_in_steps_and_a_deleted_queue_counts_once(node: Node, window: Introspection) -> None:
    for number in range(2 * TOTALS_SLICE):
        declare(node, f"q{number}")
        node.vhosts["/"].queues[f"q{number}"].counters.acked = 1
    steps = window.overview()
    next(steps)
    for number in (0, TOTALS_SLICE):  # one that has been counted and one that has not
        node.vhosts["/"].remove_queue(node.vhosts["/"].queues[f"q{number}"])
    assert next(steps) is None
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value.message_stats.ack == 2 * TOTALS_SLICE
    assert at_once(window.overview()).message_stats.ack == 2 * TOTALS_SLICE


def test_alarms_show_on_the_node(node: Node, window: Introspection) -> None:
    assert not window.node().mem_alarm
    node.alarms.set("memory", True)
    assert window.node().mem_alarm
    assert not window.node().disk_free_alarm


def open_log(files: FaultyFiles) -> Callable[[Timers, Callable[[], int]], Journal]:
    ticks = count(0, 2_000_000)
    return lambda timers, clock_ms: LocalJournal(
        files, InlineWorker(), InlineWorker(), timers, clock_ms, LogSettings(segment_bytes=65536), boot=1,
        clock_ns=lambda: next(ticks),
    )  # fmt: skip


def node_on(files: FaultyFiles, folder: Path) -> Node:
    soon: list[Callable[[], None]] = []
    return Node(Config(data_dir=folder), ManualClock(1_700_000_000_000), soon.append, open_journal=open_log(files))


def test_the_log_shows_on_the_node(tmp_path: Path) -> None:
    node = node_on(FaultyFiles(), tmp_path)
    before = Introspection(node).node().log
    journal = node.journal
    journal.append([(journal.stream(1), 0)], 1, b"head", [b"one", b"two"])
    assert Introspection(node).node().log.backlog_bytes > 0
    journal.commit(True)
    log = Introspection(node).node().log
    assert (log.state, log.reason, log.fsync, log.segments, log.damaged_records) == ("ok", "", "always", 1, 0)
    assert (log.appended_entries, log.commits, log.backlog_bytes) == (1, before.commits + 1, 0)
    assert log.durable == log.written > before.written
    assert log.written_bytes == log.log_bytes == log.commit_bytes.total
    assert log.live_bytes > 0
    syncs = log.sync_ns.count
    assert syncs == before.sync_ns.count + 1
    assert log.sync_ns.total == syncs * 2_000_000
    assert log.sync_ns.counts[log.sync_ns.bounds.index(2_500_000)] == syncs


def test_a_disk_that_is_full_at_the_start_is_an_alarm(tmp_path: Path) -> None:
    files = FaultyFiles()
    files.room_bytes = 0
    node = node_on(files, tmp_path)
    info = Introspection(node).node()
    assert (info.log.state, info.log_alarm) == ("full", True)
    assert "no room" in info.log.reason
    assert info.log.backlog_bytes > 0
    assert node.alarms.reason() == "low on disk"
    files.room_bytes = None
    assert isinstance(node.clock, ManualClock)
    node.clock.advance(1000)
    node.deadlines.run_due(node.clock.now_ms())
    info = Introspection(node).node()
    assert (info.log.state, info.log_alarm, info.log.reason, node.alarms.reason()) == ("ok", False, "", "")


@pytest.mark.parametrize("when", ["start", "load"])
def test_damage_is_counted_named_and_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture, when: str) -> None:
    files = FaultyFiles()
    node = node_on(files, tmp_path)
    stream = node.journal.stream(7)
    node.journal.append([(stream, 0)], 1, b"", [b"A" * 100])
    node.journal.append([(stream, 0)], 1, b"", [b"B" * 100])
    node.journal.commit(True)
    (name,) = [name for name in files.names() if name.endswith(".log")]
    file = files.open(name)
    at = file.read(0, file.size()).index(b"A" * 100)
    file.write(at, [b"C"])
    if when == "start":
        node = node_on(files, tmp_path)
    else:
        found: list[list[bytes]] = []
        stream.load(1, 1000, lambda runs, _: found.append([item for run in runs for item in run.items]))
        assert found == [[b"B" * 100]]
    log = Introspection(node).node().log
    assert log.damaged_records == 1
    named = re.search(rf"damage in {name}, bytes (\d+) to (\d+): ", caplog.text)
    assert named
    assert int(named[1]) <= at < int(named[2])
    assert log.damaged_bytes == int(named[2]) - int(named[1])
    assert f"{name}-{named[1]}.damaged" in files.names()
