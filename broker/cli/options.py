"""The options that every brokerctl command takes, before its name or behind it. Must not: act on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click
from click.core import ParameterSource

from broker.cli.context import JSON_FORMAT, Context

FORMATS: Final = (JSON_FORMAT, "csv", "table", "pretty_table")
TIMEOUT_S_MAX: Final = 86_400.0
PORT_MAX: Final = 65_535

Note = Callable[[Context, Any], None]
VARIABLE_PREFIX: Final = "BROKERCTL_"


def _set(name: str) -> Note:
    def note(context: Context, value: Any) -> None:
        setattr(context, name, value)

    return note


def _as_json(context: Context, _value: Any) -> None:
    context.format = JSON_FORMAT


def _no_headers(context: Context, _value: Any) -> None:
    context.has_headers = False


def _silent(context: Context, _value: Any) -> None:
    context.has_headers, context.is_quiet = False, True


def _nothing(_context: Context, _value: Any) -> None:
    """For an option that rabbitmqctl has and that means nothing here."""


def _option(*names: str, note: Note, **settings: Any) -> click.Option:
    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value is not None and value is not False:
            note(context.ensure_object(Context), value)

    return click.Option(_own_name(names), expose_value=False, callback=callback, default=None, **settings)


def _own_name(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of an option, and one for its value that no command's own parameter has."""
    return (*names, "common_" + names[-1].lstrip("-").replace("-", "_"))


def _broker(*names: str, has_variable: bool = True, **settings: Any) -> click.Option:
    """An option of `Given`. Its variable is read once, before the command's name, and a flag anywhere beats it."""
    field = names[-1].lstrip("-").replace("-", "_")

    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is None or value is False:
            return
        held = context.ensure_object(Context)
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.ENVIRONMENT:
            setattr(held.given, field, value)
        elif context.parent is None:
            setattr(held.environment, field, value)

    if has_variable:
        settings |= {"envvar": f"{VARIABLE_PREFIX}{field.upper()}", "show_envvar": True}
    return click.Option(_own_name(names), expose_value=False, callback=callback, default=None, **settings)


BROKER_OPTIONS: Final = (
    _broker("--data-dir", has_variable=False, metavar="FOLDER",
            help="The data folder of a broker on this machine, which is reached through a socket in it, without a "
                 "password; by default the one brokerd would use (BROKER_DATA_DIR)."),
    _broker("--url", metavar="URL", help="A broker's management port, as https://user@host:15671."),
    _broker("-H", "--host", metavar="HOST", help="Its host."),
    _broker("-P", "--port", type=click.IntRange(1, PORT_MAX), metavar="PORT", help="Its port (15672, with TLS 15671)."),
    _broker("-u", "--user", metavar="NAME", help="Who to log in as (guest)."),
    _broker("--password", metavar="TEXT",
            help="The password; others on this machine can see it here. It is asked for where it is not given."),
    _broker("--password-file", metavar="FILE", help="A file whose first line is the password."),
    _broker("--tls", is_flag=True, help="Use HTTPS with --host."),
    _broker("--tls-ca", metavar="FILE",
            help="Certificates (PEM) of who may have signed the broker's; by default those the system trusts."),
    _broker("--tls-cert", metavar="FILE", help="A certificate to show to the broker (PEM)."),
    _broker("--tls-key", metavar="FILE", help="Its key."),
    _broker("--tls-insecure", has_variable=False, is_flag=True,
            help="Do not check the broker's certificate: whoever stands in between can read the password."),
    _option("-t", "--timeout", note=_set("timeout_s"), type=click.FloatRange(0.01, TIMEOUT_S_MAX), metavar="SECONDS",
            help="How long to wait for an answer (60)."),
    _broker("-n", "--node", has_variable=False, metavar="NODE",
            help="For scripts written for rabbitmqctl: a node on this machine; any other is refused."),
)  # fmt: skip
OUTPUT_OPTIONS: Final = (
    _option("--json", note=_as_json, is_flag=True, help="Write JSON; the same as --formatter json."),
    _option("--formatter", note=_set("format"), type=click.Choice(FORMATS),
            help="table has tabs, pretty_table lines; by default a terminal gets pretty_table, a pipe table."),
    _option("--no-table-headers", note=_no_headers, is_flag=True, help="Leave a table's first line out."),
    _option("-q", "--quiet", note=_set("is_quiet"), is_flag=True, help="Say nothing where there is nothing to list."),
    _option("-s", "--silent", note=_silent, is_flag=True, help="Both of these."),
    _option("-l", "--longnames", note=_nothing, is_flag=True, hidden=True),
)  # fmt: skip
COMMON_OPTIONS: Final = (*BROKER_OPTIONS, *OUTPUT_OPTIONS)
