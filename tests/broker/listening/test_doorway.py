"""The doorway: so many at a time, nobody for ever, and one failure is not the last of it."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from broker.connections.peer import Caller
from broker.listening import doorway
from broker.listening.doorway import CallerOf, Doorway, Entry, networks
from broker.listening.sockets import listen_tcp

HEADER = b"PROXY TCP4 203.0.113.7 10.0.0.1 51000 5672\r\n"
HERE = networks(("127.0.0.1",))
WAIT_S = 15


class Greeter(asyncio.Protocol):
    """Tells everybody their name, then what they said."""

    def __init__(self, caller_of: CallerOf) -> None:
        self.caller_of = caller_of

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        transport.write(self.caller_of(transport).name.encode())

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()


@asynccontextmanager
async def opened(timeout_s: float = WAIT_S) -> AsyncIterator[tuple[Doorway, int]]:
    """A door for whoever comes from this machine with a PROXY header."""
    listener = listen_tcp("127.0.0.1", 0)
    door = Doorway(listener, Entry(Greeter, timeout_s, HERE), asyncio.get_running_loop())
    door.open()
    try:
        yield door, listener.getsockname()[1]
    finally:
        door.close()


async def answer(port: int, sent: bytes) -> bytes:
    async with asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


async def test_what_follows_a_header_is_the_protocols() -> None:
    async with opened() as (_, port):
        assert await answer(port, HEADER + b"hello") == b"203.0.113.7:51000 -> 10.0.0.1:5672hello"


async def test_only_so_many_are_let_in_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    entering: list[int] = []
    monkeypatch.setattr(doorway, "ENTERING_MAX", 2)
    check: Callable[..., object] = Doorway._check

    async def counted(self: Doorway, accepted: socket.socket, address: object, peer: Caller) -> None:
        entering.append(len(self._tasks) - 1)
        await check(self, accepted, address, peer)  # type: ignore[misc]

    monkeypatch.setattr(Doorway, "_check", counted)
    async with opened(timeout_s=0.05) as (_, port):
        assert await asyncio.gather(*(answer(port, b"PROXY ") for _ in range(6))) == [b""] * 6
    assert len(entering) == 6, "each has its turn"
    assert max(entering) == 2


async def test_an_accept_that_fails_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [OSError(errno.EMFILE, "Too many open files")]

    async def failing(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return await accept(listener)

    monkeypatch.setattr(loop, "sock_accept", failing)
    monkeypatch.setattr(doorway, "ACCEPT_PAUSE_S", 0)
    async with opened() as (_, port):
        assert (await answer(port, HEADER + b"hello")).endswith(b"hello")
    assert "cannot accept a connection" in caplog.text


async def test_a_closed_door_ends_who_is_still_in_it() -> None:
    async with opened() as (door, port):
        waiting = asyncio.ensure_future(answer(port, b"PROXY "))
        while len(door._tasks) < 2:
            await asyncio.sleep(0)
        door.close()
        assert await waiting == b""
        assert not [task for task in door._tasks if not task.done() and not task.cancelling()]
