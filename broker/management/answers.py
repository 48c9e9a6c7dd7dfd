"""How answers are written: JSON, refusals, and what waits for the disk. Must not: know any resource."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from starlette.background import BackgroundTask
from starlette.responses import Response

from broker.administration import Administration
from broker.auth.users import PasswordHash

JSON: Final = "application/json"
BAD_REQUEST: Final = 400
UNAVAILABLE: Final = 503
Value = TypeVar("Value")


class Refused(Exception):
    """A request that is not carried out: status, error and reason of the answer, and further fields."""

    def __init__(self, status: int, error: str, reason: object, more: Mapping[str, object] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason
        self.more = dict(more or {})


def answer(value: object, status: int = 200, after: Callable[[], Awaitable[None]] | None = None) -> Response:
    """A JSON answer; `after` is called once it has been sent."""
    return Response(json_bytes(value), status, media_type=JSON, background=BackgroundTask(after) if after else None)


def json_bytes(value: object) -> bytes:
    """A value as JSON, infos and bytes in it too."""
    return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def refusal(refused: Refused) -> Response:
    """The answer to a request that is not carried out."""
    return answer({"error": refused.error, "reason": refused.reason, **refused.more}, refused.status)


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


def no_content() -> Response:
    """The answer to what was done, and says no more."""
    return Response(status_code=204)


_names: Final[dict[type, tuple[str, ...]]] = {}  # of the fields of each kind of info


def _field_names(kind: type) -> tuple[str, ...]:
    if kind not in _names:
        _names[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return _names[kind]


def as_dict(info: Any) -> dict[str, Any]:
    """The fields of an info, each as it is."""
    return {name: getattr(info, name) for name in _field_names(type(info))}


def _plain(value: object) -> object:
    """What JSON makes of an info, and of argument values that it has no words for."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: held for name, held in as_dict(value).items() if held is not None}
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return int(value.timestamp())
    return dict(value) if isinstance(value, Mapping) else str(value)
