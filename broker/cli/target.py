"""Which broker brokerctl talks to, and how: the options, the environment, a URL. Must not: connect."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from broker.cli.exits import NO_INPUT, USAGE, CtlError

DEFAULT_USER: Final = "guest"
DEFAULT_PASSWORD: Final = "guest"  # as rabbitmqadmin: what a new broker takes from its own machine
DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 15672
DEFAULT_TLS_PORT: Final = 15671
SOCKET_FILE: Final = "brokerd.sock"
LOCK_FILE: Final = "brokerd.lock"
TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Tls:
    """How a broker's certificate is checked, and the one shown to it."""

    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    is_checked: bool = True


@dataclass(frozen=True, slots=True)
class SocketTarget:
    """The broker of a data folder, through its unix socket."""

    data_dir: Path

    @property
    def path(self) -> Path:
        """The socket."""
        return self.data_dir / SOCKET_FILE


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """A broker's management port; `prefix` is a path in front of /api."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    prefix: str = ""
    tls: Tls | None = None


@dataclass
class Given:
    """What was said on the command line or in the environment, each empty where nothing was said."""

    data_dir: str | None = None
    url: str | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    password_file: str | None = None
    node: str | None = None
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_insecure: bool = False

    def is_remote(self) -> bool:
        """Whether the management port is meant, and not the unix socket."""
        said = (self.url, self.host, self.port, self.user)
        return self.tls or self.tls_insecure or any(one is not None for one in said)


def with_environment(given: Given, environment: Given) -> Given:
    """What was said on the command line, and where it says nothing, what the environment says.

    A broker named on the command line is never mixed with the address of another one in the environment.
    """
    if given.data_dir is not None:
        return given
    filled = replace(given)
    for one in fields(Given):
        if getattr(given, one.name) in (None, False):
            setattr(filled, one.name, getattr(environment, one.name))
    if given.url is not None or given.host is not None:
        filled.url, filled.host, filled.port = given.url, given.host, given.port
    return filled


def target_of(given: Given) -> SocketTarget | HttpTarget:
    """The broker that is meant. Raises: CtlError for what contradicts itself or cannot be read."""
    if given.is_remote():
        if given.data_dir is not None:
            raise CtlError("--data-dir names the broker of this machine, --url or --host another: give one", USAGE)
        return _http_target(given)
    if given.node is not None and not _is_here(given.node):
        raise CtlError(
            f"-n {given.node} names a node on another machine; brokerctl reaches it with --url http://HOST:15672", USAGE
        )
    return SocketTarget(data_dir_of(given.data_dir))


def data_dir_of(given: str | None) -> Path:
    """The data folder that was given, or that brokerd would use. Raises: CtlError."""
    if given is not None and (path := Path(given)).is_absolute():
        return path
    from broker.config import ConfigError, load_config  # noqa: PLC0415 - takes longer than most commands

    flags = [] if given is None else ["--data-dir", given]
    try:
        return load_config(flags, os.environ).data_dir
    except ConfigError as error:
        raise CtlError(str(error), USAGE) from None


def _is_here(node: str) -> bool:
    """Whether a node's name, as rabbit@host, is one of this machine."""
    host = node.partition("@")[2].lower()
    name = socket.gethostname().lower()
    return host in ("", "localhost", "127.0.0.1", name, name.partition(".")[0], socket.getfqdn().lower())


def _http_target(given: Given) -> HttpTarget:
    url = urlsplit(_with_scheme(given.url, given.tls) if given.url else "")
    if url.scheme not in ("", "http", "https"):
        raise CtlError(f"--url begins with http:// or https://, not {url.scheme}://", USAGE)
    try:
        url_port = url.port
    except ValueError:
        raise CtlError("the port in --url is not a number from 1 to 65535", USAGE) from None
    has_tls = url.scheme == "https" or (not url.scheme and (given.tls or bool(given.tls_ca or given.tls_cert)))
    user = given.user or unquote(url.username or "") or DEFAULT_USER
    return HttpTarget(
        given.host or url.hostname or DEFAULT_HOST,
        given.port or url_port or (DEFAULT_TLS_PORT if has_tls else DEFAULT_PORT),
        user,
        _password(given, user, url.password),
        url.path.rstrip("/").removesuffix("/api"),
        Tls(given.tls_ca, given.tls_cert, given.tls_key, not given.tls_insecure) if has_tls else None,
    )


def _with_scheme(url: str, has_tls: bool) -> str:
    return url if "://" in url else f"{'https' if has_tls else 'http'}://{url}"


def _password(given: Given, user: str, in_url: str | None) -> str:
    if given.password_file is not None:
        return first_line(given.password_file)
    if given.password is not None:
        return given.password
    if in_url is not None:
        return unquote(in_url)
    if user == DEFAULT_USER:
        return DEFAULT_PASSWORD
    return asked_password(user)


def first_line(path: str) -> str:
    """The first line of a file, as a password stands in one. Raises: CtlError."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CtlError(f"the password file {path} cannot be read: {error}", NO_INPUT) from None


def asked_password(user: str) -> str:
    """The user's password, asked for on the terminal. Raises: CtlError where there is none."""
    import sys  # noqa: PLC0415

    import click  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise CtlError(
            f"there is no password for {user}: give --password-file (its first line is one), or set "
            "BROKERCTL_PASSWORD_FILE or BROKERCTL_PASSWORD",
            USAGE,
        )
    password: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return password
