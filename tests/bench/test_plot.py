"""The picture: which figures it shows of which scenario, and that it is drawn."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import plot

RESULTS = {
    "transient-auto": {"leveret": {"rate": 2e6, "cpu_us": 0.5, "p99_us": None}, "rabbitmq": {"rate": 1e5}},
    "fill-drain": {"leveret": {"drain_rate": 1e6, "fill_rate": 5e5}, "rabbitmq": {"drain_rate": None}},
    "start": {"leveret": {"idle_mb": 40.0}, "rabbitmq": {"idle_mb": 0.0}},
}


def test_a_panel_has_the_scenarios_and_brokers_with_such_a_figure() -> None:
    assert plot.panel_rows(RESULTS, plot.PANELS["rate per s"]) == {
        "transient-auto": {"leveret": 2e6, "rabbitmq": 1e5},
        "fill-drain": {"leveret": 1e6},
    }
    assert plot.panel_rows(RESULTS, ("p99_us",)) == {}
    assert plot.panel_rows(RESULTS, plot.PANELS["memory, MB"]) == {"start": {"leveret": 40.0}}


@pytest.mark.parametrize("results", [RESULTS, {}], ids=["some", "none"])
def test_it_is_drawn(tmp_path: Path, results: plot.Results) -> None:
    plot.draw(results, tmp_path / "bench.svg")
    root = ElementTree.parse(tmp_path / "bench.svg").getroot()
    bars = [element.get("id") for element in root.iter() if (element.get("id") or "").startswith("axes_")]
    assert len(bars) == (3 if results else 0)


@pytest.mark.parametrize(("values", "left"), [([163.0, 163.2], 100), ([0.5, 20], 0.1), ([1.0, 2.0], 0.1), ([1e6], 1e5)])
def test_an_axis_begins_at_a_power_of_ten_below_all_values(values: list[float], left: float) -> None:
    begin, end = plot.limits(values)
    assert begin == pytest.approx(left)
    assert end > max(values)
