"""Reads settings from flags, environment and a TOML file, each source generated from the same options.

Must not: know any setting by name; that is `broker.config`'s.
"""

from __future__ import annotations

import argparse
import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from broker import __version__
from broker.config_options import ENVIRONMENT_PREFIX, ConfigError, Option, Value

CONFIG_FLAG = "--config"
CONFIG_VARIABLE = "BROKER_CONFIG"
SECRET_FILE_SUFFIX = "_FILE"
FILE_BYTES_MAX = 1024 * 1024
DESCRIPTION = "A message broker that speaks AMQP 0-9-1 the way RabbitMQ's clients expect it."
EPILOGUE = (
    "Each flag is also a variable (--data-dir: BROKER_DATA_DIR) and a key of the TOML file (data_dir). "
    "Flags win over variables, variables over the file."
)


def read_sources(options: Sequence[Option], argv: Sequence[str], environ: Mapping[str, str]) -> dict[str, Value]:
    """The values that were given, by setting; what nobody gave is absent.

    Args: argv without the program's name; environ as os.environ.
    Raises: ConfigError; SystemExit after --help and --version.
    """
    flags = vars(command_line(options).parse_args(argv))
    config_file = flags.pop("config") or environ.get(CONFIG_VARIABLE)
    values = _from_file(options, Path(config_file)) if config_file else {}
    values.update(_from_environment(options, environ))
    for option in options:
        if flags[option.name] is not None:
            values[option.name] = _parsed(option, option.flag, flags[option.name])
    return values


def command_line(options: Sequence[Option]) -> argparse.ArgumentParser:
    """The command line's parser; every value stays text, so that all sources are checked by the same code."""
    parser = _Parser(prog="brokerd", description=DESCRIPTION, epilog=EPILOGUE, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"leveret {__version__}")
    parser.add_argument(CONFIG_FLAG, metavar="FILE", help=f"TOML file with settings ({CONFIG_VARIABLE})")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in options:
        group = groups.setdefault(option.group, parser.add_argument_group(option.group))
        bare: dict[str, Any] = {"nargs": "?", "const": "true"} if option.kind is bool else {}
        group.add_argument(option.flag, dest=option.name, metavar=_placeholder(option), help=_help_text(option), **bare)
    return parser


def unknown_variables(options: Sequence[Option], environ: Mapping[str, str]) -> list[str]:
    """Variables that look like ours and are not, for a warning: others own names like BROKER_URL, so no error."""
    known = {CONFIG_VARIABLE}
    for option in options:
        known.update(name for name, _ in _variables(option))
    return sorted(name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)


class _Parser(argparse.ArgumentParser):
    """argparse, except that a wrong flag is a ConfigError like any other wrong setting."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"command line: {message}; brokerd --help lists every flag")


def _placeholder(option: Option) -> str:
    names = {int: "NUMBER", float: "NUMBER", bool: "true|false", Path: "FOLDER", tuple: "NAMES"}
    return option.unit.upper() or names.get(option.kind, "TEXT")


def _help_text(option: Option) -> str:
    limits = f"; {option.allowed}" if option.choices else ""
    return f"{option.help} (default: {option.shown_default or 'empty'}{limits})".replace("%", "%%")


def _parsed(option: Option, source: str, text: str) -> Value:
    try:
        return option.parse(text)
    except ValueError:
        shown = "the value" if option.secret_file else repr(text)
        raise ConfigError(f"{source}: {shown} is not allowed; {option.name} is {option.allowed}") from None


def _variables(option: Option) -> list[tuple[str, bool]]:
    """The option's names in the environment, the strongest first, and whether each names a file with the value."""
    names: list[tuple[str, bool]] = []
    for name in option.environment_names:
        names.append((name, False))
        if option.secret_file:
            names.append((name + SECRET_FILE_SUFFIX, True))
    return names


def _from_environment(options: Sequence[Option], environ: Mapping[str, str]) -> dict[str, Value]:
    """What the environment gives; an empty variable counts as absent, as `docker run -e NAME=` leaves it."""
    values: dict[str, Value] = {}
    for option in options:
        for name, names_file in _variables(option):
            if environ.get(name):
                text = _read(name, Path(environ[name])).rstrip("\r\n") if names_file else environ[name]
                values[option.name] = _parsed(option, f"environment variable {name}", text)
                break
    return values


def _from_file(options: Sequence[Option], path: Path) -> dict[str, Value]:
    try:
        entries = tomllib.loads(_read("configuration file", path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration file {path}: not TOML: {error}") from None
    by_name = {option.name: option for option in options}
    values: dict[str, Value] = {}
    for key, value in entries.items():
        if key not in by_name:
            raise ConfigError(f"configuration file {path}: unknown key {key!r}{_suggestion(key, by_name)}")
        option = by_name[key]
        try:
            values[key] = option.check(value)
        except ValueError:
            shown = "the value" if option.secret_file else repr(value)
            raise ConfigError(
                f"configuration file {path}: {key}: {shown} is not allowed; {key} is {option.allowed}"
            ) from None
    return values


def _suggestion(key: str, known: Mapping[str, Option]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; docs/configuration.md lists every key"


def _read(source: str, path: Path) -> str:
    """A small text file that a user named. Raises: ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{source}: cannot read {path}: {error.strerror}") from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"{source}: {path} is larger than {FILE_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{source}: {path} is not UTF-8 text") from None
