"""GET /api/leveret/arguments: the table of arguments and policy keys, for forms that offer them.

Must not: say anything about an argument that its row does not.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.call import Call
from broker.management.endpoint import ANYTHING, ARRAY, FLAG, INTEGER, LISTING, TEXT, Endpoint, Json, rows, shape
from broker.management.lists import from_values, listing
from broker.model.arguments import ARGUMENTS, LONG_MAX, Argument

KNOWN: Final = shape(
    "KnownArgument", "name on kind summary unit choices policy_key operator types redeclare acts", name=TEXT, on=TEXT,
    kind=TEXT, summary=TEXT, unit=TEXT, minimum=INTEGER, maximum=ANYTHING, choices=ARRAY, policy_key=TEXT,
    operator=FLAG, types=ARRAY, redeclare=FLAG, acts=FLAG,
)  # fmt: skip


async def known_arguments(call: Call) -> ASGIApp:
    """Every row; `operator` says whether operator policies may set it, `redeclare` whether another value is refused."""
    return await listing(call, await from_values(ARGUMENTS, _shaped))


def _shaped(row: Argument) -> Json:
    bounds = {"minimum": row.minimum, "maximum": None if row.maximum == LONG_MAX else row.maximum}
    return {
        "name": row.name, "on": row.on, "kind": row.kind, "summary": row.summary, "unit": row.unit,
        "choices": row.choices, "policy_key": row.policy_key, "operator": bool(row.merge), "types": row.types,
        "redeclare": row.equivalent, "acts": row.acts, **(bounds if row.kind == "integer" else {}),
    }  # fmt: skip


ENDPOINTS: Final = rows(
    Endpoint("GET", "/leveret/arguments", "http.enter", known_arguments, "The arguments and policy keys there are",
             LISTING, answer=KNOWN.listing()),
)  # fmt: skip
