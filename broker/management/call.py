"""One request as a handler sees it: who asks, what is in the path, the query and the body. Must not: answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request

from broker.auth.authorization import Subject
from broker.management.answers import BAD_REQUEST, Refused
from broker.management.api import Api
from broker.requests import Actor

BODY_BYTES_MAX: Final = 256 * 1024  # what is read in one go keeps the broker from all else
JSON_DEPTH_MAX: Final = 64
QUERY_CHARACTERS_MAX: Final = 8192
DIGITS_MAX: Final = 15
FLAGS: Final = {"true": True, "false": False}
TOO_LARGE: Final = 413
_TEXTS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


def bad_request(reason: object) -> Refused:
    """What is wrong with a request, as RabbitMQ says it."""
    return Refused(BAD_REQUEST, "bad_request", reason)


def not_found() -> Refused:
    """Something that the path names is not there, as RabbitMQ says it."""
    return Refused(404, "Object Not Found", "Not Found")


class Call:
    """One request."""

    def __init__(self, request: Request, api: Api, subject: Subject) -> None:
        self.request = request
        self.api = api
        self.subject = subject

    # ---- path

    def part(self, name: str) -> str:
        """A part of the path, percent-decoded."""
        return unquote(self.request.path_params[name], errors="surrogateescape")

    @property
    def vhost(self) -> str:
        """The vhost in the path."""
        return self.part("vhost")

    def actor(self, vhost: str | None = None) -> Actor:
        """Who asks, in the vhost of the path or in another one. Raises: UnknownVhostError."""
        return Actor(self.subject, self.api.administration.vhost(self.vhost if vhost is None else vhost))

    # ---- authorization

    def require(self, action: str, vhost: str = "", owner: str = "") -> None:
        """Raises: NotAllowedError unless whoever asks may do this."""
        self.api.authorization.require(self.subject, action, vhost, owner=owner)

    def allows(self, action: str, vhost: str = "", owner: str = "") -> bool:
        """Whether whoever asks may do this."""
        return self.api.authorization.allows(self.subject, action, vhost, owner=owner)

    @property
    def sees_all_vhosts(self) -> bool:
        """Whether no vhost is hidden from whoever asks."""
        return self.allows("vhost.all")

    def sees_vhost(self, vhost: str) -> bool:
        """Whether whoever asks sees what is in a vhost."""
        return self.api.authorization.sees_vhost(self.subject, vhost)

    # ---- query

    def flag(self, name: str, default: bool = False) -> bool:
        """A flag of the query. Raises: Refused 400."""
        value = self.request.query_params.get(name)
        if value is None:
            return default
        if value.lower() not in FLAGS:
            raise bad_request(f"{name} is true or false")
        return FLAGS[value.lower()]

    def text(self, name: str) -> str:
        """A text of the query, empty where it is not there. Raises: Refused 400."""
        value = self.request.query_params.get(name, "")
        if len(value) > QUERY_CHARACTERS_MAX:
            raise bad_request(f"{name} has at most {QUERY_CHARACTERS_MAX} characters")
        return value

    def number(self, name: str) -> int | None:
        """A number of the query, None where it is not there. Raises: Refused 400."""
        value = self.request.query_params.get(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= DIGITS_MAX):
            raise bad_request(f"{name} is not a number")
        return int(value)

    # ---- body

    async def raw_body(self, bytes_max: int = BODY_BYTES_MAX) -> bytes:
        """The body as it came. Raises: Refused 413."""
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > bytes_max:
                raise Refused(TOO_LARGE, "payload_too_large", f"the body has more than {bytes_max} bytes")
        return bytes(body)

    async def body(self, *required: str, bytes_max: int = BODY_BYTES_MAX) -> dict[str, Any]:
        """The body, a JSON object that has all of `required`; nothing is an empty object. Raises: Refused 400, 413."""
        value = parse(await self.raw_body(bytes_max))
        if not isinstance(value, dict):
            raise bad_request("not_json")
        missing = [key for key in reversed(required) if key not in value]
        if missing:
            raise bad_request("[" + ",".join(f"{{key_missing,{key}}}" for key in missing) + "]")
        return value


def parse(body: bytes) -> Any:
    """A body as JSON; nothing is an empty object. Raises: Refused 400."""
    if not body:
        return {}
    try:
        _check_depth(body)
        return json.loads(body)
    except (ValueError, RecursionError):
        raise bad_request("not_json") from None


def _check_depth(body: bytes) -> None:
    """Raises: ValueError for what is nested too deeply."""
    if body.count(b"[") + body.count(b"{") <= JSON_DEPTH_MAX:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_TEXTS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > JSON_DEPTH_MAX:
            raise ValueError("nested too deeply")


def text_in(body: Mapping[str, Any], key: str, default: str = "") -> str:
    """A text in a body. Raises: Refused 400."""
    value = body.get(key, default)
    if not isinstance(value, str):
        raise bad_request(f"{key} is not a text")
    return value


def flag_in(body: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """A flag in a body; RabbitMQ takes texts too. Raises: Refused 400."""
    value = body.get(key, default)
    if isinstance(value, str) and value in FLAGS:
        return FLAGS[value]
    if not isinstance(value, bool):
        raise bad_request(["not_boolean", value])
    return value


def integer_in(body: Mapping[str, Any], key: str, default: int = 0) -> int:
    """A whole number in a body; RabbitMQ takes texts too. Raises: Refused 400."""
    value = body.get(key, default)
    if isinstance(value, str) and value.lstrip("-").isdigit() and value.isascii() and len(value) <= DIGITS_MAX:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(["not_integer", value])
    return value


def object_in(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object in a body, empty where it is not there. Raises: Refused 400."""
    value = body.get(key)
    if value is None or value == []:  # as PHP writes an empty object
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{key} is not an object")
    return value
