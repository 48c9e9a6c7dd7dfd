"""Listening sockets: TCP on an address of either kind, and unix sockets. Must not: accept anything."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

HTTP_BACKLOG: Final = 128
SOCKET_PATH_BYTES_MAX: Final = 103  # what every system we run on takes
HOSTS_MAX: Final = 64
OWNER_ONLY: Final = 0o600
EVERY_ADDRESS: Final = "::"  # of both kinds


class ListenError(Exception):
    """An address cannot be listened on; the text is one line for the user."""


def listen_unix(path: Path, mode: int = OWNER_ONLY, backlog: int = HTTP_BACKLOG) -> socket.socket:
    """A listening unix socket; one that a dead process left is replaced.

    Args: mode are the permission bits; only whoever they let
    write may connect. Raises: ListenError.
    """
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_BYTES_MAX:
        text = f"{length} bytes, at most {SOCKET_PATH_BYTES_MAX} are possible: choose a shorter folder"
        raise ListenError(f"the path of the unix socket {path} is too long ({text})")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~OWNER_ONLY)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        if mode != OWNER_ONLY:
            path.chmod(mode)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {path}: {why(error)}") from None
    finally:
        os.umask(mask)
    return listener


def _remove_stale(path: Path) -> None:
    """Raises: OSError where there is something that is no socket, or a socket that somebody listens on."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if probe.connect_ex(str(path)) in (0, errno.EAGAIN, errno.EINPROGRESS):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        path.unlink()


def listen_tcp(host: str, port: int, backlog: int = HTTP_BACKLOG, only_v6: bool = False) -> socket.socket:
    """A listening TCP socket; `::` takes IPv4 too, unless `only_v6`, as other addresses may. Raises: ListenError."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"cannot listen on {shown}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_v6 or host != EVERY_ADDRESS)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {shown}: {why(error)}") from None
    listener.setblocking(False)
    return listener


def listen_tcp_all(hosts: str, port: int, backlog: int = HTTP_BACKLOG) -> list[socket.socket]:
    """Listening TCP sockets on addresses separated by commas, all on one port. Raises: ListenError."""
    names = [host.strip() for host in hosts.split(",") if host.strip()]
    if not 0 < len(names) <= HOSTS_MAX:
        raise ListenError(f"{hosts!r} names {len(names)} addresses; 1 to {HOSTS_MAX} are possible")
    listeners: list[socket.socket] = []
    try:
        for name in names:
            listeners.append(listen_tcp(name, port, backlog, only_v6=len(names) > 1))
            port = port or listeners[0].getsockname()[1]  # one that was free serves every address
    except ListenError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def why(error: OSError) -> str:
    """What an error of the system says, in its own words."""
    return os.strerror(error.errno).lower() if error.errno else str(error)
