"""Log lines: one line each, no secrets, two forms, the recent ones kept, and a writer that nobody waits for."""

from __future__ import annotations

import json
import logging
import queue
import re
import sys
from pathlib import Path

import pytest

from broker.config import Config, ConfigError, load_config
from broker.log_output import LINES_WAITING_MAX, _Waiting, logging_to
from broker.logs import (
    CUT_MARK,
    MESSAGE_CHARACTERS_MAX,
    RECENT_LINES_MAX,
    TRACEBACK_CHARACTERS_MAX,
    RecentLines,
    as_json,
    as_text,
    clean,
    line_of,
    timestamp,
)

SECRET = "hunter2-and-more"
HOSTILE = "a\n2026-01-01T00:00:00.000Z error leveret: forged\r\x1b[2J\x00\u2028\u202e\x9b\tz"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) [\w.]+: ")


def record(message: str, *args: object, level: int = logging.WARNING, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("leveret.test", level, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def failing(message: str) -> logging.LogRecord:
    made = record("it failed")
    try:
        raise RuntimeError(message)
    except RuntimeError:
        made.exc_info = sys.exc_info()
    return made


def config(tmp_path: Path, *flags: str) -> Config:
    return load_config(["--data-dir", str(tmp_path), *flags], {})


@pytest.mark.parametrize(
    "text",
    [
        f"broker_url=amqp://ann:{SECRET}@host:5672//",
        f"cannot reach amqps://ann:{SECRET}@host and redis://:{SECRET}@other",
        f"header Authorization: Basic {SECRET}==",
        f"authorization='Bearer {SECRET}'",
        f"{{'name': 'ann', 'password': '{SECRET}', 'tags': ''}}",
        f'{{"password_hash": "{SECRET}", "name": "ann"}}',
        f"default_pass = {SECRET}",
        f"login?user=ann&token={SECRET}&x=1",
        f"PASSWORD={SECRET}",
    ],
)
def test_secrets_are_not_shown(text: str) -> None:
    shown = clean(text)
    assert SECRET not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text", ["amqp://host:5672/vhost", "queue 'password' in vhost '/'", "login of user 'ann' refused (PLAIN)"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("form", [as_text, as_json])
def test_a_name_cannot_forge_a_line(form: object) -> None:
    shown = form(line_of(record("user %s", HOSTILE, user=HOSTILE)))  # type: ignore[operator]
    assert all(character.isprintable() for character in shown)
    assert "forged" in shown


def test_a_traceback_cannot_forge_a_line() -> None:
    shown = as_text(line_of(failing(HOSTILE))).split("\n")
    assert LINE.match(shown[0])
    assert len(shown) > 3
    assert all(line.startswith("    ") for line in shown[1:])
    assert all(character.isprintable() for character in "".join(shown))


def test_a_traceback_has_no_secrets_and_an_end() -> None:
    line = line_of(failing(f"amqp://a:{SECRET}@b " + "x" * 100_000))
    assert len(line.traceback) <= TRACEBACK_CHARACTERS_MAX
    assert SECRET not in as_text(line) + as_json(line)


def test_a_long_message_is_cut() -> None:
    shown = clean("x" * 100_000)
    assert len(shown) == MESSAGE_CHARACTERS_MAX
    assert shown.endswith(CUT_MARK)


def test_json_has_the_fields() -> None:
    told = json.loads(
        as_json(line_of(record("m %d", 7, connection="c", user="u", vhost="/", channel=3, connection_name="")))
    )
    assert LINE.match(f"{told.pop('time')} warning leveret.test: ")
    assert told == {
        "level": "warning", "logger": "leveret.test", "message": "m 7",
        "connection": "c", "user": "u", "vhost": "/", "channel": 3,
    }  # fmt: skip


def test_json_has_the_traceback() -> None:
    assert json.loads(as_json(line_of(failing("why")))).get("traceback", "").endswith("RuntimeError: why")


def test_a_time_is_in_utc() -> None:
    assert timestamp(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"


def test_a_record_whose_arguments_do_not_fit_is_shown() -> None:
    assert line_of(record("%d and %d", "x")).message == "%d and %d (its arguments do not fit)"


class TestRecentLines:
    def test_gives_the_newest_of_a_level_in_order(self) -> None:
        recent = RecentLines()
        for number in range(10):
            recent.handle(record("%d", number, level=logging.ERROR if number % 2 else logging.INFO))
        assert [line.message for line in recent.lines(3)] == ["7", "8", "9"]
        assert [line.message for line in recent.lines(3, "warning")] == ["5", "7", "9"]
        assert len(recent.lines()) == 10
        assert recent.lines(0) == recent.lines(-1) == []

    def test_keeps_so_many_and_no_more(self) -> None:
        recent = RecentLines()
        for number in range(RECENT_LINES_MAX + 5):
            recent.handle(record("%d", number))
        assert [line.message for line in recent.lines()][:1] == ["5"]
        assert len(recent.lines()) == RECENT_LINES_MAX

    def test_keeps_the_end_of_a_long_traceback(self) -> None:
        recent = RecentLines()
        recent.handle(failing("x" * 10_000 + "end"))
        (line,) = recent.lines()
        assert len(line.traceback) == MESSAGE_CHARACTERS_MAX
        assert line.traceback.endswith("end")

    def test_refuses_an_unknown_level(self) -> None:
        with pytest.raises(ValueError, match="one of debug, info"):
            RecentLines().lines(1, "loud")


class TestOutput:
    def test_goes_to_stderr_the_file_and_the_recent_lines(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        file, recent = tmp_path / "broker.log", RecentLines()
        with logging_to(config(tmp_path, "--log-file", str(file), "--log-format", "json"), recent):
            logging.getLogger("leveret.test").info("hello", extra={"connection": "c"})
            logging.getLogger("leveret.test").debug("too low")
            logging.getLogger("other").info("a library's chatter")
            logging.getLogger("other").warning("a library's warning")
        lines = file.read_text().splitlines()
        assert [json.loads(line)["message"] for line in lines] == ["hello", "a library's warning"]
        assert [line for line in capfd.readouterr().err.splitlines() if line in lines] == lines
        assert [line.message for line in recent.lines()] == ["hello", "a library's warning"]
        assert json.loads(lines[0])["connection"] == "c"
        logging.getLogger("leveret.test").warning("afterwards")
        assert len(recent.lines()) == 2

    def test_the_file_is_rotated_and_private(self, tmp_path: Path) -> None:
        file = tmp_path / "broker.log"
        flags = ("--log-file", str(file), "--log-file-max-bytes", "65536", "--log-files-kept", "2")
        with logging_to(config(tmp_path, *flags), RecentLines()):
            for number in range(200):
                logging.getLogger("leveret.test").warning("%d %s", number, "x" * 2000)
        files = sorted(tmp_path.glob("broker.log*"))
        assert [path.name for path in files] == ["broker.log", "broker.log.1", "broker.log.2"]
        assert all(path.stat().st_size <= 65536 for path in files)
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
        assert " 199 " in file.read_text()

    def test_a_file_that_cannot_be_written_is_one_line_for_the_user(self, tmp_path: Path) -> None:
        place = tmp_path / "absent" / "broker.log"
        output = logging_to(config(tmp_path, "--log-file", str(place)), RecentLines())
        with pytest.raises(ConfigError, match=f"log_file: cannot write {place}: no such file or directory"), output:
            pass

    def test_what_cannot_be_written_in_time_is_dropped_and_counted(self) -> None:
        waiting: queue.Queue[logging.LogRecord] = queue.Queue(LINES_WAITING_MAX)
        handler = _Waiting(waiting)
        for number in range(LINES_WAITING_MAX + 7):
            handler.handle(record("%d", number))
        for _ in range(LINES_WAITING_MAX):
            waiting.get_nowait()
        handler.handle(record("after"))
        assert line_of(waiting.get_nowait()).message.startswith("7 lines were dropped here")
        assert line_of(waiting.get_nowait()).message == "after"
