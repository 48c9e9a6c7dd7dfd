"""Every scenario, by family: a name, a title, a load, and the figures worth showing.

Must not: run anything by itself.
"""

from __future__ import annotations

from bench.scenarios import footprint, latency, many, persistent, priority, routing, transient
from bench.scenarios.scenario import Scenario

FAMILIES = (transient, persistent, routing, priority, latency, many, footprint)
ALL: dict[str, Scenario] = {scenario.name: scenario for family in FAMILIES for scenario in family.SCENARIOS}
