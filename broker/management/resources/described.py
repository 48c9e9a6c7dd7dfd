"""GET /api/openapi.json: the API, for programs. Must not: say what the table does not."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.answers import answer
from broker.management.call import Call
from broker.management.endpoint import ANY_OBJECT, Endpoint, rows


async def openapi(call: Call) -> ASGIApp:
    """The OpenAPI document."""
    from broker.management.openapi import document  # noqa: PLC0415 - the table is made of this module too
    from broker.management.table import ENDPOINTS as table  # noqa: PLC0415

    return answer(document(table, call.api.config.product_version))


ENDPOINTS: Final = rows(
    Endpoint("GET", "/openapi.json", "http.enter", openapi, "The API as an OpenAPI document", answer=ANY_OBJECT),
)
