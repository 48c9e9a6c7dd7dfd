"""Draws medians as bars, a panel for each kind of figure, to a file. Needs matplotlib, which is imported only here.

Must not: compute any figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.apart import Figures
from bench.report import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIBRARY = "matplotlib"
PANELS = {  # title: the figures that are drawn there, the first one that a scenario has
    "rate per s": ("rate", "drain_rate", "consume_rate"),
    "broker CPU, µs per message": ("cpu_us", "drain_cpu_us", "consume_cpu_us"),
    "p99, µs": ("p99_us",),
    "p99.9, µs": ("p999_us",),
    "memory, MB": ("memory_peak_mb", "memory_full_mb", "idle_mb", "connections_mb", "queues_mb"),
}
ROW_INCHES = 0.22  # a bar's height
PANEL_INCHES = 4.5
HEAD_INCHES = 1.2
BAR_FIRST = 0.5  # half of a row
LABEL_ROOM = 12.0  # how many times the largest value the axis goes on
Results = Mapping[str, Mapping[str, Figures]]  # scenario: broker: medians


def panel_rows(results: Results, figures: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """What a panel shows: for each scenario that has one of the figures, the value of each broker that has it."""
    rows = {}
    for scenario, brokers in results.items():
        found = next((name for name in figures if any(medians.get(name) for medians in brokers.values())), None)
        if found:
            rows[scenario] = {broker: value for broker, medians in brokers.items() if (value := medians.get(found))}
    return rows


def limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a logarithmic axis: the power of ten below all values, and room for a label beyond the largest."""
    return 10.0 ** math.floor(math.log10(min(values)) - 0.1), max(values) * LABEL_ROOM


def draw(results: Results, path: Path) -> None:
    """Writes the picture, in the format that the file's suffix names (svg, png, pdf).

    Raises: ImportError where matplotlib is missing, ValueError for an unknown suffix.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    panels = {title: rows for title, names in PANELS.items() if (rows := panel_rows(results, names))}
    brokers = list(dict.fromkeys(name for rows in panels.values() for values in rows.values() for name in values))
    colours = {broker: f"C{at}" for at, broker in enumerate(brokers)}
    tallest = max((len(rows) for rows in panels.values()), default=1)
    height = HEAD_INCHES + ROW_INCHES * (len(brokers) + 1) * tallest
    figure = Figure(figsize=(PANEL_INCHES * max(len(panels), 1), height), layout="constrained")
    for at, (title, rows) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), at + 1)
        axes.set(title=title, xscale="log", ylim=(tallest - BAR_FIRST, -BAR_FIRST))
        axes.set_xlim(limits([value for values in rows.values() for value in values.values()]))
        axes.set_yticks(range(len(rows)), list(rows), fontsize="small")
        _draw_bars(axes, rows, colours)
    patches = [Patch(color=colour, label=broker) for broker, colour in colours.items()]
    figure.legend(handles=patches, loc="outside upper left", ncols=max(len(brokers), 1))
    figure.savefig(path)


def _draw_bars(axes: Axes, rows: dict[str, dict[str, float]], colours: dict[str, str]) -> None:
    width = 1 / (len(colours) + 1)
    for number, (broker, colour) in enumerate(colours.items()):
        shift = (number - (len(colours) - 1) / 2) * width
        places = [row + shift for row, values in enumerate(rows.values()) if broker in values]
        values = [values[broker] for values in rows.values() if broker in values]
        bars = axes.barh(places, values, width, color=colour)
        axes.bar_label(bars, [shown(value) for value in values], padding=2, fontsize="x-small")
