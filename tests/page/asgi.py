"""Asks an ASGI application for one path, without a server."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp


async def fetch(app: ASGIApp, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body of the answer to a GET."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "method": "GET", "path": path,
        "root_path": "", "headers": [], "query_string": b"",
    }  # fmt: skip
    try:
        await app(scope, receive, send)
    except HTTPException as refused:
        return refused.status_code, {}, b""
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])
