"""Moving and copying against two plain lists, with messages on disk, consumers and restarts in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp.commands import Basic

from broker.moving.filters import Filter
from broker.moving.service import Chosen
from tests.broker.moving.support import Moved, numbered


class Naive:
    """Lists of bodies, each with whether it is on the disk."""

    def __init__(self) -> None:
        self.of: dict[str, list[tuple[bytes, bool]]] = {"a": [], "b": []}

    def bodies(self, name: str) -> list[bytes]:
        return [body for body, _ in self.of[name]]

    def move(self, source: str, to: str, count: int, text: bytes, is_copied: bool) -> None:
        matching = [at for at, (body, _) in enumerate(self.of[source]) if text in body]
        chosen = set(matching[:count] if count else matching)
        self.of[to] += [self.of[source][at] for at in sorted(chosen)]
        if not is_copied:
            self.of[source] = [one for at, one in enumerate(self.of[source]) if at not in chosen]


QUEUES = st.sampled_from("ab")
TEXTS = st.sampled_from([b"", b"1", b"23"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), QUEUES, st.integers(1, 40), st.sampled_from([1, 2])),
        st.tuples(st.just("move"), QUEUES, st.integers(0, 30), TEXTS, st.booleans()),
        st.tuples(st.just("get"), QUEUES),
        st.tuples(st.just("requeue"), QUEUES),
        st.tuples(st.just("restart")),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_it_does_what_a_naive_one_does(steps: list[tuple[object, ...]]) -> None:
    moved, naive, last = Moved(), Naive(), 0
    for name in ("a", "b"):
        moved.declare(name)
    for step in steps:
        match step:
            case ("publish", str(name), int(count), int(mode)):
                moved.publish(name, *numbered(count, last), mode=mode)
                naive.of[name] += [(body, mode == 2) for body in numbered(count, last)]
                last += count
            case ("move", str(name), int(count), bytes(text), bool(is_copied)):
                to = "b" if name == "a" else "a"
                moved.moved(name, to, Chosen(count, 0, Filter(body=text)), is_copied)
                naive.move(name, to, count, text, is_copied)
            case ("get", str(name)):
                moved.get(name, no_ack=True)
                naive.of[name] = naive.of[name][1:]
            case ("requeue", str(name)):
                moved.get(name)
                moved.client.call(1, Basic.Recover(requeue=True))
            case ("restart",):
                moved.broker.advance(1000)
                moved = moved.after_kill()
                naive.of = {name: [one for one in kept if one[1]] for name, kept in naive.of.items()}
        for name in ("a", "b"):
            assert moved.bodies(name) == naive.bodies(name)
            assert moved.queue(name).ready.count == len(naive.of[name])
            assert moved.queue(name).ready.body_bytes == sum(map(len, naive.bodies(name)))
