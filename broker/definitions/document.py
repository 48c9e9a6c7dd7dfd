"""Reads a definitions file piece by piece: one big object whose lists hold many small ones.

A JSON library would stop the loop for as long as it takes to read the whole. Must not: know what is in the lists.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator
from typing import Any, Final

DOCUMENT_BYTES_MAX: Final = 64 * 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024
OBJECTS_PER_STEP: Final = 100
MEMBERS_MAX: Final = 1000  # of the outermost object
OBJECTS_MAX: Final = 1_000_000  # in all lists together
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"[-+.0-9eE]*")


class DocumentError(ValueError):
    """The file is no JSON object; the text says where."""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


class _Text:
    """The text from where it has been read to, as far as it has been decoded."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._taken = 0  # octets
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._pos = 0
        self._dropped = 0  # characters before the text

    def _fill(self) -> bool:
        """Decodes more, the more the longer what waits for it is; False at the end. Raises: DocumentError."""
        if self._taken >= len(self._data):
            return False
        rest = self._text[self._pos :]
        size = max(CHUNK_BYTES, len(rest))
        chunk = self._data[self._taken : self._taken + size]
        self._taken += len(chunk)
        try:
            more = self._decoder.decode(chunk, self._taken >= len(self._data))
        except UnicodeDecodeError as error:
            raise DocumentError(f"not UTF-8: {error.reason}") from None
        self._dropped += self._pos
        self._text, self._pos = rest + more, 0
        return True

    def next(self) -> str:
        """The next character that is no space, not taken yet; nothing at the end."""
        while True:
            space = _SPACE.match(self._text, self._pos)
            self._pos = self._pos if space is None else space.end()
            if self._pos < len(self._text):
                return self._text[self._pos]
            if not self._fill():
                return ""

    def take(self, wanted: str) -> str:
        """The next character, which must be one of those. Raises: DocumentError."""
        found = self.next()
        if not found or found not in wanted:
            shown = f"'{found}'" if found else "the end"
            raise self.error(f"expected one of {' '.join(wanted)} but found {shown}")
        self._pos += 1
        return found

    def value(self) -> Any:
        """The next value, whole. Raises: DocumentError."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._pos)
            except json.JSONDecodeError as error:
                if not self._fill():
                    raise self.error(error.msg) from None
            except (ValueError, RecursionError) as error:
                raise self.error(str(error)) from None
            else:
                if not self._may_go_on(value, end) or not self._fill():
                    self._pos = end
                    return value

    def _may_go_on(self, value: object, end: int) -> bool:
        """Whether what was decoded may be the beginning of a longer number."""
        if not isinstance(value, int | float):
            return False
        more = _NUMBER.match(self._text, end)
        return more is not None and more.end() == len(self._text)

    def error(self, why: str) -> DocumentError:
        """An error at the present place."""
        return DocumentError(f"not JSON at character {self._dropped + self._pos}: {why}")


def read_document(data: bytes) -> Generator[None, None, dict[str, Any]]:
    """The object in a file, in steps of well under a millisecond; an empty file is an empty object.

    Raises: DocumentError.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DocumentError(f"{len(data)} bytes are too many; at most {DOCUMENT_BYTES_MAX}")
    text, members, budget = _Text(data), dict[str, Any](), _Budget()
    if not text.next():
        return members
    text.take("{")
    separator = text.next()
    if separator == "}":
        text.take("}")
    while separator != "}":
        key = text.value()
        if not isinstance(key, str) or len(members) >= MEMBERS_MAX:
            raise text.error("the names of an object's members are texts, and not too many")
        text.take(":")
        members[key] = (yield from _list(text, budget)) if text.next() == "[" else text.value()
        separator = text.take(",}")
    if text.next():
        raise text.error("there is something behind the object")
    return members


class _Budget:
    """How many objects there may be, and when to let others go on."""

    def __init__(self) -> None:
        self.objects = 0

    def is_step(self, text: _Text) -> bool:
        """Counts one more; whether to let others go on. Raises: DocumentError."""
        self.objects += 1
        if self.objects > OBJECTS_MAX:
            raise text.error(f"more than {OBJECTS_MAX} objects")
        return self.objects % OBJECTS_PER_STEP == 0


def _list(text: _Text, budget: _Budget) -> Generator[None, None, list[Any]]:
    items: list[Any] = []
    text.take("[")
    separator = text.next()
    if separator == "]":
        text.take("]")
    while separator != "]":
        items.append(text.value())
        separator = text.take(",]")
        if budget.is_step(text):
            yield
    return items
