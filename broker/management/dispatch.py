"""From a request to its handler and from whatever that raises to an answer. Must not: know any resource."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.administration import ProtectedVhostError
from broker.auth.actions import BY_NAME
from broker.auth.authorization import NotAllowedError, Subject
from broker.management.access import Door, NoCredentialsError
from broker.management.answers import BAD_REQUEST, Refused, refusal
from broker.management.api import Api
from broker.management.call import Call, not_found
from broker.management.endpoint import NOT_FOUND, PUBLIC, UNAUTHORISED, Endpoint
from protocol.constants import ACCESS_REFUSED
from protocol.constants import NOT_FOUND as AMQP_NOT_FOUND
from protocol.errors import AmqpError

log = logging.getLogger("leveret.management")
CHALLENGE: Final = 'Basic realm="RabbitMQ Management"'
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORBIDDEN: Final = 403
NOT_ALLOWED: Final = 405
PRECONDITION_FAILED: Final = 412
FAILED: Final = 500
OF_CODES: Final = {ACCESS_REFUSED: (UNAUTHORISED, "not_authorised"), AMQP_NOT_FOUND: (NOT_FOUND, "not_found")}
_SAME: Final = ("same-origin", "none")
_NOBODY: Final = Subject("")


class NothingHere:
    """Answers where no path leads."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await refusal(not_found())(scope, receive, send)


class Dispatcher:
    """The endpoints of one path, by method."""

    def __init__(self, endpoints: Mapping[str, Endpoint], api: Api, door: Door) -> None:
        self._endpoints = dict(endpoints)
        self._api = api
        self._door = door
        self._allowed = ", ".join([*(["HEAD"] if "GET" in endpoints else []), *sorted(endpoints), "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            request = Request(scope, receive)
            response = await self._answer(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        method = request.method
        if method == "OPTIONS":
            return Response(headers={"allow": self._allowed})
        endpoint = self._endpoints.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            return Response(status_code=NOT_ALLOWED, headers={"allow": self._allowed})
        try:
            self._refuse_other_sites(request)
            return await self._carried_out(endpoint, request)
        except NoCredentialsError:
            return Response(status_code=UNAUTHORISED, headers=_challenge(request))
        except Refused as refused:
            return _refused(refused, request)
        except Exception as error:
            known = translated(error)
            if known is None:
                log.exception("%s %s has failed", method, endpoint.path)
                known = Refused(FAILED, "internal_error", "the broker's log says what has happened")
            return refusal(known)

    def _refuse_other_sites(self, request: Request) -> None:
        """A browser that has a password for us must not use it for somebody else's page. Raises: Refused 403."""
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("origin")
        if origin in self._api.config.management_cors_origins:
            return
        is_foreign = request.headers.get("sec-fetch-site", "none") not in _SAME
        if is_foreign or (origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")):
            raise Refused(FORBIDDEN, "forbidden", "this comes from a page of another site")

    async def _carried_out(self, endpoint: Endpoint, request: Request) -> ASGIApp:
        if endpoint.action == PUBLIC:
            return await endpoint.handler(Call(request, self._api, _NOBODY))
        call = Call(request, self._api, await self._door.subject(request))
        vhost = call.vhost if "vhost" in endpoint.parts else ""
        row = BY_NAME[endpoint.action]
        if (row.vhost or row.sees_vhost) and call.sees_all_vhosts:
            self._api.administration.vhost(vhost)
        if not (row.own and "vhost" not in endpoint.parts):  # whose it is, only the handler finds out
            call.require(endpoint.action, vhost)
        else:
            call.require("http.enter")
        return await endpoint.handler(call)


def _challenge(request: Request) -> dict[str, str]:
    """What makes a browser ask for a password; the page asks for it by itself."""
    headers = request.headers
    is_scripted = "x-requested-with" in headers or headers.get("sec-fetch-mode", "navigate") != "navigate"
    return {} if is_scripted else {"www-authenticate": CHALLENGE}


def _refused(refused: Refused, request: Request) -> Response:
    response = refusal(refused)
    if refused.status == UNAUTHORISED and refused.error == "not_authorized":
        response.headers.update(_challenge(request))
    return response


def translated(error: Exception) -> Refused | None:
    """What the broker raises, as RabbitMQ's API says it."""
    if isinstance(error, AmqpError):
        status, name = OF_CODES.get(error.code, (BAD_REQUEST, "bad_request"))
        return Refused(status, name, error.text)
    if isinstance(error, NotAllowedError):
        return Refused(UNAUTHORISED, "not_authorised", str(error))
    if isinstance(error, ProtectedVhostError):
        return Refused(PRECONDITION_FAILED, "precondition_failed", str(error))
    if isinstance(error, LookupError) and not isinstance(error, KeyError | IndexError):
        return Refused(NOT_FOUND, "Object Not Found", str(error.args[0]) if error.args else "Not Found")
    return Refused(BAD_REQUEST, "bad_request", str(error)) if isinstance(error, ValueError) else None
