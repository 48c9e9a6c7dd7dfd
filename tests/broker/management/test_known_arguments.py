"""The table of arguments through the API: forms offer what is in it."""

from __future__ import annotations

from broker.model.arguments import ARGUMENTS
from broker.routing.exchange import EXCHANGE_TYPES
from tests.support.http import Http


def test_every_argument_is_there_with_what_it_takes(http: Http) -> None:
    rows = {(row["on"], row["name"]): row for row in http.get("/api/leveret/arguments")}
    assert set(rows) == {(row.on, row.name) for row in ARGUMENTS}
    ttl = rows["queue", "x-message-ttl"]
    assert (ttl["kind"], ttl["unit"], ttl["minimum"], ttl["policy_key"], ttl["operator"]) == (
        "integer", "ms", 0, "message-ttl", True,
    )  # fmt: skip
    assert "drop-head" in rows["queue", "x-overflow"]["choices"]
    assert "minimum" not in rows["queue", "x-overflow"]


def test_every_type_of_exchange_is_there(http: Http) -> None:
    assert {one["name"] for one in http.get("/api/overview")["exchange_types"]} == set(EXCHANGE_TYPES)
