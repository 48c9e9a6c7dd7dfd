"""What a log line is: clean text without secrets, structured fields, two forms, and the recent ones kept for a viewer.

Must not: write anything anywhere; `broker.log_output` does.
"""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

TEXT: Final = "text"
JSON: Final = "json"
FORMATS: Final = (TEXT, JSON)
LEVELS: Final = ("debug", "info", "warning", "error")
OUR_LOGGER: Final = "leveret"
RECENT_LINES_MAX: Final = 1000
MESSAGE_CHARACTERS_MAX: Final = 2048
TRACEBACK_CHARACTERS_MAX: Final = 16_384
FIELDS: Final = ("connection", "connection_name", "user", "vhost", "channel", "queue")  # of `extra`, in this order
REDACTED: Final = "***"
LINE_ATTRIBUTE: Final = "leveret_line"
CUT_MARK: Final = "… (cut)"

# What could end a line, move a terminal's cursor or turn the direction of what follows.
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES: Final = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}
_ESCAPES.update({ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"})
_TRACEBACK_ESCAPES: Final = {code: text for code, text in _ESCAPES.items() if code != ord("\n")}
# Every repetition has a limit: the time is linear in the length of the line.
_SECRETS: Final = (
    (re.compile(r"(://[^\s/:@]{0,255}:)[^\s@]{1,255}(?=@)"), rf"\g<1>{REDACTED}"),
    (
        re.compile(r"(?i)\b(authorization\W{1,4}\w{1,20}|basic|bearer)([ =:]{1,3})[\w+/=.~-]{8,4096}"),
        rf"\1\2{REDACTED}",
    ),
    (
        re.compile(
            r"(?i)((?:password|passwd|password_hash|secret|token|api_?key|default_pass)"
            r"""['"]?\s{0,3}[=:]\s{0,3}b?)('[^']{0,255}'|"[^"]{0,255}"|[^\s,;&'"]{1,255})"""
        ),
        rf"\g<1>{REDACTED}",
    ),
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: clean text, and what is known of whom it is about."""

    time_ms: int  # since 1970
    level: str
    logger: str
    message: str
    fields: Mapping[str, str | int] = field(default_factory=dict)
    traceback: str = ""

    def as_dict(self) -> dict[str, str | int]:
        """The line as programs read it, fields beside the rest."""
        told: dict[str, str | int] = {
            "time": timestamp(self.time_ms), "level": self.level, "logger": self.logger, "message": self.message,
            **self.fields,
        }  # fmt: skip
        if self.traceback:
            told["traceback"] = self.traceback
        return told


def timestamp(time_ms: int) -> str:
    """A time in UTC as RFC 3339 with milliseconds. Args: ms since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ms // 1000)) + f".{time_ms % 1000:03d}Z"


def clean(text: str, characters_max: int = MESSAGE_CHARACTERS_MAX) -> str:
    """Text from anywhere as one line: no secrets that can be known as such, no control characters, not too long."""
    return _cut(_redacted(text[: 2 * characters_max]), characters_max).translate(_ESCAPES)


def _redacted(text: str) -> str:
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - len(CUT_MARK)] + CUT_MARK


def line_of(record: logging.LogRecord) -> LogLine:
    """The line that a record of `logging` stands for; every handler gets the same one."""
    line: LogLine | None = getattr(record, LINE_ATTRIBUTE, None)
    if line is None:
        line = _line_of(record)
        setattr(record, LINE_ATTRIBUTE, line)
    return line


def _line_of(record: logging.LogRecord) -> LogLine:
    try:
        message = record.getMessage()
    except Exception:
        message = f"{record.msg} (its arguments do not fit)"
    fields: dict[str, str | int] = {}
    for name in FIELDS:
        value = getattr(record, name, None)
        if value not in (None, ""):
            fields[name] = value if isinstance(value, int) else clean(str(value))
    level = record.levelname.lower()
    return LogLine(int(record.created * 1000), level, record.name, clean(message), fields, _traceback(record))


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    text = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
    return _cut(_redacted(text[-TRACEBACK_CHARACTERS_MAX:]), TRACEBACK_CHARACTERS_MAX).translate(_TRACEBACK_ESCAPES)


def as_text(line: LogLine) -> str:
    """A line for people; a traceback follows indented, so that nothing in it can be taken for another line."""
    head = f"{timestamp(line.time_ms)} {line.level} {line.logger}: {line.message}"
    return "\n    ".join([head, *line.traceback.split("\n")]) if line.traceback else head


def as_json(line: LogLine) -> str:
    """A line for programs: one JSON object."""
    return json.dumps(line.as_dict(), ensure_ascii=True)


class RecentLines(logging.Handler):
    """The last lines, at most `RECENT_LINES_MAX`; add it to a logger."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=RECENT_LINES_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the record's line, and of a long traceback the end, which says what went wrong."""
        line = line_of(record)
        if line.traceback:
            line = replace(line, traceback=line.traceback[-MESSAGE_CHARACTERS_MAX:])
        self._lines.append(line)

    def lines(self, count: int = RECENT_LINES_MAX, level: str = "debug") -> list[LogLine]:
        """The newest lines of a level or above, the oldest of them first.

        Args: at most `count` of them; level is one of `LEVELS`. Raises: ValueError for another level.
        """
        if level not in LEVELS:
            raise ValueError(f"level is one of {', '.join(LEVELS)}, not {level!r}")
        least = logging.getLevelName(level.upper())
        self.acquire()
        try:
            kept = list(self._lines)
        finally:
            self.release()
        wanted = (line for line in reversed(kept) if logging.getLevelName(line.level.upper()) >= least)
        return list(islice(wanted, max(0, count)))[::-1]
