"""One client's socket with faults: stands between the loop's transport and the broker's, which notices nothing.

Where no fault is on, bytes pass as they come. Must not: choose a fault (`faults.py` does) or know queues.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from typing import Any, Final, cast

from broker.testing.faults import FaultState, LinkFaults
from broker.testing.frames import FrameWatch

LINGER_NONE: Final = struct.pack("ii", 1, 0)
HELD_INPUT_BYTES_MAX: Final = 1024 * 1024  # what a slow link takes from a client before that has to wait
CLOSE: Final = b""  # among what is held back: the end


class Link(asyncio.BufferedProtocol):
    """The loop's protocol for one client, around the broker's own."""

    def __init__(self, inner: asyncio.BufferedProtocol, loop: asyncio.AbstractEventLoop, state: FaultState) -> None:
        self.inner = inner
        self.is_exempt = False  # a helper's own connection, which no fault touches
        self._loop = loop
        self._state = state
        self._faults = LinkFaults()
        self._watch = FrameWatch(self._refuses, self._vhost_known)
        self._transport: asyncio.Transport | None = None
        self._socket: _Socket | None = None
        self._input: deque[tuple[float, bytes]] = deque()  # when it is due, and what
        self._input_bytes = 0
        self._output: deque[tuple[float, bytes]] = deque()
        self._output_bytes = 0
        self._confirms: deque[tuple[float, bytes]] = deque()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_reading = True
        self._is_full = False

    @property
    def vhost(self) -> str:
        """The vhost that the client has opened; empty before."""
        return self._watch.vhost

    # ---- the loop's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.is_exempt = isinstance(peer, tuple) and self._state.is_exempt(peer[1])
        self._state.links[self] = None
        self._socket = _Socket(self, self._transport)
        self.inner.connection_made(cast("asyncio.Transport", self._socket))

    def get_buffer(self, sizehint: int) -> Any:
        """The loop's."""
        return self.inner.get_buffer(sizehint)

    def _buffer(self, size_bytes: int) -> memoryview:
        return memoryview(self.inner.get_buffer(size_bytes))

    def buffer_updated(self, nbytes: int) -> None:
        """The loop's: something came from the client."""
        if self.is_exempt:
            self.inner.buffer_updated(nbytes)
            return
        data, nacks = self._watch.received(bytes(self._buffer(nbytes)[:nbytes]))
        if nacks:
            self._send_confirms(nacks)
        if data:
            self._receive(data)

    def pause_writing(self) -> None:
        """The loop's."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The loop's."""
        if not self._is_full:
            self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The loop's: nothing of this client is left."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for held in (self._input, self._output, self._confirms):
            held.clear()
        self._state.links.pop(self, None)
        self._transport = None
        self.inner.connection_lost(exc)

    # ---- faults

    def _refuses(self, exchange: str, routing_key: str) -> bool:
        return self._state.refuses(self.vhost, exchange, routing_key)

    def _vhost_known(self, _vhost: str) -> None:
        self.refresh()

    def refresh(self) -> None:
        """The faults of its vhost have changed: what they held back and hold no longer goes on."""
        if not self.is_exempt:
            self._faults = self._state.of_link(self.vhost)
        self._drain_input()
        self._drain_output()
        self._drain_confirms()
        self.update_reading()

    def cut(self, reset: bool) -> None:
        """Ends the link at once and without a word of AMQP; with `reset` the client gets RST, else an end of file."""
        if self._transport is None:
            return
        if reset:
            _linger_none(self._transport)
        self._transport.abort()

    # ---- from the client

    def _receive(self, data: bytes) -> None:
        if not self._input and not self._faults.is_stalled and not self._faults.delay_s:
            self._feed(data)
            return
        self._input.append((self._loop.time() + self._faults.delay_s, data))
        self._input_bytes += len(data)
        self._drain_input()
        self.update_reading()

    def _feed(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._transport is not None:
            buffer = self._buffer(len(view))
            count = min(len(view), len(buffer))
            buffer[:count] = view[:count]
            self.inner.buffer_updated(count)
            view = view[count:]

    def _drain_input(self) -> None:
        assert self._socket is not None
        while self._input and not self._faults.is_stalled and not self._socket.is_paused and self._is_due(self._input):
            data = self._input.popleft()[1]
            self._input_bytes -= len(data)
            self._feed(data)
        if not self._faults.is_stalled and not self._socket.is_paused:
            self._arm("input", self._input, self.input_goes_on)

    def input_goes_on(self) -> None:
        """What is due goes to the broker, which reads again."""
        self._drain_input()
        self.update_reading()

    def update_reading(self) -> None:
        """Reads while the broker wants it, no fault is against it, and not too much is held back."""
        if self._transport is None or self._socket is None or self._transport.is_closing():
            return
        is_held = self._faults.is_stalled or self._input_bytes >= HELD_INPUT_BYTES_MAX
        wanted = not is_held and not self._socket.is_paused
        if wanted != self._is_reading:
            self._is_reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    # ---- to the client

    def send(self, data: bytes) -> None:
        """What the broker writes."""
        if self.is_exempt:
            self._write(data)
            return
        others, confirms = self._watch.sending(data, self._holds_confirms())
        if others:
            self._send(others)
        if confirms:
            self._send_confirms(confirms)

    def _holds_confirms(self) -> bool:
        return self._faults.holds_confirms or self._faults.confirm_delay_s > 0 or bool(self._confirms)

    def _send_confirms(self, frames: bytes) -> None:
        if not self._holds_confirms():
            self._send(frames)
            return
        self._confirms.append((self._loop.time() + self._faults.confirm_delay_s, frames))
        self._drain_confirms()

    def _drain_confirms(self) -> None:
        while self._confirms and not self._faults.holds_confirms and self._is_due(self._confirms):
            self._send(self._confirms.popleft()[1])
        if not self._faults.holds_confirms:
            self._arm("confirms", self._confirms, self._drain_confirms)

    def _send(self, data: bytes) -> None:
        if not self._output and not self._faults.is_stalled and not self._faults.delay_s:
            self._write(data)
            return
        self._output.append((self._loop.time() + self._faults.delay_s, data))
        self._output_bytes += len(data)
        self._drain_output()

    def close(self) -> None:
        """Closes after what is held back has gone out."""
        if self._output:
            self._output.append((self._loop.time() + self._faults.delay_s, CLOSE))
            self._drain_output()
        elif self._transport is not None:
            self._transport.close()

    def _drain_output(self) -> None:
        while self._output and not self._faults.is_stalled and self._is_due(self._output):
            data = self._output.popleft()[1]
            self._output_bytes -= len(data)
            if data is not CLOSE:
                self._write(data)
            elif self._transport is not None:
                self._transport.close()
        self._update_room()
        if not self._faults.is_stalled:
            self._arm("output", self._output, self._drain_output)

    def _update_room(self) -> None:
        """Tells the broker when too much is held back, as a full socket would."""
        assert self._socket is not None
        is_full = self._output_bytes > self._socket.high_bytes
        if is_full != self._is_full:
            self._is_full = is_full
            (self.inner.pause_writing if is_full else self.inner.resume_writing)()

    @property
    def held_bytes(self) -> int:
        """What was written and is held back."""
        return self._output_bytes

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # ---- what is held back

    def _is_due(self, held: deque[tuple[float, bytes]]) -> bool:
        return held[0][0] <= self._loop.time()

    def _arm(self, what: str, held: deque[tuple[float, bytes]], drain: Any) -> None:
        timer = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()
        if held:
            self._timers[what] = self._loop.call_at(held[0][0], drain)


class _Socket:
    """What the broker's protocol is given for its transport: the loop's one, seen through a link."""

    def __init__(self, link: Link, transport: asyncio.Transport) -> None:
        self.is_paused = False
        self.high_bytes = 0
        self._link = link
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """As asyncio.Transport, and so are all others."""
        self._link.send(data)

    def close(self) -> None:
        self._link.close()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + self._link.held_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high_bytes = high or 0
        self._transport.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self.is_paused = True
        self._link.update_reading()

    def resume_reading(self) -> None:
        self.is_paused = False
        self._link.input_goes_on()


def _linger_none(transport: asyncio.Transport) -> None:
    """The close of this socket sends RST. The loop's own socket object may refuse options, so its file is used."""
    descriptor = transport.get_extra_info("socket").fileno()
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
