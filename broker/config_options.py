"""What one setting is: its row of facts, and how text or a TOML value becomes a checked value.

Must not: know any setting by name, read files or look at the environment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

FLAG_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
EMPTY_LIST_WORD = "none"
LIST_ENTRIES_MAX = 256
TEXT_CHARACTERS_MAX = 4096
METADATA_KEY = "option"
ENVIRONMENT_PREFIX = "BROKER_"

Value = str | int | float | bool | Path | tuple[str, ...]


class ConfigError(Exception):
    """A setting that cannot be used; the text is one line: where it came from and what is allowed."""


@dataclasses.dataclass(frozen=True)
class Option:
    """The facts of one setting; flags, environment, file keys, help and docs are all generated from them.

    `aliases` are further names in the environment; `secret_file` lets each of its environment names also end in
    `_FILE` and name a file that holds the value; `default_text` is what the docs show where the default is computed.
    """

    name: str
    kind: type
    default: Value
    help: str
    group: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    secret_file: bool = False
    empty_allowed: bool = False
    default_text: str = ""

    @property
    def flag(self) -> str:
        """The command line's name: `data_dir` is `--data-dir`."""
        return "--" + self.name.replace("_", "-")

    @property
    def environment_names(self) -> tuple[str, ...]:
        """The environment's names, the strongest first."""
        return (ENVIRONMENT_PREFIX + self.name.upper(), *self.aliases)

    @property
    def shown_default(self) -> str:
        """The default as the help and the docs show it."""
        return self.default_text or as_text(self.default)

    @property
    def allowed(self) -> str:
        """One phrase that says what values are allowed."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        if self.kind is tuple:
            return f"names separated by commas, or {EMPTY_LIST_WORD}"
        if self.kind in (int, float):
            noun = "a whole number" if self.kind is int else "a number"
            return f"{noun} from {self.minimum:,} to {self.maximum:,}"
        return "a folder's path" if self.kind is Path else "text" if self.empty_allowed else "text, not empty"

    def parse(self, text: str) -> Value:
        """The value that `text` (a flag's or the environment's) stands for. Raises: ValueError."""
        if self.kind is bool:
            return _known_word(text)
        if self.kind is tuple:
            entries = [] if text.strip() == EMPTY_LIST_WORD else text.split(",")
            return self.check(tuple(entry.strip() for entry in entries if entry.strip()))
        if self.kind is int:
            return self.check(int(text))
        return self.check(float(text) if self.kind is float else text)

    def check(self, value: object) -> Value:
        """The value of a TOML file, or of `parse`, once it has the right type and range. Raises: ValueError."""
        if self.kind is bool and isinstance(value, bool):
            return value
        if self.kind is tuple and isinstance(value, (list, tuple)):
            return self._check_list(tuple(value))
        if self.kind in (int, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._check_number(value)
        if self.kind in (str, Path) and isinstance(value, str):
            return self._check_text(value)
        raise ValueError(self.allowed)

    def _check_number(self, value: float) -> Value:
        assert self.minimum is not None
        assert self.maximum is not None
        if (self.kind is int and isinstance(value, float)) or not self.minimum <= value <= self.maximum:
            raise ValueError(self.allowed)
        return float(value) if self.kind is float else value

    def _check_text(self, value: str) -> Value:
        unknown = self.choices and value not in self.choices
        empty = not value and not self.empty_allowed
        if unknown or empty or len(value) > TEXT_CHARACTERS_MAX or "\0" in value:
            raise ValueError(self.allowed)
        return Path(value) if self.kind is Path else value

    def _check_list(self, value: tuple[object, ...]) -> tuple[str, ...]:
        texts = tuple(entry for entry in value if isinstance(entry, str))
        if len(texts) != len(value) or len(value) > LIST_ENTRIES_MAX:
            raise ValueError(self.allowed)
        return texts


def option(default: Any, help: str, group: str, **facts: Any) -> Any:
    """A dataclass field that carries its Option; `facts` are Option's further fields."""
    return dataclasses.field(default=default, metadata={METADATA_KEY: {"help": help, "group": group, **facts}})


def options_of(config_class: type) -> Iterator[Option]:
    """One Option per field of a dataclass made of `option` fields, in the order they are written."""
    kinds = get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        kind = kinds[field.name]
        plain = getattr(kind, "__origin__", kind)
        default: Any = field.default
        yield Option(name=field.name, kind=plain, default=default, **field.metadata[METADATA_KEY])


def as_text(value: Value) -> str:
    """A value the way flags and the environment take it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value) or EMPTY_LIST_WORD
    return str(value)


def _known_word(text: str) -> bool:
    try:
        return FLAG_WORDS[text.strip().lower()]
    except KeyError:
        raise ValueError("true or false") from None
