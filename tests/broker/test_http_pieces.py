"""Answers are made in pieces of bounded size, everybody else has a turn in between, and each step is measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from broker.auth.authorization import Subject
from broker.clock import ManualClock
from broker.config import Config
from broker.http_pieces import Pieces, in_steps
from broker.http_server import Asgi, Watched
from broker.introspection.pages import PAGE_SIZE_MAX, SLICE, Steps, at_once
from broker.introspection.window import Introspection
from broker.loop_watch import NS_PER_MS, LoopWatch
from broker.management.answers import listing
from broker.metrics.prometheus import FAMILIES_IN_ONE_GO, LINES_IN_ONE_GO, QueueLine, text
from broker.metrics.table import QUEUE_METRICS, Sources
from broker.model.arguments import NO_ARGUMENTS
from broker.node import Node
from broker.requests import Actor, QueueRequest
from tests.support.accounts import GUEST

QUEUES = 2 * PAGE_SIZE_MAX + 7
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def window() -> Introspection:
    """A node with many queues."""
    soon: list[Callable[[], None]] = []
    node = Node(Config(), ManualClock(1_700_000_000_000), soon.append)
    node.create_defaults(GUEST)
    for number in range(QUEUES):
        request = QueueRequest(f"q{number}", False, False, False, NO_ARGUMENTS)
        node.operations.declare_queue(Actor(Subject("guest"), node.vhosts["/"]), request)
    return Introspection(node)


class Answer:
    """What an ASGI application sends, with the turns that others had in between."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.turns: list[int] = []  # how many others had before each piece
        self._turns = 0

    async def send(self, message: dict[str, Any]) -> None:
        if message.get("body"):
            self.pieces.append(message["body"])
            self.turns.append(self._turns)

    async def _others(self) -> None:
        while True:
            self._turns += 1
            await asyncio.sleep(0)

    async def _run(self, app: Asgi) -> None:
        others = asyncio.create_task(self._others())
        await app({}, cast("Any", None), self.send)
        others.cancel()

    @classmethod
    def of(cls, app: object) -> Answer:
        answer = cls()
        asyncio.run(answer._run(cast("Asgi", app)))
        return answer

    def assert_shared(self) -> None:
        """Somebody else had a turn between every two pieces."""
        assert len(set(self.turns)) == len(self.turns) > 1


def request(query: bytes) -> Request:
    return Request({"type": "http", "query_string": query, "headers": []})


@pytest.mark.parametrize("query", [b"", b"page=2&page_size=500"])
def test_a_listing_goes_out_in_slices(window: Introspection, query: bytes) -> None:
    answer = Answer.of(listing(request(query), window.queues))
    answer.assert_shared()
    assert max(piece.count(b'"messages_ready"') for piece in answer.pieces) == SLICE
    whole = json.loads(b"".join(answer.pieces))
    names = [queue["name"] for queue in (whole["items"] if query else whole)]
    numbers = range(PAGE_SIZE_MAX, 2 * PAGE_SIZE_MAX) if query else range(QUEUES)
    assert names == [f"q{number}" for number in numbers]
    if query:
        assert {name: value for name, value in whole.items() if name != "items"} == {
            "total_count": QUEUES, "filtered_count": QUEUES, "item_count": PAGE_SIZE_MAX, "page": 2,
            "page_size": PAGE_SIZE_MAX, "page_count": 3,
        }  # fmt: skip


@pytest.mark.parametrize("query", [b"", b"page=1"])
def test_an_empty_list_is_one(window: Introspection, query: bytes) -> None:
    answer = Answer.of(listing(request(query), window.consumers))
    whole = json.loads(b"".join(answer.pieces))
    assert (whole["items"] if query else whole) == []


@pytest.mark.parametrize("accept", ["text/plain", OPEN_METRICS])
def test_the_lines_of_many_queues_are_made_in_slices(window: Introspection, accept: str) -> None:
    queues = [QueueLine.of(queue) for infos in window.queue_slices() for queue in infos]
    sources = Sources(at_once(window.overview()), window.node())
    pieces = list(text(sources, queues, choose_encoder(accept)[0]))
    assert max(piece.count(b"{queue=") + piece.count(b"{vhost=") for piece in pieces) == LINES_IN_ONE_GO
    assert max(piece.count(b"# TYPE ") for piece in pieces) == FAMILIES_IN_ONE_GO
    whole = b"".join(pieces).decode()
    assert (whole.count("# EOF\n"), whole.endswith("# EOF\n")) == ((1, True) if accept == OPEN_METRICS else (0, False))
    families = list(text_string_to_metric_families(whole))
    assert len({family.name for family in families}) == len(families)
    for gauge in QUEUE_METRICS:
        (family,) = [family for family in families if family.name == gauge.name]
        assert [sample.labels["queue"] for sample in family.samples] == [f"q{number}" for number in range(QUEUES)]


def test_queues_without_a_queue_are_heads_without_lines(window: Introspection) -> None:
    sources = Sources(at_once(window.overview()), window.node())
    whole = b"".join(text(sources, [], choose_encoder("")[0])).decode()
    assert all(whole.count(f"# TYPE {gauge.name} gauge\n") == 1 for gauge in QUEUE_METRICS)


def test_others_have_a_turn_after_each_step() -> None:
    done: list[str] = []

    def work() -> Steps[int]:
        for number in range(3):
            done.append(f"step {number}")
            yield
        return 7

    async def other() -> None:
        for _ in range(3):
            done.append("other")
            await asyncio.sleep(0)

    async def both() -> int:
        return (await asyncio.gather(in_steps(work()), other()))[0]

    assert asyncio.run(both()) == 7
    assert done == ["step 0", "other", "step 1", "other", "step 2", "other"]
    assert at_once(work()) == 7


def test_each_step_of_an_application_is_measured() -> None:
    clock, watch = ManualClock(1), LoopWatch()
    answer = Answer()

    def pieces() -> Iterator[bytes]:
        for took_ms in (2, 9, 3):
            clock.advance(took_ms)
            yield b"x"

    async def run() -> None:
        await Watched(Pieces(pieces(), "text/plain"), watch, clock.now_ns)({}, None, answer.send)

    asyncio.run(run())
    status = watch.status(clock.now_ns())
    assert (status.longest_ns, status.stall_ns.count) == (9 * NS_PER_MS, 3)
    assert answer.pieces == [b"x"] * 3


def test_a_measured_application_can_fail_and_be_cancelled() -> None:
    async def fail(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(0)
        raise ArithmeticError

    async def wait(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.get_running_loop().create_future()

    async def cancel() -> None:
        async def app() -> None:
            await Watched(wait, LoopWatch(), lambda: 0)({}, None, None)

        task = asyncio.create_task(app())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(ArithmeticError):
        asyncio.run(Watched(fail, LoopWatch(), lambda: 0)({}, None, None))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
