"""The recorded instructions of each lane, per Python version, and how far a count may be above. Must not: count."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_name("recorded.toml")
ABOVE_MAX: Final = 0.10
BELOW_SHOWN: Final = 0.10
Figures = dict[str, int]
HEAD: Final = """\
# Instructions for each message, counted by `make instructions` and written by `make instructions-record`.
# A section for each version of Python; a count more than a tenth above its figure fails.
"""


def this_python() -> str:
    """The section of the running interpreter."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}"


def load(table: Path = TABLE) -> dict[str, Figures]:
    """All sections; none where nothing is recorded."""
    return tomllib.loads(table.read_text()) if table.exists() else {}


def record(section: str, figures: Figures, table: Path = TABLE) -> None:
    """Replaces one section."""
    sections = load(table) | {section: figures}
    lines = [HEAD]
    for name, lanes in sorted(sections.items()):
        lines += [f'["{name}"]', *(f"{lane} = {count}" for lane, count in lanes.items()), ""]
    table.write_text("\n".join(lines))


def slower(recorded: Figures, counted: Figures) -> list[str]:
    """A line for each lane that is too far above its figure, or is there on one side only."""
    lines = [f"{lane}: no lane of this name is counted any more" for lane in recorded if lane not in counted]
    for lane, count in counted.items():
        if lane not in recorded:
            lines.append(f"{lane}: {count} a message, and nothing recorded")
        elif count > recorded[lane] * (1 + ABOVE_MAX):
            lines.append(
                f"{lane}: {count} instructions a message, {count / recorded[lane] - 1:+.0%} of {recorded[lane]}"
            )
    return lines


def shown(recorded: Figures, counted: Figures) -> str:
    """Every lane with its figure and the difference, as a table."""
    rows = [f"{'lane':<16}{'recorded':>12}{'counted':>12}{'':>8}"]
    for lane, count in counted.items():
        figure = recorded.get(lane)
        change = f"{count / figure - 1:+8.1%}" if figure else ""
        rows.append(f"{lane:<16}{figure if figure else '-':>12}{count:>12}{change}")
    return "\n".join(rows)
