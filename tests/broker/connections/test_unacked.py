"""The runs of unsettled deliveries behave as a plain list of tags does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.connections.unacked import Delivery, Unacked
from broker.model.interfaces import ConsumerPort, QueueHandle
from broker.model.message import Batch, Span
from protocol.commands import Address
from protocol.properties import NO_PROPERTIES

TAGS_MAX = 40
QUEUE = QueueHandle("q", False)  # nothing is asked of either
CONSUMER = ConsumerPort("t", False, False, 0)
ADDRESS = Address("", "q", False, False, b"")


def delivery(first: int, count: int) -> Delivery:
    """A run whose bodies say their tags."""
    bodies = [b"%d" % tag for tag in range(first, first + count)]
    span = Span(Batch(ADDRESS, NO_PROPERTIES, bodies, -1), 0, count, first, 0, 0)
    return Delivery(first, first + count - 1, span, QUEUE, CONSUMER)


def tags_of(runs: list[Delivery]) -> list[int]:
    """The tags of runs, after checking that tags, bodies and positions go together."""
    for run in runs:
        tags = list(range(run.first, run.last + 1))
        assert run.span.bodies() == [b"%d" % tag for tag in tags]
        assert run.span.position == run.first
    return [tag for run in runs for tag in range(run.first, run.last + 1)]


steps = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 6), st.just(0)),
    st.tuples(st.just("take"), st.integers(0, TAGS_MAX), st.integers(0, 5)),
    st.tuples(st.just("up_to"), st.integers(1, TAGS_MAX), st.just(0)),
    st.tuples(st.just("back"), st.just(0), st.just(0)),
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.lists(steps, max_size=30))
def test_against_a_list_of_tags(script: list[tuple[str, int, int]]) -> None:
    unacked, naive, last = Unacked(), list[int](), 0
    kept: list[Delivery] = []  # taken and to come back, as a transaction's rollback does
    for what, number, more in script:
        if what == "add":
            unacked.add(delivery(last + 1, number))
            naive += range(last + 1, last + number + 1)
            last += number
        elif what == "take":
            wanted = list(range(number, number + more + 1))
            taken = unacked.take(number, number + more)
            if all(tag in naive for tag in wanted):
                assert taken is not None
                assert tags_of(taken) == wanted
                naive = [tag for tag in naive if tag not in wanted]
                kept += taken
            else:
                assert taken is None
        elif what == "up_to":
            assert tags_of(unacked.take_up_to(number)) == [tag for tag in naive if tag <= number]
            naive = [tag for tag in naive if tag > number]
        else:
            for run in kept:
                unacked.add(run)
                naive = sorted([*naive, *range(run.first, run.last + 1)])
            kept = []
        assert tags_of(list(unacked)) == naive
        assert unacked.count == len(naive)
        assert [tag for tag in range(last + 2) if unacked.has(tag)] == naive
    assert tags_of(unacked.take_all()) == naive
    assert unacked.count == 0
