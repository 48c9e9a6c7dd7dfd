"""HTTP over the broker's unix socket, for brokerctl. Must not: print, or end the process."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

SOCKET_FILE: Final = "brokerd.sock"
TIMEOUT_S: Final = 30.0
PAGE_SIZE: Final = 500
STATUS_REFUSED: Final = 400


class NotRunningError(Exception):
    """No broker answers on the socket."""


class RefusedError(Exception):
    """The broker did not do what it was asked; the text says why."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class SocketClient:
    """Asks the broker whose data is in a folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def get(self, path: str) -> Any:
        """What a GET answers. Raises: NotRunningError, RefusedError."""
        return self._ask("GET", path)

    def put(self, path: str, body: dict[str, object] | None = None, only_new: bool = False) -> None:
        """PUTs; with `only_new` it is refused where the thing is there. Raises: NotRunningError, RefusedError."""
        self._ask("PUT", path, body or {}, {"If-None-Match": "*"} if only_new else {})

    def post(self, path: str) -> Any:
        """What a POST answers. Raises: NotRunningError, RefusedError."""
        return self._ask("POST", path)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page by page. Raises: NotRunningError, RefusedError."""
        page, page_count = 1, 1
        while page <= page_count:
            answer = self.get(f"{path}?page={page}&page_size={PAGE_SIZE}")
            yield from answer["items"]
            page, page_count = page + 1, answer["page_count"]

    def _ask(
        self, method: str, path: str, body: dict[str, object] | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        connection = _UnixConnection(self.data_dir / SOCKET_FILE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers or {})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotRunningError(_why_not(self.data_dir, error)) from None
        finally:
            connection.close()
        value = json.loads(answer) if answer else None
        if response.status >= STATUS_REFUSED:
            raise RefusedError(str(value["reason"]) if isinstance(value, dict) else f"status {response.status}")
        return value


def _why_not(data_dir: Path, error: Exception) -> str:
    path = data_dir / SOCKET_FILE
    if isinstance(error, PermissionError):
        return f"{path} belongs to another user: run brokerctl as the user that runs brokerd"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError, NotADirectoryError)):
        return f"no broker is running with the data folder {data_dir}; another folder is given with --data-dir"
    return f"the broker does not answer on {path}: {error}"


def part(name: str) -> str:
    """A name as a part of a path."""
    return quote(name.encode("utf-8", "surrogateescape"), safe="")
