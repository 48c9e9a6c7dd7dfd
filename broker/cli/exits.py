"""brokerctl's exit statuses, one table that code, help and docs read, and the errors that end a command with one.

Must not: print, or end the process.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Exit(NamedTuple):
    """One exit status; `name` is sysexits.h's, as rabbitmqctl uses them."""

    code: int
    name: str
    meaning: str


OK: Final = 0
FOUND: Final = 1
USAGE: Final = 64
DATA: Final = 65
NO_INPUT: Final = 66
NO_USER: Final = 67
UNAVAILABLE: Final = 69
SOFTWARE: Final = 70
CANNOT_CREATE: Final = 73
TEMPORARY: Final = 75
NOT_ALLOWED: Final = 77
INTERRUPTED: Final = 130

EXITS: Final = (
    Exit(OK, "EX_OK", "done"),
    Exit(FOUND, "", "done, and something is wrong: doctor's findings, a damaged log, a message that no queue took"),
    Exit(USAGE, "EX_USAGE", "the command line is wrong"),
    Exit(DATA, "EX_DATAERR", "the broker refused what it was given: a value, or something that is not there"),
    Exit(NO_INPUT, "EX_NOINPUT", "a file or a data folder cannot be read"),
    Exit(NO_USER, "EX_NOUSER", "there is no such user"),
    Exit(UNAVAILABLE, "EX_UNAVAILABLE", "no broker answers there, or a check of it failed"),
    Exit(SOFTWARE, "EX_SOFTWARE", "the broker failed, answered what is no answer, or has that user already"),
    Exit(CANNOT_CREATE, "EX_CANTCREAT", "a file cannot be written"),
    Exit(TEMPORARY, "EX_TEMPFAIL", "no answer in time, or nothing can be stored now; try again"),
    Exit(NOT_ALLOWED, "EX_NOPERM", "the broker does not know this user and password, or the user may not do that"),
    Exit(INTERRUPTED, "", "ended from the keyboard"),
)


class CtlError(Exception):
    """A command that ends with an exit status; the text says what is wrong and what to do."""

    exit_code = SOFTWARE

    def __init__(self, text: str, exit_code: int | None = None) -> None:
        super().__init__(text)
        if exit_code is not None:
            self.exit_code = exit_code


class NotRunningError(CtlError):
    """No broker answers."""

    exit_code = UNAVAILABLE


class DataError(CtlError):
    """What was given cannot be used."""

    exit_code = DATA


class RefusedError(CtlError):
    """The broker did not do what it was asked; `status` is that of its HTTP answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text, _exit_of(status))
        self.status = status


HTTP_EXITS: Final = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 408: TEMPORARY, 429: TEMPORARY, 503: TEMPORARY}
SERVER_ERROR: Final = 500


def _exit_of(status: int) -> int:
    return HTTP_EXITS.get(status, SOFTWARE if status >= SERVER_ERROR else DATA)
