"""Every scenario, by family: a name, a title, a load, and the figures worth showing.

Must not: run anything by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.scenarios import (
    backlog,
    celery_like,
    clients,
    depth,
    durable,
    fairness,
    footprint,
    latency,
    many,
    overdue,
    persistent,
    priority,
    readers,
    restart,
    routing,
    space,
    transient,
)
from bench.scenarios.scenario import Scenario

MODULES = (
    transient, persistent, routing, priority, celery_like, latency, many, fairness, footprint, clients, durable,
    backlog, depth, restart, space, readers, overdue,
)  # fmt: skip
FAMILIES: dict[str, list[Scenario]] = {module.__name__.rpartition(".")[2]: module.SCENARIOS for module in MODULES}
ALL: dict[str, Scenario] = {scenario.name: scenario for family in FAMILIES.values() for scenario in family}
EVERY = "all"
NAMES = (EVERY, *dict.fromkeys((*FAMILIES, *ALL)))


def select(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names, each of a family or of one scenario, in the table's order; the usual ones without.

    The name `all` stands for every scenario.
    """
    if EVERY in names:
        return list(ALL.values())
    if not names:
        return [scenario for scenario in ALL.values() if scenario.is_usual]
    chosen = {scenario.name for name in names for scenario in FAMILIES.get(name, ())} | set(names)
    return [scenario for scenario in ALL.values() if scenario.name in chosen]
