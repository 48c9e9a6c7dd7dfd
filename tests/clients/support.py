"""What the tests of all client libraries share: waiting with a deadline, bodies, and a link that can be cut."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable

WAIT_SECONDS = 15.0
POLL_SECONDS = 0.01
READ_BYTES = 65536
LARGE_BODY_SIZES = (131_072 - 8, 131_072, 1_048_576 + 1, 3_000_000)  # exactly one frame, just over one, many


def nothing() -> None:
    """A pump that moves nothing: the condition's own call reads the socket, or the broker acts by itself."""
    threading.Event().wait(POLL_SECONDS)


def until(condition: Callable[[], object], pump: Callable[[], object] = nothing) -> None:
    """Calls `pump` until `condition` holds; fails when that takes longer than `WAIT_SECONDS`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        pump()


def patterned_body(size_bytes: int) -> bytes:
    """A body in which a lost, doubled or swapped frame shows."""
    return b"".join(number.to_bytes(4, "big") for number in range(size_bytes // 4 + 1))[:size_bytes]


def digest(body: bytes) -> str:
    """A short stand-in for a body, so that a failed comparison does not print megabytes."""
    return f"{len(body)}:{hashlib.sha256(body).hexdigest()}"


class Link:
    """A TCP relay to the broker whose connections can be cut, as a network does it; used as a context manager."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()[:2]
        self._sockets: list[socket.socket] = []
        self.accepted = 0

    def __enter__(self) -> Link:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def url(self) -> str:
        """The broker's URL by way of this link."""
        return f"amqp://guest:guest@{self.host}:{self.port}/%2F"

    def cut(self) -> None:
        """Ends every connection, on both sides and without a word; new ones are accepted."""
        cut, self._sockets = self._sockets, []
        for end in cut:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._sockets += [near, far]
            self.accepted += 1
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_relay, args=(source, target), daemon=True).start()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(READ_BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
