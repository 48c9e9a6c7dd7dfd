"""Confirms: every publish number once, `multiple` only where nothing earlier is open."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp.frame import unmarshal

from broker.connections.confirms import Confirms
from protocol.outgoing import Outgoing


def flushed(confirms: Confirms) -> list[tuple[str, int, bool]]:
    """What a flush sends."""
    out = Outgoing()
    confirms.flush(out)
    data, frames = out.take(), []
    while data:
        used, _, frame = unmarshal(data)
        frames.append(frame)
        data = data[used:]
    return [(frame.name[6:], frame.delivery_tag, frame.multiple) for frame in frames]


def test_a_run_is_one_frame() -> None:
    confirms = Confirms(1, lambda: None)
    receipts = [confirms.issue(count) for count in (3, 1, 2)]
    for receipt in receipts:
        receipt.taken()
    assert flushed(confirms) == [("Ack", 6, True)]
    assert (confirms.acked, confirms.open_count) == (6, 0)
    confirms.issue(1).taken()
    assert flushed(confirms) == [("Ack", 7, False)]


def test_a_nack_ends_the_run() -> None:
    confirms = Confirms(1, lambda: None)
    first, second, third = confirms.issue(2), confirms.issue(1), confirms.issue(1)
    first.taken()
    second.refused()
    third.taken()
    assert flushed(confirms) == [("Ack", 2, True), ("Nack", 3, False), ("Ack", 4, False)]
    assert (confirms.acked, confirms.nacked) == (3, 1)


def test_what_is_late_is_confirmed_alone_and_once() -> None:
    confirms = Confirms(1, lambda: None)
    first, second = confirms.issue(1), confirms.issue(2)
    second.taken()
    assert flushed(confirms) == [("Ack", 2, False), ("Ack", 3, False)]
    assert flushed(confirms) == []
    first.refused()
    assert flushed(confirms) == [("Nack", 1, False)]
    assert (confirms.acked, confirms.nacked, confirms.open_count) == (2, 1, 0)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=10), order=st.randoms(use_true_random=False),
    refused=st.sets(st.integers(0, 9)), flush_every=st.integers(1, 3),
)  # fmt: skip
def test_every_number_is_confirmed_once(counts: list[int], order: object, refused: set[int], flush_every: int) -> None:
    calls: list[int] = []
    confirms = Confirms(1, lambda: calls.append(1))
    receipts = [confirms.issue(count) for count in counts]
    verdicts = {
        number: "Nack" if index in refused else "Ack"
        for index, receipt in enumerate(receipts)
        for number in range(receipt.first, receipt.last + 1)
    }
    open_ = set(verdicts)
    todo = list(enumerate(receipts))
    order.shuffle(todo)  # type: ignore[attr-defined]
    for turn, (index, receipt) in enumerate(todo):
        (receipt.refused if index in refused else receipt.taken)()
        if turn % flush_every and turn + 1 < len(todo):
            continue
        for name, number, multiple in flushed(confirms):
            covered = {each for each in open_ if each == number or (multiple and each < number)}
            assert number in covered, "confirmed twice"
            assert {verdicts[each] for each in covered} == {name}
            open_ -= covered
    assert not open_
    assert len(calls) == len(receipts)
    assert confirms.open_count == 0
    assert confirms.acked + confirms.nacked == sum(counts)
