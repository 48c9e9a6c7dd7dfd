"""Passwords that a command is given: as an argument, from a file, a pipe or the terminal. Must not: print one."""

from __future__ import annotations

import sys

import click

from broker.cli.exits import USAGE, CtlError
from broker.cli.target import first_line

STANDARD_INPUT = "-"


def new_password(given: str | None, file: str | None) -> str:
    """A password to be set; without an argument it is asked for twice, or read from a pipe. Raises: CtlError."""
    return _password(given, file, "New password", True)


def known_password(given: str | None, file: str | None) -> str:
    """A password to be tried. Raises: CtlError."""
    return _password(given, file, "Password", False)


def _password(given: str | None, file: str | None, prompt: str, is_new: bool) -> str:
    if given is not None and file is not None:
        raise CtlError("the password is given twice: as an argument and as a file", USAGE)
    if given is not None:
        return given
    if file is not None and file != STANDARD_INPUT:
        return first_line(file)
    if file == STANDARD_INPUT or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = click.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True)
    return asked
