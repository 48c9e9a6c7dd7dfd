"""Bars on a terminal that show how far long work has come. Must not: write where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")
SHORT: Final = 3  # items at which no bar is worth its line


def counting(verb: str, items: Sequence[T]) -> Iterator[T]:
    """The items, one by one, with a bar on stderr where that is a terminal."""
    with bar(verb, len(items) if len(items) > SHORT else 0) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def bar(verb: str, total: int, is_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar of so many steps; what it gives is called with how many are done. A total of 0 shows none."""
    if not total or not sys.stderr.isatty():
        yield _nothing
        return
    from rich import progress as bars  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415 - only who watches waits for it

    shown = bars.DownloadColumn() if is_bytes else bars.MofNCompleteColumn()
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), shown, bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(verb, total=total)
        yield lambda count: progress.advance(task, count)


def _nothing(_count: int) -> None:
    """For whoever is not watched."""
