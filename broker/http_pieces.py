"""An HTTP answer made piece by piece: the broker goes on in between. Must not: know what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, TypeVar

Value = TypeVar("Value")


class Pieces:
    """An ASGI answer with status 200; its length is not known before, so it goes out in chunks."""

    def __init__(self, pieces: Iterator[bytes], content_type: str) -> None:
        """Args: each of `pieces` is made, sent, and followed by a turn for everybody else."""
        self._pieces = pieces
        self.headers = [(b"content-type", content_type.encode("latin-1"))]

    async def __call__(self, _scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """ASGI."""
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def in_steps(steps: Generator[None, None, Value]) -> Value:
    """Does the work with a turn for everybody else after each step."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Value = end.value
            return result
        await asyncio.sleep(0)
