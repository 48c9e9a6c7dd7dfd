"""The answer to a scrape as text, in pieces: rows of the table and what they say, through the library's encoders.

Must not: hold a metric that is not in the table, or make much of the text in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Any, Final

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from broker.introspection.infos import Distribution
from broker.metrics.kinds import COUNTER, HistogramMetric, LabelledMetric, Metric, ObjectKind, ObjectMetric, Sources

FAMILIES_IN_ONE_GO: Final = 20
LINES_IN_ONE_GO: Final = 100  # of objects: less than a millisecond's work
END: Final = b"# EOF\n"  # of OpenMetrics
Encode = Callable[[Any], bytes]


def _as_it_is(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True)
class Line:
    """What the lines about one object say: its labels, and a value for each row that is told; None is no line."""

    labels: list[str]
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Lines:
    """All that is told about objects of a kind."""

    kind: ObjectKind
    rows: Sequence[ObjectMetric]
    lines: list[Line] = field(default_factory=list)

    def add(self, infos: Sequence[Any]) -> None:
        """The values of some objects now."""
        for info in infos:
            labels = [clean(value) for value in self.kind.label_values(info)]
            self.lines.append(Line(labels, [row.each(info) for row in self.rows]))


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape is told: rows about the whole, totals of rows about objects, and objects by themselves."""

    sources: Sources
    metrics: Sequence[Metric]
    labelled: Sequence[LabelledMetric] = ()
    histograms: Sequence[HistogramMetric] = ()
    totals: Sequence[ObjectMetric] = ()
    objects: Sequence[Lines] = ()
    rename: Callable[[str], str] = _as_it_is


class Families:
    """Some metrics, as the library's encoders want to be given them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Sequence[Family]:
        """All of them."""
        return self._families


def text(scrape: Scrape, encode: Encode) -> Iterator[bytes]:
    """The answer in pieces."""
    is_open_metrics = encode(Families([])).endswith(END)
    whole = _families(scrape, is_open_metrics)
    while some := list(islice(whole, FAMILIES_IN_ONE_GO)):
        yield encode(Families(some)).removesuffix(END)
    for lines in scrape.objects:
        for at, row in enumerate(lines.rows):
            yield from _of_objects(at, row, lines, scrape.rename(row.name), encode)
    if is_open_metrics:
        yield END


def _families(scrape: Scrape, is_open_metrics: bool) -> Iterator[Family]:
    sources = scrape.sources
    for metric in scrape.metrics:
        family = _family(metric.kind)(scrape.rename(metric.name), metric.help, labels=metric.labels)
        family.add_metric([clean(value) for value in metric.label_values(sources)], metric.read(sources))
        yield family
    for row in scrape.labelled:
        family = _family(row.kind)(scrape.rename(row.name), row.help, labels=row.label.split())
        for label, number in row.read(sources).items():
            family.add_metric([clean(one) for one in ((label,) if isinstance(label, str) else label)], number)
        yield family
    for spread in scrape.histograms:
        yield _histogram(spread, spread.read(sources), is_open_metrics)
    for total in scrape.totals:
        value = total.total(sources) if total.total is not None else None
        if value is not None:
            yield _family(total.kind)(total.name, total.help, value)


def _family(kind: str) -> type[CounterMetricFamily] | type[GaugeMetricFamily]:
    return CounterMetricFamily if kind == COUNTER else GaugeMetricFamily


def _histogram(row: HistogramMetric, spreads: Mapping[str, Distribution], is_open_metrics: bool) -> Family:
    """Bounds are written as RabbitMQ writes them (100), since dashboards ask for that; OpenMetrics wants 100.0."""
    labels = [row.label] if row.label else []
    family = HistogramMetricFamily(row.name, row.help, labels=labels)
    for name, values in spreads.items():
        bounds = [bound if row.unit == 1 and not is_open_metrics else bound / row.unit for bound in values.bounds]
        buckets = list(zip([*map(str, bounds), "+Inf"], accumulate(values.counts), strict=True))
        family.add_metric([clean(name)] if labels else [], buckets, values.total / row.unit)
    return family


def _of_objects(at: int, row: ObjectMetric, lines: Lines, name: str, encode: Encode) -> Iterator[bytes]:
    """The lines of one metric, its head only before the first."""
    every = lines.lines
    for start in range(0, max(1, len(every)), LINES_IN_ONE_GO):
        family = _family(row.kind)(name, row.help, labels=lines.kind.labels)
        for line in every[start : start + LINES_IN_ONE_GO]:
            value = line.values[at]
            if value is not None:
                family.add_metric(line.labels, value)
        piece = encode(Families([family])).removesuffix(END)
        yield piece if not start else b"".join(part for part in piece.splitlines(True) if not part.startswith(b"#"))


def clean(text: str) -> str:
    """A name that need not be UTF-8, as text that is."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
