"""Reads the values of rabbitmq.conf into our settings. Must not: know a key of that file; the table does.

A reader gets the settings found so far and a value's text, and changes the settings. It raises ValueError with what
is wrong, for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from broker.config_options import Value

Values = dict[str, Value]
Reader = Callable[[Values, str], None]

SIZE: Final = re.compile(r"([0-9]{1,18})([A-Za-z]{0,3})")
SIZE_UNITS: Final = {
    "": 1, "k": 1024, "kib": 1024, "kb": 1000, "m": 1024**2, "mib": 1024**2, "mb": 1000**2,
    "g": 1024**3, "gib": 1024**3, "gb": 1000**3,
}  # fmt: skip
ADDRESS: Final = re.compile(r"(?:(.+):)?([0-9]{1,5})")
BOOLEANS: Final = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
TLS_VERSIONS: Final = {"tlsv1.3": "1.3", "tlsv1.2": "1.2", "tlsv1.1": "1.2", "tlsv1": "1.2"}


def text(setting: str, without: tuple[str, ...] = ()) -> Reader:
    """The value as it is, unless it is one of `without`."""

    def read(values: Values, value: str) -> None:
        if value not in without:
            values[setting] = value

    return read


def number(setting: str, kind: type[int] | type[float] = int, most: float | None = None, infinity: int = 0) -> Reader:
    """A number, cut at `most`; the word infinity is `infinity`."""

    def read(values: Values, value: str) -> None:
        found = kind(infinity) if value == "infinity" else kind(value)
        values[setting] = found if most is None or found <= most else kind(most)

    return read


def size(setting: str) -> Reader:
    """A number of bytes, with a unit as RabbitMQ has them: kB is 1000, k and KiB are 1024."""

    def read(values: Values, value: str) -> None:
        match = SIZE.fullmatch(value)
        if match is None or match[2].lower() not in SIZE_UNITS:
            raise ValueError("not a size such as 2GB")
        values[setting] = int(match[1]) * SIZE_UNITS[match[2].lower()]

    return read


def seconds_of_ms(setting: str) -> Reader:
    """Milliseconds that become seconds."""

    def read(values: Values, value: str) -> None:
        values[setting] = int(value) / 1000

    return read


def choice(setting: str, others: Mapping[str, str]) -> Reader:
    """A word, some of which are called otherwise here."""

    def read(values: Values, value: str) -> None:
        values[setting] = others.get(value, value)

    return read


def flag(setting: str) -> Reader:
    """Whatever the value is, the setting is on."""

    def read(values: Values, _value: str) -> None:
        values[setting] = True

    return read


def as_file_level(values: Values, value: str) -> None:
    """A level, unless there is one."""
    values.setdefault("log_level", {"critical": "error", "none": "error"}.get(value, value))


def no_listener(values: Values, value: str) -> None:
    """`none`: only TLS."""
    if value != "none":
        raise ValueError("only none is known here")
    values["plain_listener"] = False


def add_listener(values: Values, value: str) -> None:
    """ADDRESS:PORT without TLS."""
    _add_address(values, value, "port")


def add_tls_listener(values: Values, value: str) -> None:
    """ADDRESS:PORT with TLS."""
    _add_address(values, value, "tls_port")


def _add_address(values: Values, value: str, port: str) -> None:
    match = ADDRESS.fullmatch(value)
    if match is None:
        raise ValueError("not ADDRESS:PORT")
    if values.get(port, int(match[2])) != int(match[2]):
        raise ValueError(f"all listeners of a kind share one port, and another is {values[port]}")
    values[port] = int(match[2])
    host = (match[1] or "").strip("[]")
    known = str(values.get("host", ""))
    if host and host not in known.split(","):
        values["host"] = f"{known},{host}" if known else host


def all_loopback_users(values: Values, value: str) -> None:
    """`none`: everybody may come from everywhere."""
    if value != "none":
        raise ValueError("only none is known here")
    values["loopback_users"] = ()


def add_loopback_user(values: Values, value: str) -> None:
    """NAME=true or NAME=false."""
    name, _, answer = value.partition("=")
    given = values.get("loopback_users", ("guest",))
    assert isinstance(given, tuple)
    users = [user for user in given if user != name]
    values["loopback_users"] = (*users, name) if BOOLEANS[answer] else tuple(users)


def verify(values: Values, value: str) -> None:
    """verify_peer or verify_none."""
    values["tls_verify"] = {"verify_peer": "optional", "verify_none": "none"}[value]


def demand_certificate(values: Values, value: str) -> None:
    """After `verify`: whether a client may do without a certificate."""
    if BOOLEANS[value] and values.get("tls_verify") == "optional":
        values["tls_verify"] = "required"


def add_tls_version(values: Values, value: str) -> None:
    """One of several versions; the oldest counts."""
    values["tls_version_min"] = min(TLS_VERSIONS[value], str(values.get("tls_version_min", "1.3")))
