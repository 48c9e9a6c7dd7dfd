"""The window copies what there is, a page at a time, and its counters never fall."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.administration import UnknownVhostError
from broker.clock import ManualClock
from broker.config import Config
from broker.introspection.window import PAGE_SIZE_MAX, Introspection
from broker.model.arguments import NO_ARGUMENTS, Arguments
from broker.model.message import Span
from broker.node import Node
from broker.operations import Actor, QueueRequest


@pytest.fixture
def node(tmp_path: Path) -> Node:
    soon: list[Callable[[], None]] = []
    node = Node(Config(data_dir=tmp_path), ManualClock(1_700_000_000_000), soon.append)
    node.create_defaults("secret")
    return node


@pytest.fixture
def window(node: Node) -> Introspection:
    return Introspection(node)


def declare(node: Node, name: str, arguments: Arguments = NO_ARGUMENTS, vhost: str = "/") -> None:
    actor = Actor("guest", node.vhosts[vhost])
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
    before = window.overview()
    vhost.remove_queue(gone)
    gone.counters.acked += 2  # a late acknowledgement
    after = window.overview()
    assert (before.message_stats.get_empty, before.message_stats.ack) == (2, 3)
    assert (after.message_stats.get_empty, after.message_stats.ack) == (2, 5)
    churn = after.churn_rates
    assert (churn.queue_declared, churn.queue_created, churn.queue_deleted) == (4, 2, 1)
    assert after.object_totals.queues == 1


def test_alarms_show_on_the_node(node: Node, window: Introspection) -> None:
    assert not window.node().mem_alarm
    node.alarms.set("memory", True)
    assert window.node().mem_alarm
    assert not window.node().disk_free_alarm
