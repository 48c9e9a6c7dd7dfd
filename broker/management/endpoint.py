"""One row of the HTTP API: routes, the authorization check, the OpenAPI document and the docs are made of these.

Must not: know any resource, or how a request is carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from broker.management.call import Call

TEXT: Final = "string"
NUMBER: Final = "number"
INTEGER: Final = "integer"
FLAG: Final = "boolean"
OBJECT: Final = "object"
ARRAY: Final = "array"
ANYTHING: Final = ""
PUBLIC: Final = ""  # as an action: nobody has to log in

OK: Final = 200
CREATED: Final = 201
ACCEPTED: Final = 202
NO_CONTENT: Final = 204
BAD_REQUEST: Final = 400
UNAUTHORISED: Final = 401
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter behind the question mark."""

    name: str
    kind: str
    summary: str
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A JSON object: its fields with their kinds, and which of them are always there. Further fields may be there."""

    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    is_list: bool = False  # an array of such objects
    is_listing: bool = False  # an array of such objects, or one page of them

    def listed(self) -> Shape:
        """An array of these."""
        return Shape(self.name, self.fields, self.required, is_list=True)

    def listing(self) -> Shape:
        """An array of these, or one page where a page is asked for."""
        return Shape(self.name, self.fields, self.required, is_listing=True)


Handler = Callable[["Call"], "Awaitable[ASGIApp]"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path.

    action: a row of broker/auth/actions.py, asked with the vhost in the path; a handler that knows more asks again.
    answer: what comes with `status`; None where that has no body. others: what else it may answer, beside what every
    endpoint may (400, 401, 404, 405).
    """

    method: str
    path: str
    action: str
    handler: Handler
    summary: str
    query: tuple[Query, ...] = ()
    body: Shape | None = None
    answer: Shape | None = None
    status: int = OK
    others: tuple[int, ...] = ()
    media_type: str = "application/json"

    @property
    def parts(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


PAGING: Final = (
    Query("page", INTEGER, "Which page, from 1; without it the answer is an array of everything", 1),
    Query("page_size", INTEGER, "Items on a page", 1, 500),
    Query("name", TEXT, "Only what has this in its name; where a page is asked for"),
    Query("use_regex", FLAG, "`name` is a regular expression (RE2)"),
    Query("pagination", FLAG, "Taken as RabbitMQ's page sends it; `page` decides"),
)
SHOWING: Final = (
    Query("sort", TEXT, "Field to sort by; fields within fields with dots"),
    Query("sort_reverse", FLAG, "The largest first"),
    Query("columns", TEXT, "Only these fields, with commas between them; fields within fields with dots"),
)
STATS: Final = (
    Query("disable_stats", FLAG, "Only what a thing is, without what happened to it"),
    Query("enable_queue_totals", FLAG, "With `disable_stats`: the numbers of messages all the same"),
)
LISTING: Final = (*PAGING, *SHOWING)
_GROUPS: Final = ("lengths", "msg_rates", "data_rates", "node_stats")
RANGES: Final = tuple(
    query
    for group in _GROUPS
    for query in (
        Query(f"{group}_age", INTEGER, f"How far the samples of {group} go back, in seconds", 1),
        Query(f"{group}_incr", INTEGER, f"Seconds between two samples of {group}", 1),
    )
)


def shape(name: str, required: str = "", /, **fields: str) -> Shape:
    """A shape whose required fields are named with spaces between them; fields with a dash are written with `__`."""
    return Shape(name, {key.replace("__", "-"): kind for key, kind in fields.items()}, tuple(required.split()))


def rows(*endpoints: Endpoint) -> tuple[Endpoint, ...]:
    """Endpoints as a part of the table. Raises: AssertionError where two have one method and path."""
    assert len({(one.method, one.path) for one in endpoints}) == len(endpoints), "two endpoints in one place"
    return endpoints


STATUS: Final = shape("Status", "status", status=TEXT, reason=ANYTHING)
ANY_OBJECT: Final = Shape("Object")
Json = dict[str, Any]
