"""Takes in connections that have to show something before their protocol begins: a PROXY header, a TLS handshake.

Must not: read a byte of what follows, or have to do with a connection once its protocol has it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from broker.connections.peer import Caller, connection_name, is_loopback, plain_host
from protocol.constants import PROTOCOL_HEADERS_ACCEPTED, PROXY_SIGNATURE_1, PROXY_SIGNATURE_2
from protocol.proxy_header import (
    HEAD_BYTES,
    REST_BYTES_MAX,
    Proxied,
    ProxyHeader,
    ProxyHeaderError,
)

log = logging.getLogger("leveret.listening")
ENTERING_MAX: Final = 1024  # connections of one listener that are not through the door yet; more wait in its backlog
HANDSHAKE_S_MIN: Final = 0.1  # what a handshake gets where a PROXY header was slow to come
ACCEPT_PAUSE_S: Final = 1.0  # after an accept that failed, for want of file descriptors mostly
SHUTDOWN_S: Final = 2.0  # what a client gets to answer the end of TLS
PEEK_BYTES: Final = HEAD_BYTES + REST_BYTES_MAX
TLS_HANDSHAKE: Final = b"\x16"  # the first byte of every TLS client
HTTP_METHODS: Final = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ")
REASONS: Final = {
    "UNSUPPORTED_PROTOCOL": "it offers no version of TLS from tls_version_min on",
    "NO_SHARED_CIPHER": "it offers no cipher that is allowed here",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate, and tls_verify = required",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust our certificate's authority",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired",
}

Network = IPv4Network | IPv6Network
CallerOf = Callable[[asyncio.BaseTransport], Caller]
MakeProtocol = Callable[[CallerOf], asyncio.BaseProtocol]


class RefusedError(Exception):
    """Somebody is not let in; the text says why, for the log."""


@dataclass(frozen=True)
class Entry:
    """What is asked of who comes in.

    Args: context gives the TLS of now, None for a plain listener; trusted are the networks of proxies; tls_peer says
    what is known of a client after its handshake; timeout_s is for all of it together.
    """

    make_protocol: MakeProtocol
    timeout_s: float
    trusted: tuple[Network, ...] = ()
    context: Callable[[], ssl.SSLContext] | None = None
    with_tls: Callable[[Caller, asyncio.BaseTransport], Caller] = lambda peer, _: peer


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of a setting. Raises: ValueError with a text that names the wrong one."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no network such as 10.0.0.0/8: {error}") from None
    return tuple(found)


class Doorway:
    """One listening socket: `open`, and `close` ends what has not come through."""

    def __init__(self, listener: socket.socket, entry: Entry, loop: asyncio.AbstractEventLoop) -> None:
        self.listener = listener
        self._entry = entry
        self._loop = loop
        self._places = asyncio.Semaphore(ENTERING_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Lets in from now on."""
        self._begin(self._accept())

    def close(self) -> None:
        """Lets nobody in any more."""
        for task in self._tasks:
            task.cancel()
        self.listener.close()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        while True:
            await self._places.acquire()
            try:
                accepted, address = await self._loop.sock_accept(self.listener)
            except OSError as error:
                self._places.release()
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(ACCEPT_PAUSE_S)
            else:
                self._begin(self._enter(accepted, address))

    async def _enter(self, accepted: socket.socket, address: object) -> None:
        peer = Caller(connection_name(address, accepted.getsockname()), is_loopback(address))
        try:
            await self._check(accepted, address, peer)
        except RefusedError as refusal:
            log.warning("connection %s: %s", peer.name, refusal)
        except TimeoutError:
            log.warning("connection %s: no PROXY header or TLS handshake within its time", peer.name)
        except OSError as error:
            log.debug("connection %s: %s", peer.name, error or "closed before it was let in")
        except Exception:
            log.exception("connection %s: internal error", peer.name)
        finally:
            self._places.release()

    async def _check(self, accepted: socket.socket, address: object, peer: Caller) -> None:
        entry = self._entry
        deadline_s = self._loop.time() + entry.timeout_s
        try:
            async with asyncio.timeout_at(deadline_s):
                if is_within(address, entry.trusted):
                    peer = proxied_caller(peer, await self._proxied(accepted))
                if entry.context is not None:
                    await self._begins_tls(accepted)
        except BaseException:
            accepted.close()
            raise
        if entry.context is None:
            await self._hand_on(accepted, peer, None, None)
            return
        left_s = max(HANDSHAKE_S_MIN, deadline_s - self._loop.time())
        try:
            await self._hand_on(accepted, peer, entry.context(), left_s)
        except ssl.SSLError as error:
            reason = error.reason or ""
            raise RefusedError(f"TLS handshake failed: {REASONS.get(reason) or _said(error)}") from None
        except ConnectionAbortedError:
            raise TimeoutError from None

    async def _hand_on(
        self, accepted: socket.socket, peer: Caller, context: ssl.SSLContext | None, timeout_s: float | None
    ) -> None:
        """From here on it is the protocol's; with TLS, once the handshake is done."""
        entry = self._entry
        await self._loop.connect_accepted_socket(
            lambda: entry.make_protocol(lambda transport: entry.with_tls(peer, transport)),
            accepted, ssl=context, ssl_handshake_timeout=timeout_s,
            ssl_shutdown_timeout=SHUTDOWN_S if context is not None else None,
        )  # fmt: skip

    # ---- before the handshake

    async def _proxied(self, accepted: socket.socket) -> Proxied:
        """Reads a PROXY header, and nothing that follows it."""
        header = ProxyHeader()
        while header.proxied is None:
            data = await self._peek(accepted)
            try:
                count = header.receive(data)
            except ProxyHeaderError as error:
                raise RefusedError(f"its address has to send a PROXY protocol header first: {error}") from None
            accepted.recv(count)
        return header.proxied

    async def _begins_tls(self, accepted: socket.socket) -> None:
        start = await self._peek(accepted)
        if start[:1] != TLS_HANDSHAKE:
            raise RefusedError(f"no TLS handshake, but {_spoken(start)}")

    async def _peek(self, accepted: socket.socket) -> bytes:
        """What can be read, left to be read. Raises: ConnectionResetError where the peer is gone."""
        while True:
            try:
                data = accepted.recv(PEEK_BYTES, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                await self._readable(accepted)
                continue
            if not data:
                raise ConnectionResetError("closed before it said enough")
            return data

    async def _readable(self, accepted: socket.socket) -> None:
        readable = asyncio.Event()
        self._loop.add_reader(accepted, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(accepted)


def is_within(address: object, trusted: tuple[Network, ...]) -> bool:
    """Whether a socket's address is in one of the networks."""
    if not trusted or not isinstance(address, tuple):
        return False
    ip = ip_address(plain_host(address[0]))
    return any(ip in network for network in trusted)


def proxied_caller(peer: Caller, proxied: Proxied) -> Caller:
    """The peer that a proxy speaks for.

    It is on this machine only where both it and the proxy are: a proxy's own machine is not ours. Of whom the proxy
    cannot name nothing is known, so such a peer is not.
    """
    if proxied.is_local:
        return peer
    if proxied.source is None or proxied.destination is None:
        return peer._replace(is_loopback=False)
    name = connection_name(proxied.source, proxied.destination)
    return Caller(name, peer.is_loopback and is_loopback(proxied.source))


def _spoken(start: bytes) -> str:
    """What somebody seems to speak who begins with something else than TLS."""
    if start.startswith(PROTOCOL_HEADERS_ACCEPTED):
        return "an AMQP client without TLS"
    if start.startswith(HTTP_METHODS):
        return "an HTTP client without TLS"
    if start.startswith((PROXY_SIGNATURE_1, PROXY_SIGNATURE_2)):
        return "a PROXY protocol header from an address that is none of proxy_protocol_from"
    return f"an unknown protocol ({start[:8]!r})"


def _said(error: ssl.SSLError) -> str:
    """What OpenSSL says, without its library's and its file's name."""
    verify: str = getattr(error, "verify_message", "")
    return verify or (error.reason or str(error)).lower().replace("_", " ")
