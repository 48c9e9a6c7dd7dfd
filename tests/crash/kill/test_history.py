"""The history checker refuses what it must and accepts what it may: every rule is broken here by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.crash.kill.events import (
    CommitOk,
    CommitSent,
    Complaint,
    Confirmed,
    Content,
    Delivered,
    Event,
    Gone,
    Reading,
    Sent,
    Settled,
    Started,
    content_of,
)
from tests.crash.kill.history import EXAMPLES_MAX, Rule, check

LIFE = Started()
CONTENT = content_of("work", "q", b"\x08\x00\x01a", b"body")


def sent(number: int, *queues: str, publisher: str = "p", connection: str = "c", **more: object) -> Sent:
    return replace(Sent(connection, publisher, number, queues or ("q",), CONTENT), **more)


def stored(number: int, *queues: str, publisher: str = "p", connection: str = "c") -> list[Event]:
    """Sent and confirmed."""
    message = sent(number, *queues, publisher=publisher, connection=connection)
    return [message, Confirmed(message.id)]


def came(
    number: int,
    queue: str = "q",
    redelivered: bool = False,
    publisher: str = "p",
    by: str = "r",
    content: Content = CONTENT,
) -> Delivered:
    return Delivered(by, queue, f"{publisher}#{number}", redelivered, content)


def settled(number: int, requeued: bool = False) -> Settled:
    return Settled("r", "q", f"p#{number}", requeued)


def reading(reach: int | None = 10, queue: str = "q", by: str = "r", auto: bool = False) -> Reading:
    return Reading(by, queue, reach, auto)


def group(*members: Sent) -> list[Event]:
    """Messages of transaction 1."""
    return [replace(member, transaction=1) for member in members]


COMMIT_SENT, COMMIT_OK = CommitSent("p", 1), CommitOk("p", 1)
NOTE = stored(1, "ledger", publisher="r.note", connection="r")
NOTE_CAME = came(1, "ledger", publisher="r.note")

BROKEN: dict[str, tuple[Rule, list[Event]]] = {
    "confirmed and gone": (Rule.LOST, [LIFE, *stored(1), LIFE]),
    "confirmed, gone from one queue of two": (Rule.LOST, [LIFE, *stored(1, "q", "s"), LIFE, came(1)]),
    "confirmed, seen unsettled, gone": (Rule.LOST, [LIFE, reading(), *stored(1), came(1), LIFE]),
    "requeued and gone": (Rule.LOST, [LIFE, reading(), *stored(1), came(1), settled(1, requeued=True), LIFE]),
    "settled in vain, came back, then gone": (
        Rule.LOST,
        [LIFE, reading(), *stored(1), came(1), settled(1), LIFE, reading(), came(1, redelivered=True), LIFE],
    ),
    "committed and gone": (Rule.LOST, [LIFE, *group(sent(1)), COMMIT_SENT, COMMIT_OK, LIFE]),
    "gone, but the auto-ack reader saw a later one": (
        Rule.LOST,
        [LIFE, reading(None, auto=True), *stored(1), *stored(2), came(2), settled(2), LIFE],
    ),
    "more gone than was on its way to an auto-ack reader": (
        Rule.LOST,
        [LIFE, reading(1, auto=True), *stored(1), *stored(2), LIFE],
    ),
    "gone after a life without the auto-ack reader": (
        Rule.LOST,
        [LIFE, reading(None, auto=True), LIFE, *stored(1), LIFE],
    ),
    "never sent": (Rule.INVENTED, [LIFE, came(1)]),
    "in a queue it was not routed to": (Rule.INVENTED, [LIFE, sent(1), came(1, "other")]),
    "twice in a life": (Rule.TWICE, [LIFE, sent(1), came(1), came(1, redelivered=True)]),
    "twice in a life, settled between": (Rule.TWICE, [LIFE, sent(1), came(1), settled(1), came(1, redelivered=True)]),
    "twice after one requeue": (
        Rule.TWICE,
        [LIFE, sent(1), came(1), settled(1, requeued=True), came(1, redelivered=True), came(1, redelivered=True)],
    ),
    "unmarked after a kill": (Rule.UNMARKED, [LIFE, *stored(1), came(1), LIFE, came(1)]),
    "unmarked two lives later": (Rule.UNMARKED, [LIFE, *stored(1), came(1), LIFE, LIFE, came(1)]),
    "unmarked after a requeue": (Rule.UNMARKED, [LIFE, sent(1), came(1), settled(1, requeued=True), came(1)]),
    "another body": (Rule.ALTERED, [LIFE, sent(1), came(1, content=replace(CONTENT, digest="00"))]),
    "a shorter body": (Rule.ALTERED, [LIFE, sent(1), came(1, content=replace(CONTENT, size_bytes=3))]),
    "other properties": (Rule.ALTERED, [LIFE, sent(1), came(1, content=replace(CONTENT, properties=b"\0\0"))]),
    "another routing key": (Rule.ALTERED, [LIFE, sent(1), came(1, content=replace(CONTENT, routing_key="x"))]),
    "another exchange": (Rule.ALTERED, [LIFE, sent(1), came(1, content=replace(CONTENT, exchange=""))]),
    "out of order": (Rule.ORDER, [LIFE, sent(1), sent(2), came(2), came(1)]),
    "out of order, over a kill": (Rule.ORDER, [LIFE, *stored(1), *stored(2), came(2), settled(2), LIFE, came(1)]),
    "out of order for the first time, after a requeue": (
        Rule.ORDER,
        [LIFE, sent(1), sent(2), sent(3), came(1), settled(1, requeued=True), came(3), came(2)],
    ),
    "unacked, and back in another place": (
        Rule.ORDER,
        [LIFE, reading(), *stored(1), *stored(2), came(1), LIFE, came(2), came(1, redelivered=True)],
    ),
    "settled, synced, again": (
        Rule.SETTLED_AGAIN,
        [LIFE, reading(), *stored(1), came(1), settled(1), *NOTE, LIFE, came(1, redelivered=True), NOTE_CAME],
    ),
    "settled, synced, again two lives later": (
        Rule.SETTLED_AGAIN,
        [LIFE, reading(), *stored(1), came(1), settled(1), *NOTE, LIFE, LIFE, came(1, redelivered=True), NOTE_CAME],
    ),
    "half a transaction, answered": (
        Rule.TORN,
        [LIFE, *group(sent(1), sent(2)), COMMIT_SENT, COMMIT_OK, LIFE, came(1)],
    ),
    "half a transaction, not answered": (Rule.TORN, [LIFE, *group(sent(1), sent(2)), COMMIT_SENT, LIFE, came(2)]),
    "a transaction in one queue of two": (
        Rule.TORN,
        [LIFE, *group(sent(1, "q", "s")), COMMIT_SENT, LIFE, came(1, "s")],
    ),
    "half a transaction settled and synced, the rest gone": (
        Rule.TORN,
        [LIFE, reading(), *group(sent(1), sent(2)), COMMIT_SENT, came(1), settled(1), *NOTE, LIFE, NOTE_CAME],
    ),
    "part of a transaction without a commit": (Rule.TORN, [LIFE, *group(sent(1)), LIFE, came(1)]),
    "part of a transaction before its commit": (Rule.TORN, [LIFE, *group(sent(1)), came(1), COMMIT_SENT, COMMIT_OK]),
    "marked without a reader": (Rule.MARKED, [LIFE, *stored(1), LIFE, came(1, redelivered=True)]),
    "marked in the life it was sent in": (
        Rule.MARKED,
        [LIFE, reading(), LIFE, reading(), sent(1), came(1, redelivered=True)],
    ),
    "more marked than were on their way": (
        Rule.MARKED,
        [
            *[LIFE, reading(2), *stored(1), *stored(2), *stored(3), came(1)],
            *[LIFE, came(1, redelivered=True), came(2, redelivered=True), came(3, redelivered=True)],
        ],
    ),
    "a queue is gone": (Rule.DEFINITION, [LIFE, Gone("queue q")]),
    "a peer complains": (Rule.CONDUCT, [LIFE, Complaint("no answer")]),
}

FINE: dict[str, list[Event]] = {
    "kept": [LIFE, *stored(1), LIFE, came(1)],
    "kept in both queues": [LIFE, *stored(1, "q", "s"), LIFE, came(1), came(1, "s")],
    "not confirmed, and gone": [LIFE, sent(1), LIFE],
    "not confirmed, and there": [LIFE, sent(1), LIFE, came(1)],
    "nacked, and gone": [LIFE, sent(1), Confirmed("p#1", is_ack=False), LIFE],
    "settled, and gone": [LIFE, reading(), *stored(1), came(1), settled(1), LIFE],
    "settled but not synced, and there": [
        LIFE,
        reading(),
        *stored(1),
        came(1),
        settled(1),
        LIFE,
        came(1, redelivered=True),
    ],
    "synced before it was settled, and there": [
        *[LIFE, reading(), *stored(1), came(1), NOTE[0], settled(1), NOTE[1]],
        *[LIFE, came(1, redelivered=True), NOTE_CAME],
    ],
    "synced by another connection only, and there": [
        *[LIFE, reading(), *stored(1), came(1), settled(1), *stored(2, "ledger")],
        *[LIFE, came(1, redelivered=True), came(2, "ledger")],
    ],
    "noted in a queue that is read, and there": [
        *[LIFE, reading(), reading(queue="ledger", by="x"), *stored(1), came(1), settled(1), *NOTE],
        *[LIFE, came(1, redelivered=True), NOTE_CAME],
    ],
    "noted but not confirmed, and there": [
        *[LIFE, reading(), *stored(1), came(1), settled(1), NOTE[0], LIFE, came(1, redelivered=True)],
    ],
    "requeued, delivered again": [
        *[LIFE, reading(), *stored(1), came(1), settled(1, requeued=True), came(1, redelivered=True), settled(1), LIFE],
    ],
    "requeued behind a later one": [
        *[LIFE, reading(), *stored(1), *stored(2), came(1), came(2), settled(1, requeued=True)],
        *[came(1, redelivered=True), LIFE, came(1, redelivered=True), came(2, redelivered=True)],
    ],
    "levels overtake": [
        LIFE,
        sent(1),
        sent(2, level=3),
        came(2),
        came(1),
    ],
    "publishers overtake": [LIFE, sent(1, publisher="a"), sent(2), came(2), came(1, publisher="a")],
    "delivered unseen, marked": [LIFE, reading(1), *stored(1), LIFE, came(1, redelivered=True)],
    "on its way to an auto-ack reader": [LIFE, reading(1, auto=True), *stored(1), LIFE],
    "behind all that the auto-ack reader saw": [
        *[LIFE, reading(None, auto=True), *stored(1), *stored(2), *stored(3), came(1), settled(1)],
        *[LIFE, *stored(4), came(4)],
    ],
    "a whole transaction": [LIFE, *group(sent(1, "q", "s")), COMMIT_SENT, COMMIT_OK, LIFE, came(1), came(1, "s")],
    "no part of an unanswered transaction": [LIFE, *group(sent(1), sent(2)), COMMIT_SENT, LIFE],
    "no part of a transaction without commit": [LIFE, *group(sent(1), sent(2)), LIFE],
    "an unanswered transaction seen, unsettled, and wholly gone": [
        *[LIFE, reading(), *group(sent(1), sent(2)), COMMIT_SENT, came(1), LIFE],
    ],
    "an unanswered transaction settled in part, unsynced, and gone": [
        *[LIFE, reading(), *group(sent(1), sent(2)), COMMIT_SENT, came(1), settled(1), LIFE],
    ],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_seen(name: str) -> None:
    rule, history = BROKEN[name]
    verdict = check(history)
    assert verdict.of(rule), verdict.report()
    assert rule.value in verdict.report()


@pytest.mark.parametrize("name", FINE)
def test_what_is_allowed_passes(name: str) -> None:
    assert not check(FINE[name]).violations


def test_every_rule_is_broken_by_some_history() -> None:
    assert {rule for rule, _ in BROKEN.values()} == set(Rule)


def test_only_the_broken_rule_is_named() -> None:
    """Where a history breaks one rule, the report does not blame others (a transaction's loss is a loss, too)."""
    together = {Rule.TORN: {Rule.LOST}, Rule.LOST: {Rule.TORN}}
    for name, (rule, history) in BROKEN.items():
        found = {violation.rule for violation in check(history).violations}
        assert found <= {rule, *together.get(rule, ())}, name


def test_a_report_is_short_and_counts() -> None:
    report = check([LIFE, *[event for number in range(1, 100) for event in stored(number)], LIFE]).report()
    assert "(99)" in report
    assert len(report.splitlines()) == 2 + EXAMPLES_MAX
