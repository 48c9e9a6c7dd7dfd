"""How requests are read and infos are written as JSON. Must not: know any resource."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from broker.administration import Administration
from broker.auth.users import PasswordHash
from broker.http_pieces import Pieces
from broker.introspection.infos import MessageStats
from broker.introspection.pages import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, Page
from broker.introspection.rates import MESSAGE_STATS, details

BODY_BYTES_MAX: Final = 64 * 1024
UNPAGED_MAX: Final = 10_000  # items of a list that was asked for without a page
JSON: Final = "application/json"
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNAVAILABLE: Final = 503
Value = TypeVar("Value")


class Refused(Exception):
    """A request that is not carried out: status, error and reason of the answer."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason


def answer(value: object, status: int = 200, after: Callable[[], Awaitable[None]] | None = None) -> Response:
    """A JSON answer; `after` is called once it has been sent."""
    return Response(_json(value), status, media_type=JSON, background=BackgroundTask(after) if after else None)


def _json(value: object) -> bytes:
    return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def refusal(refused: Refused) -> Response:
    """The answer to a request that is not carried out."""
    return answer({"error": refused.error, "reason": refused.reason}, refused.status)


async def stored(administration: Administration) -> None:
    """Returns once every change made so far is on the disk. Raises: Refused 503 where it cannot be stored now."""
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    administration.when_stored(lambda: _settle(outcome, ""), lambda trouble: _settle(outcome, trouble))
    trouble = await outcome
    if trouble:
        raise Refused(UNAVAILABLE, "service_unavailable", trouble)


async def hashed(administration: Administration, password: str) -> PasswordHash:
    """The hash to store for a password, made away from the loop. Raises: ValueError for one that cannot be."""
    outcome: asyncio.Future[PasswordHash | BaseException] = asyncio.get_running_loop().create_future()
    administration.hash_password(password, lambda made: _settle(outcome, made))
    made = await outcome
    if isinstance(made, BaseException):
        raise made
    return made


def _settle(outcome: asyncio.Future[Value], value: Value) -> None:
    if not outcome.done():  # whoever asked may have gone
        outcome.set_result(value)


def created(is_new: bool) -> Response:
    """The answer to a PUT: 201 where it made something, 204 where it was there."""
    return Response(status_code=201 if is_new else 204)


def deleted() -> Response:
    """The answer to a DELETE."""
    return Response(status_code=204)


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: object) -> object:
    """What JSON makes of an info, and of argument values that it has no words for."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {name: getattr(value, name) for name in _field_names(type(value))}
        if isinstance(value, MessageStats):
            plain["deliver_get"] = value.deliver_get
        _put_rates(plain, plain.pop("rates", {}))
        return {name: held for name, held in plain.items() if held is not None}
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return int(value.timestamp())
    return dict(value) if isinstance(value, Mapping) else str(value)


def _put_rates(plain: dict[str, Any], rates: Mapping[str, float]) -> None:
    """Adds `x_details` for each rate: those of messages to `message_stats`, others beside the field."""
    for name, held in details(rates).items():
        if name.removesuffix("_details") not in MESSAGE_STATS:
            plain[name] = held
    if rates and "message_stats" in plain:
        stats = _plain(plain["message_stats"])
        assert isinstance(stats, dict)
        plain["message_stats"] = stats | details({name: rates[name] for name in MESSAGE_STATS & rates.keys()})


def part(request: Request, name: str) -> str:
    """A part of the path, percent-decoded."""
    return unquote(request.path_params[name], errors="surrogateescape")


async def body_of(request: Request) -> dict[str, Any]:
    """The body, a JSON object; an empty body is an empty object. Raises: Refused 400."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise Refused(BAD_REQUEST, "bad_request", f"the body has more than {BODY_BYTES_MAX} bytes")
    try:
        value = json.loads(bytes(body)) if body else {}
    except (ValueError, RecursionError):
        raise Refused(BAD_REQUEST, "not_json", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refused(BAD_REQUEST, "bad_request", "the body is not a JSON object")
    return value


def text_of(body: Mapping[str, Any], key: str) -> str:
    """A text that the body must have. Raises: Refused 400."""
    value = body.get(key)
    if not isinstance(value, str):
        raise Refused(BAD_REQUEST, "bad_request", f"{key} is missing, or not a text")
    return value


def listing(request: Request, read: Callable[[int, int], Page[Any]]) -> Pieces:
    """A page where one is asked for (page, page_size), else the whole list, which must not be too long.

    Raises: Refused 400; ValueError for a page that cannot be.
    """
    query = request.query_params
    if "page" in query:
        page = read(_number(query["page"]), _number(query.get("page_size", str(PAGE_SIZE_DEFAULT))))
        head = {
            "total_count": page.total_count, "filtered_count": page.total_count, "item_count": len(page),
            "page": page.page, "page_size": page.page_size, "page_count": page.page_count,
        }  # fmt: skip
        return Pieces(_list([page], _json(head)[:-1] + b',"items":[', b"]}"), JSON)
    first = read(1, PAGE_SIZE_MAX)
    if first.total_count > UNPAGED_MAX:
        text = f"there are {first.total_count}, too many for one answer: ask with page and page_size"
        raise Refused(BAD_REQUEST, "bad_request", text)
    others = [read(number, PAGE_SIZE_MAX) for number in range(2, first.page_count + 1)]
    return Pieces(_list([first, *others], b"[", b"]"), JSON)


def _list(pages: Sequence[Page[Any]], before: bytes, after: bytes) -> Iterator[bytes]:
    """The items of these pages as JSON, a slice at a time."""
    for page in pages:
        for items in page.slices():
            yield before + _json(items)[1:-1]
            before = b","
    yield after if before == b"," else before + after


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(BAD_REQUEST, "bad_request", f"{text!r} is not a number")
    return int(text)
