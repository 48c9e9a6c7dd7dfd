"""Getting back what was published to a queue since a time: all of it, in order, and an honest count of what is gone."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp import commands
from pamqp.commands import Basic

from broker.moving.jobs import CANCELLED, DONE, FAILED, Job
from broker.moving.rewind import Reach, shown_time
from broker.moving.service import Chosen
from protocol.errors import ChannelException
from storage.kept import KEPT_SUFFIX, Keep
from storage.local import LogSettings
from tests.broker.moving.support import Moved, numbered
from tests.support.faulty_files import REMOVE, RENAME, Call, FaultyFiles

KEPT = LogSettings(segment_bytes=16 * 1024, keep=Keep(bytes_max=2**30))


def rewound(moved: Moved, source: str, since_ms: int, into: str, partial: bool = False) -> Job:
    job = moved.moving.rewind(moved.actor, source, since_ms, into, partial)
    moved.rest()
    assert job.is_over, job.state
    return job


def reach(moved: Moved, queue: str) -> Reach:
    found: list[Reach | str] = []
    moved.moving.reach(moved.actor, queue, found.append)
    moved.rest()
    (answer,) = found
    assert isinstance(answer, Reach), answer
    return answer


def consume(moved: Moved, queue: str, count: int) -> None:
    """Takes and settles the first messages."""
    for _ in range(count):
        moved.get(queue, no_ack=True)
    moved.broker.advance(1000)


def busy(moved: Moved, count: int = 60) -> None:
    """Other queues fill segments."""
    moved.declare("other")
    for _ in range(count):
        moved.publish("other", bytes(1000))
    moved.client.call(1, commands.Queue.Purge(queue="other"))
    moved.broker.advance(1000)


def test_settled_or_not_it_comes_back_in_order() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(40), headers={"h": 1})
    consume(moved, "a", 15)
    assert reach(moved, "a") == Reach(40, 0, 0)
    job = rewound(moved, "a", 0, "back")
    assert (job.state, job.done, job.total, job.skipped, job.error) == (DONE, 40, 40, 0, "")
    assert moved.bodies("back") == numbered(40)
    assert moved.bodies("a") == numbered(25, 15)
    event = moved.get("back")
    assert (event.frame.routing_key, event.frame.redelivered, event.frame.message_count) == ("a", False, 39)
    assert moved.waiting("back")[0].batch.properties.headers() == {"h": 1}


def test_only_what_came_since_a_time() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(30))
    moved.broker.advance(5000)
    since_ms = moved.broker.clock.now_ms()
    moved.publish("a", *numbered(30, 30))
    consume(moved, "a", 60)
    job = rewound(moved, "a", since_ms, "back")
    assert (job.state, job.done, job.total) == (DONE, 30, 30)
    assert moved.bodies("back") == numbered(30, 30)
    assert rewound(moved, "a", since_ms + 10**7, "nothing").done == 0


def test_a_rewound_queue_outlives_a_kill() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(40))
    consume(moved, "a", 40)
    rewound(moved, "a", 0, "back")
    after = moved.after_kill()
    assert (after.bodies("back"), after.bodies("a")) == (numbered(40), [])
    assert rewound(after, "a", 0, "again").done == 40
    assert after.bodies("again") == numbered(40)


def test_transient_messages_and_those_of_others_are_not_in_it() -> None:
    moved = Moved("a", "b")
    moved.publish("a", *numbered(5), mode=1)
    moved.publish("a", *numbered(5, 5))
    moved.publish("b", *numbered(5, 10))
    for name in ("a", "b"):
        moved.client.answer(1, commands.Queue.Bind(queue=name, exchange="amq.fanout"))
    moved.publish("", *numbered(5, 15), exchange="amq.fanout")
    moved.moved("b", "a", Chosen(count=2))
    assert rewound(moved, "a", 0, "back").done == 12
    assert moved.bodies("back") == numbered(5, 5) + numbered(5, 15) + numbered(2, 10)


def test_every_priority_comes_back() -> None:
    moved = Moved()
    moved.declare("a", x_max_priority=3)
    for priority in (0, 3, 1):
        moved.publish("a", *numbered(5, 1000 * priority), priority=priority)
    consume(moved, "a", 15)
    assert rewound(moved, "a", 0, "back").done == 15
    assert moved.bodies("back") == numbered(5, 3000) + numbered(5, 1000) + numbered(5)


def test_what_would_lose_them_again_is_left_out() -> None:
    moved = Moved()
    moved.declare("a", x_message_ttl=1000, x_max_length=5, x_expires=100_000, x_single_active_consumer=True)
    moved.publish("a", *numbered(8), expiration="500")
    moved.broker.advance(5000)
    assert moved.bodies("a") == []
    job = rewound(moved, "a", 0, "back")
    assert (job.done, job.skipped) == (8, 0)
    moved.broker.advance(200_000)
    assert moved.bodies("back") == numbered(8)
    assert dict(moved.queue("back").definition.arguments.values) == {"x-single-active-consumer": True}


def test_what_is_gone_is_said() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(30))
    consume(moved, "a", 30)
    busy(moved)
    moved.broker.advance(5000)
    since_ms = moved.broker.clock.now_ms()
    moved.publish("a", *numbered(10, 30))
    found = reach(moved, "a")
    assert found.messages + found.missing == 40
    assert found.missing == 30
    assert found.complete_from_ms is not None
    assert since_ms <= found.complete_from_ms <= moved.broker.clock.now_ms()
    job = rewound(moved, "a", 0, "back")
    assert (job.state, job.done, job.total, job.skipped) == (FAILED, 0, 10, 30)
    assert job.error == (
        "30 messages of then are not in the log any more; it can be rewound to "
        f"{shown_time(found.complete_from_ms)} at the earliest"
    )
    assert "back" not in moved.broker.vhost.queues
    assert rewound(moved, "a", found.complete_from_ms, "whole").state == DONE
    assert moved.bodies("whole") == numbered(10, 30)
    job = rewound(moved, "a", 0, "part", partial=True)
    assert (job.state, job.done, job.skipped) == (DONE, 10, 30)
    assert moved.bodies("part") == numbered(10, 30)


def test_with_log_keep_nothing_is_gone() -> None:
    moved = Moved("a", settings=KEPT)
    moved.publish("a", *numbered(30))
    consume(moved, "a", 30)
    busy(moved)
    assert moved.broker.node.journal.status().kept_segments > 0
    assert any(name.endswith(KEPT_SUFFIX) for name in moved.files.names())
    assert reach(moved, "a") == Reach(30, 0, 0)
    assert rewound(moved, "a", 0, "back").done == 30
    assert moved.bodies("back") == numbered(30)
    after = moved.after_kill()
    assert rewound(after, "a", 0, "again").done == 30


def test_what_compaction_has_copied_comes_back_once() -> None:
    moved = Moved("a", settings=KEPT)
    moved.publish("a", *numbered(3))
    for round_ in range(8):
        busy(moved)
        moved.publish("a", b"%06d" % (3 + round_))
        moved.broker.advance(5000)
    assert moved.broker.node.journal.status().compacted_segments > 0
    consume(moved, "a", 5)
    job = rewound(moved, "a", 0, "back")
    assert (job.done, job.skipped) == (11, 0)
    assert moved.bodies("back") == numbered(11)


def test_what_is_kept_goes_when_the_disk_is_short() -> None:
    moved = Moved("a", settings=KEPT)
    moved.publish("a", *numbered(30))
    consume(moved, "a", 30)
    busy(moved)
    before = moved.files.used_bytes()
    moved.broker.node.journal.make_room()
    moved.broker.advance(1000)
    assert moved.broker.node.journal.status().kept_segments == 0
    assert not any(".kept" in name for name in moved.files.names())
    assert moved.files.used_bytes() < before / 2
    assert reach(moved, "a").missing == 30


@pytest.mark.parametrize(("keep", "after_ms"), [(Keep(ms_max=60_000), 60_000), (Keep(bytes_max=20_000), 0)])
def test_what_is_kept_has_a_limit(keep: Keep, after_ms: int) -> None:
    moved = Moved("a", settings=LogSettings(segment_bytes=16 * 1024, keep=keep))
    busy(moved)
    if after_ms:
        assert moved.broker.node.journal.status().kept_segments > 2
        moved.broker.advance(after_ms + 1000)
        assert moved.broker.node.journal.status().kept_segments == 0
    else:
        assert moved.broker.node.journal.status().kept_segments == 1
        assert moved.broker.node.journal.status().kept_bytes <= 20_000


def test_a_cancelled_rewind_stops() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(5))
    job = moved.moving.rewind(moved.actor, "a", 0, "back", False)
    moved.moving.cancel(moved.actor, job)
    moved.rest()
    assert (job.state, job.done) == (CANCELLED, 0)
    assert not moved.broker.node.journal.keeping.kept.is_held  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("queue", "into", "text"),
    [
        ("a", "a", "queue 'a' in vhost '/' is there already"),
        ("transient", "back", "queue 'transient' in vhost '/' is not durable"),
        ("nothing", "back", "no queue 'nothing'"),
    ],
)
def test_what_cannot_be_rewound_is_refused(queue: str, into: str, text: str) -> None:
    moved = Moved("a")
    moved.declare("transient", durable=False)
    with pytest.raises(ChannelException, match=text):
        moved.moving.rewind(moved.actor, queue, 0, into, False)


def test_what_comes_while_it_reads_is_not_in_it_and_nothing_goes() -> None:
    moved = Moved("a")
    moved.publish("a", *numbered(30))
    job = moved.moving.rewind(moved.actor, "a", 0, "back", False)
    properties: Any = Basic.Properties(delivery_mode=2)
    moved.client.publish(1, "", "a", b"later", properties)
    moved.client.call(1, commands.Queue.Purge(queue="a"))
    moved.rest()
    assert (job.state, job.done) == (DONE, 30)
    assert moved.bodies("back") == numbered(30)


def test_a_power_cut_while_segments_are_set_aside_takes_nothing_that_waits() -> None:
    moved = Moved("a", settings=KEPT)
    moved.publish("a", *numbered(30))
    consume(moved, "a", 25)
    cuts: list[FaultyFiles] = []

    def called(call: Call) -> None:
        if call.kind in (RENAME, REMOVE):
            cuts.extend(moved.files.after_power_cut(seed) for seed in (0, 1, 2 + call.number))

    moved.files.on_call = called
    busy(moved)
    moved.files.on_call = None
    assert any(".kept" in name for name in moved.files.names())
    assert len(cuts) > 10
    for number, files in enumerate(cuts):
        after = Moved(files=files, disk=moved.broker.disk, now_ms=moved.broker.clock.now_ms(), settings=KEPT)
        assert after.bodies("a") == numbered(5, 25)
        job = rewound(after, "a", 0, f"back-{number}", partial=True)
        assert job.done + job.skipped == 30
