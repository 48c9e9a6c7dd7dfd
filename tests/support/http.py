"""Requests to a broker's HTTP API, over its unix socket and over TCP, as any client would send them."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from pathlib import Path
from typing import Any


def ask(data_dir: Path, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, Any]:
    """The status and the JSON of one answer; None where it has no body."""
    connection = http.client.HTTPConnection("broker", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(30)
    connection.sock.connect(str(data_dir / "brokerd.sock"))
    try:
        connection.request(method, path, body, dict(header.split(": ") for header in headers))
        answer = connection.getresponse()
        whole = answer.read()
        return answer.status, json.loads(whole) if whole else None
    finally:
        connection.close()


class Http:
    """Requests to a broker's management port, with a name and a password."""

    def __init__(self, port: int, user: str = "guest", password: str = "guest") -> None:
        self.port = port
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.headers = {"authorization": f"Basic {credentials}"} if user else {}

    def as_user(self, user: str, password: str) -> Http:
        """The same as somebody else; an empty name sends none."""
        return Http(self.port, user, password)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (their names in small letters) of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of one answer, for a body that becomes JSON; None where the answer has no body."""
        sent = None if body is None else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        status, whole, _ = self.raw(method, path, sent, {"content-type": "application/json", **names})
        return status, json.loads(whole) if whole else None

    def get(self, path: str) -> Any:
        """The JSON of what is answered with 200."""
        status, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def make(self, path: str, body: object = None) -> None:
        """A PUT that goes well."""
        status, answer = self.ask("PUT", path, {} if body is None else body)
        assert status in (201, 204), (path, status, answer)
