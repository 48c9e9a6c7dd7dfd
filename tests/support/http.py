"""Requests over a broker's unix socket, as a client other than brokerctl would send them."""

from __future__ import annotations

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
