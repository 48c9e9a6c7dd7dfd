"""What the overview says of exchange types."""

from __future__ import annotations

from broker.management.resources.overview import EXCHANGE_TYPES as SHOWN
from broker.routing.exchange import EXCHANGE_TYPES


def test_every_type_is_told_to_whoever_asks_for_an_overview() -> None:
    assert {row["name"] for row in SHOWN} == set(EXCHANGE_TYPES)
