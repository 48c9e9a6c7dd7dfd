"""What a row of the metrics' table is: one number, one number an object, or a histogram. Must not: name any metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from broker.introspection.infos import Distribution, NodeInfo, Overview

GAUGE: Final = "gauge"
COUNTER: Final = "counter"
HISTOGRAM: Final = "histogram"
NO_DISTRIBUTIONS: Final[Mapping[str, Distribution]] = {}


@dataclass(frozen=True, slots=True)
class Sources:
    """What one scrape reads; `endpoint` is which of the paths it asks: aggregated, per-object or detailed."""

    overview: Overview
    node: NodeInfo
    endpoint: str = "aggregated"
    task_waits: Mapping[str, Distribution] | None = None  # by task name, in ms; None where nobody wants them
    logins: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # by protocol: succeeded, failed
    moved: Mapping[str, int] = field(default_factory=dict)  # messages by kind of job
    jobs_running: int = 0
    changed: tuple[int, int, int] = (0, 0, 0)  # changes of queues, redeclarations accepted, messages to be sorted
    left: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by queue type, strategy and reason


@dataclass(frozen=True, slots=True)
class Metric:
    """One row; a counter's name ends in `_total`. Label values go with the names of `labels`."""

    name: str
    kind: str
    help: str
    read: Callable[[Sources], float]
    labels: tuple[str, ...] = ()
    label_values: Callable[[Sources], tuple[str, ...]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class LabelledMetric:
    """One row that has a number for each value of its label, or of its labels, which stand with a blank between."""

    name: str
    kind: str
    help: str
    label: str
    read: Callable[[Sources], Mapping[str, float] | Mapping[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class HistogramMetric:
    """One row that tells how values are spread, by the value of its label; bounds and sum are divided by `unit`."""

    name: str
    help: str
    read: Callable[[Sources], Mapping[str, Distribution]]
    unit: int = 1
    label: str = ""


@dataclass(frozen=True, slots=True)
class ObjectMetric:
    """One row of numbers that exist once for each object of a kind, and perhaps once for all of them together.

    `family` is what /metrics/detailed calls the group it belongs to. Without a `total` it stands only where objects
    are told apart; where `each` is None an object has no line.
    """

    name: str
    kind: str
    family: str
    help: str
    each: Callable[[Any], float | None]
    total: Callable[[Sources], float | None] | None = None


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """The rows about one kind of object, and what tells such objects apart."""

    name: str
    labels: tuple[str, ...]
    label_values: Callable[[Any], tuple[str, ...]]
    metrics: tuple[ObjectMetric, ...]
