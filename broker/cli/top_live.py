"""brokerctl top on a terminal: draws again and again, and takes keys. Must not: know how rates are made."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from broker.cli.shown import cell
from broker.cli.top_rows import COLUMNS, ORDERS, Order, Row

QUIT: Final = ("q", "Q", "\x1b")
PAUSE: Final = (" ", "p")
CHROME_LINES: Final = 6  # of the screen that are no queues
WIDE_COLUMNS: Final = {  # shown from this width on
    "consumers": 50, "unacked": 60, "total": 70, "ack_per_s": 80, "vhost": 90, "state": 110,
}  # fmt: skip
HEADS: Final = {"in_per_s": "in/s", "out_per_s": "out/s", "ack_per_s": "ack/s"}
_ORDER_KEYS: Final = "  ".join(f"{order.key} {HEADS.get(order.column, order.column)}" for order in ORDERS)
KEYS_HELP: Final = f"q quit  space pause  sort: {_ORDER_KEYS}"
NAME_CHARACTERS: Final = 12  # a queue's name has at least so much room, a vhost's so much more at most

Read = Callable[[Order], tuple[str, Sequence[Row]]]


def run(read: Read, order: Order, interval_s: float) -> None:
    """Shows what `read` gives for the chosen order every so many seconds, until q or Ctrl-C."""
    console = Console()
    is_paused = False
    with _keys() as next_key, Live(console=console, screen=True, auto_refresh=False) as live:
        shown = read(order)
        while True:
            live.update(_screen(*shown, order, console.size.width, console.size.height, is_paused), refresh=True)
            deadline_s = time.monotonic() + interval_s
            key = next_key(interval_s)
            if key in QUIT:
                return
            if key in PAUSE:
                is_paused = not is_paused
            order = next((one for one in ORDERS if one.key == key), order)
            if not is_paused and (key == "" or time.monotonic() >= deadline_s or key in [one.key for one in ORDERS]):
                shown = read(order)


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Single keys from the terminal, which is put back as it was."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield lambda wait_s: _key(descriptor, wait_s)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _key(descriptor: int, wait_s: float) -> str:
    """A key that was pressed, or nothing after this time; keys of several bytes count as none."""
    ready, _, _ = select.select([descriptor], [], [], wait_s)
    if not ready:
        return ""
    pressed = os.read(descriptor, 32)
    return pressed.decode("ascii", "replace") if len(pressed) == 1 else "\0"


def _screen(head: str, rows: Sequence[Row], order: Order, width: int, height: int, is_paused: bool) -> Group:
    columns = [column for column in COLUMNS if width >= WIDE_COLUMNS.get(column, 0)]
    table = Table(expand=True, box=None, header_style="bold", pad_edge=False)
    for column in columns:
        mark = " ▼" if column == order.column else ""
        is_text = column in ("queue", "vhost", "state")
        table.add_column(
            f"{HEADS.get(column, column)}{mark}", justify="left" if is_text else "right", no_wrap=True,
            overflow="ellipsis", ratio=1 if column == "queue" else None,
            min_width=NAME_CHARACTERS if column == "queue" else None,
            max_width=2 * NAME_CHARACTERS if column == "vhost" else None,
        )  # fmt: skip
    for row in rows[: max(1, height - CHROME_LINES)]:
        table.add_row(*(Text(cell(row[column])) for column in columns), style="" if row["consumers"] else "dim")
    mark = "paused  " if is_paused else ""  # in front, where no terminal is too narrow for it
    head_text = Text(
        mark + cell(head), no_wrap=True, overflow="ellipsis", style="bold red" if "ALARM" in head else "bold"
    )
    return Group(head_text, Text(), table, Text(), Text(KEYS_HELP, style="dim", no_wrap=True, overflow="ellipsis"))
