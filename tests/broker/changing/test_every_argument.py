"""Each argument of the table by itself: a change of a live queue has it in effect and stored, and takes it back."""

from __future__ import annotations

from typing import Any

import pytest

from broker.model.arguments import ARGUMENTS, QUEUE, Argument
from protocol.errors import ChannelException
from tests.broker.changing.bench import Bench

ROWS = [row for row in ARGUMENTS if row.on == QUEUE and row.name != "x-queue-type"]
WITH = {
    "x-dead-letter-routing-key": {"x-dead-letter-exchange": "amq.direct"},
    "x-dead-letter-strategy": {"x-dead-letter-exchange": "amq.direct", "x-overflow": "reject-publish"},
    "x-retry-backoff-max": {"x-retry-backoff-base": 1000}, "x-retry-attempts-max": {"x-retry-backoff-base": 1000},
}  # fmt: skip


def value_of(row: Argument) -> Any:
    if row.kind == "boolean":
        return True
    if row.name == "x-max-age":
        return "1h"
    if row.choices:
        return row.choices[-1]
    return min(row.minimum + 2, row.maximum) if row.kind == "integer" else "a"


def declared(row: Argument) -> tuple[Bench, dict[str, object]]:
    kind = next(kind for kind in ("classic", "quorum", "stream") if kind in row.types)
    base: dict[str, object] = {"x-queue-type": kind, **WITH.get(row.name, {})}
    return Bench(**{name.removeprefix("x-").replace("-", "_"): value for name, value in base.items()}), base


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_change_has_it_in_effect_and_stored_and_takes_it_back(row: Argument) -> None:
    bench, base = declared(row)
    before, value = bench.queue.settings, value_of(row)
    bench.change({row.name: value})
    assert (bench.queue.settings == before) == (not row.acts)
    bench.settle()
    changed = bench.queue.settings
    bench.kill()
    assert bench.queue.settings == changed
    assert dict(bench.queue.definition.arguments.values) == {**base, row.name: value}
    bench.change({row.name: None})
    bench.settle()
    assert bench.queue.settings == before
    bench.kill()
    assert bench.queue.settings == before
    assert dict(bench.queue.definition.arguments.values) == base


def test_a_stream_stays_one() -> None:
    bench = Bench(queue_type="stream")
    for kind in (None, "classic", "quorum"):
        with pytest.raises(ChannelException, match=r"cannot become a .* queue: a stream keeps its messages"):
            bench.change({"x-queue-type": kind})
