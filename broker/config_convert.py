"""Turns a rabbitmq.conf into our TOML file, and says of every entry that has no setting here why.

Must not: know a key or a setting by name; the tables do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from broker.config import Config
from broker.config_options import ConfigError, Value, options_of
from broker.config_rabbitmq import KEYS, NOT_NEEDED, Key, key_for
from broker.config_rabbitmq_values import Values

LINES_MAX: Final = 10_000
ENTRY: Final = re.compile(r"\s*([\w.$/%@-]{1,512})\s*=\s*(.*?)\s*")
ENCRYPTED: Final = "encrypted:"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a rabbitmq.conf."""

    line: int
    name: str
    value: str
    key: Key


@dataclass(frozen=True, slots=True)
class Converted:
    """The settings that were found, and for each entry that gave none its name and the reason."""

    settings: Values
    left_out: tuple[tuple[str, str], ...]

    def toml(self) -> str:
        """A file for `brokerd --config`; what was left out stands in comments, without its value."""
        lines = ["# Made from a rabbitmq.conf. brokerd --config FILE reads it."]
        lines.extend(f"{name} = {_toml(value)}" for name, value in self.settings.items())
        lines.extend(f"# {name}: {why}" for name, why in self.left_out)
        return "\n".join(lines) + "\n"


def convert(conf: str) -> Converted:
    """Reads the text of a rabbitmq.conf. Raises: ConfigError for a line that is none of such a file."""
    entries = sorted(_entries(conf), key=lambda entry: KEYS.index(entry.key) if entry.key in KEYS else len(KEYS))
    settings: Values = {}
    left_out: list[tuple[str, str]] = []
    for entry in entries:
        why = _take(settings, entry)
        if why:
            left_out.append((entry.name, why))
    return Converted(settings, tuple(left_out))


def _entries(conf: str) -> Iterator[Entry]:
    lines = conf.splitlines()
    if len(lines) > LINES_MAX:
        raise ConfigError(f"more than {LINES_MAX} lines are no rabbitmq.conf")
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith(("#", "%")):
            continue
        match = ENTRY.fullmatch(line)
        if match is None:
            raise ConfigError(f"line {number} is not `key = value`, as in a rabbitmq.conf")
        yield Entry(number, match[1], _unquoted(match[2]), key_for(match[1]))


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def _take(settings: Values, entry: Entry) -> str:
    """Reads one entry into the settings; returns why it has none, or nothing."""
    key = entry.key
    if key.read is None:
        return key.note or NOT_NEEDED
    if entry.value.startswith(ENCRYPTED):
        return "its value is encrypted: decrypt it with rabbitmqctl decode, and give it to brokerd in a file (…_FILE)"
    found = dict(settings)
    try:
        key.read(found, f"{entry.name[len(key.name) - 1 :]}={entry.value}" if key.is_named else entry.value)
        _check({name: value for name, value in found.items() if settings.get(name) != value})
    except KeyError:
        return f"line {entry.line}: a value that is not known here"
    except ValueError as error:
        return f"line {entry.line}: {error}"
    settings.update(found)
    return ""


def _check(values: Values) -> None:
    """Raises: ValueError with what is allowed, where a setting would not take a value."""
    options = {option.name: option for option in options_of(Config)}
    for name, value in values.items():
        try:
            options[name].check(value)
        except ValueError as error:
            raise ValueError(f"{name} is {error}") from None


def _toml(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)
