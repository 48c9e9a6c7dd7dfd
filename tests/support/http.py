"""Requests over a broker's unix socket, as a client other than brokerctl would send them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any


def ask(data_dir: Path, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, Any]:
    """The status and the JSON of one answer; None where it has no body."""
    head = [f"{method} {path} HTTP/1.1", "host: broker", "connection: close", f"content-length: {len(body)}", *headers]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(data_dir / "brokerd.sock"))
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        with connection.makefile("rb") as answer:
            whole = answer.read()
    first, _, rest = whole.partition(b"\r\n\r\n")
    return int(first.split()[1]), json.loads(rest) if rest else None
