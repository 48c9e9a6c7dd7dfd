"""The naive model itself: it accepts what may happen, and each way to break a promise is seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.faults.promise import Broken, Observed, Promise, Seen


def seen(item: bytes, deliveries: int = 0) -> Seen:
    return Seen(item, b"h", 5, 0, deliveries)


def promised() -> Promise:
    """Stream 1: a, b, c durable, d not; a settled durably, b settled but not durably; c delivered twice, durably.

    Stream 2: a group of x and y that settles c's like in stream 3, not durable. Stream 4: dropped durably.
    """
    promise = Promise()
    promise.positioned(promise.append([(1, 0)], 5, b"h", [b"a", b"b", b"c"]), 10)
    promise.positioned(promise.append([(3, 0), (4, 0)], 5, b"h", [b"z"]), 20)
    promise.mark_delivered(1, 4)
    promise.settle(1, 1, 2)
    promise.set_deliveries(1, 3, 4, 2)
    promise.drop(4)
    promise.committed()
    promise.positioned(promise.append([(1, 0)], 5, b"h", [b"d"]), 30)
    promise.settle(1, 2, 3)
    promise.begin()
    promise.append([(2, 0)], 5, b"h", [b"x", b"y"])
    promise.settle(3, 1, 2)
    promise.end(40)
    promise.durable = 30
    return promise


ALL = {1: {2: seen(b"b", 1), 3: seen(b"c", 2), 4: seen(b"d")}, 2: {}, 3: {1: seen(b"z")}}


def observed(**changes: Any) -> Observed:
    """Everything, but for the streams (s1=...) and next numbers (n1=...) that are given."""
    waiting = {stream: dict(there) for stream, there in ALL.items()}
    waiting.update({int(key[1:]): value for key, value in changes.items() if key[0] == "s"})
    next_numbers = {1: 5, 2: 1 + len(waiting.get(2, {})), 3: 2}
    next_numbers.update({int(key[1:]): value for key, value in changes.items() if key[0] == "n"})
    return Observed(waiting, next_numbers)


GROUP = {1: seen(b"x"), 2: seen(b"y")}


@pytest.mark.parametrize(
    "found",
    [
        observed(),
        observed(s1={3: seen(b"c", 2), 4: seen(b"d")}),
        observed(s2=GROUP, s3={}),
        observed(n1=9),
    ],
    ids=["all", "settled", "group", "later"],
)
@pytest.mark.parametrize("is_power_cut", [False, True])
def test_what_may_happen_is_accepted(found: Observed, is_power_cut: bool) -> None:
    promised().check(found, is_power_cut)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (observed(s1={2: seen(b"b", 1), 3: seen(b"c", 2)}), r"not there: \[4\]"),
        (observed(s1={**ALL[1], 1: seen(b"a", 1)}), "settled durably and is back"),
        (observed(s1={**ALL[1], 5: seen(b"e")}), "never appended"),
        (observed(s9={1: seen(b"e")}), "never appended"),
        (observed(s1={**ALL[1], 4: seen(b"D")}), "is Seen"),
        (observed(s1={**ALL[1], 4: seen(b"d")._replace(stamp_ms=6)}), "is Seen"),
        (observed(s1={**ALL[1], 4: seen(b"d")._replace(head=b"")}), "is Seen"),
        (observed(s1={**ALL[1], 4: seen(b"d")._replace(expires_ms=9)}), "is Seen"),
        (observed(s1={**ALL[1], 2: seen(b"b", 0)}), "delivered 0 times"),
        (observed(s1={**ALL[1], 3: seen(b"c", 1)}), "delivered 1 times"),
        (observed(s4={1: seen(b"z")}), "was dropped durably"),
        (observed(n1=4), "goes on with 4"),
        (observed(s2=GROUP), "half of group"),
        (observed(s3={}), "half of group"),
        (observed(s2={1: seen(b"x")}, s3={}), "half of group"),
    ],
)
@pytest.mark.parametrize("is_power_cut", [False, True])
def test_each_broken_promise_is_seen(found: Observed, why: str, is_power_cut: bool) -> None:
    with pytest.raises(Broken, match=why):
        promised().check(found, is_power_cut)


def test_only_a_power_cut_may_make_a_message_look_delivered() -> None:
    found = observed(s1={**ALL[1], 4: seen(b"d", 1)})
    promised().check(found, True)
    with pytest.raises(Broken, match="delivered 1 times"):
        promised().check(found, False)


def test_a_later_watermark_promises_more() -> None:
    promise = promised()
    promise.durable = 40
    with pytest.raises(Broken, match="3/1 was settled durably"):
        promise.check(observed(), False)
    promise.check(observed(s2=GROUP, s3={}), False)


def test_an_orderly_end_promises_everything() -> None:
    promise = promised()
    promise.durable = 40
    promise.closed()
    with pytest.raises(Broken, match="1/2 was settled durably"):
        promise.check(observed(s2=GROUP, s3={}), False)
    promise.check(observed(s1={3: seen(b"c", 2), 4: seen(b"d")}, s2=GROUP, s3={}), False)


def test_what_a_journal_opens_with_is_promised_again() -> None:
    promise = Promise.of(observed())
    promise.check(observed(), False)
    with pytest.raises(Broken):
        promise.check(observed(s1={}), False)
