"""The index of what is due when, against a sorted list, and the ticket in front of a held head."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.holding.due_index import BLOCK_MAX, DueIndex
from broker.holding.ticket import ETA, PREFIX_BYTES_MAX, RETRY, Ticket, decode_ticket, encode_ticket


def test_it_is_a_sorted_list_of_many_blocks() -> None:
    rng = random.Random(7)
    index, plain = DueIndex(), set[tuple[int, int]]()
    for _ in range(20_000):
        entry = rng.randrange(200), rng.randrange(1 << 40)
        if plain and rng.random() < 0.4:
            entry = min(plain) if rng.random() < 0.05 else next(iter(plain))
            assert index.remove(*entry)
            plain.remove(entry)
        elif entry not in plain:
            index.add(*entry)
            plain.add(entry)
    ordered = sorted(plain)
    assert len(ordered) > 2 * BLOCK_MAX
    assert (len(index), index.first(), index.page(0, len(index))) == (len(ordered), ordered[0], ordered)
    assert index.page(1500, 7) == ordered[1500:1507]
    assert index.page(len(ordered), 5) == []
    assert list(index.beyond(ordered[2000])) == ordered[2001:]
    assert list(index.beyond((0, 0))) == ordered
    assert all(index.has(*entry) for entry in ordered[::97])
    assert not index.has(5, 1 << 41)
    assert not index.remove(5, 1 << 41)
    for entry in ordered:
        assert index.first() == entry
        index.remove(*entry)
    assert (len(index), index.first(), index.page(0, 5), list(index.beyond((0, 0)))) == (0, None, [], [])


NAMES = st.text(max_size=80).filter(lambda name: len(name.encode()) <= 255)


@given(queue=NAMES, copies=st.lists(NAMES, max_size=5), owner=st.integers(-(2**63), 2**63 - 1),
       deliveries=st.integers(0, 2**32 - 1))  # fmt: skip
def test_a_ticket_comes_back_as_it_was(queue: str, copies: list[str], owner: int, deliveries: int) -> None:
    head = encode_ticket(Ticket(ETA, queue, owner, deliveries, 5, copies)) + b"rest"
    ticket, at = decode_ticket(head)
    assert head[at:] == b"rest"
    assert (ticket.reason, ticket.queue, ticket.owner, ticket.deliveries, ticket.expires_ms, list(ticket.copies)) == (
        ETA, queue, owner, deliveries, 5, copies
    )  # fmt: skip
    cut, _ = decode_ticket(head[:PREFIX_BYTES_MAX])
    assert (cut.reason, cut.queue, cut.owner) == (ETA, queue, owner), "as much as a start reads of it"


@pytest.mark.parametrize("head", [b"", b"\x00" * 22, b"\x00" * 40, encode_ticket(Ticket(RETRY))[:-1]])
def test_what_is_no_ticket_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="held head"):
        decode_ticket(head)
