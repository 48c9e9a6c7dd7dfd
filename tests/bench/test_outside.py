"""What the bench reads from the command line and from the system, and how it shows figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import lavinmq, report
from bench.__main__ import Table
from bench.apart import Figures
from bench.brokers import Broker, parse_broker
from bench.processes import stat_fields
from bench.scenarios import ALL, FAMILIES, select
from bench.scenarios.scenario import Scenario


def test_broker_on_the_command_line() -> None:
    assert parse_broker("rabbit=127.0.0.1:5673:12,34") == Broker("rabbit", "127.0.0.1", 5673, [12, 34])
    known = parse_broker("rabbit=localhost:5673:12:/var/lib/rabbitmq")
    assert known == Broker("rabbit", "localhost", 5673, [12], folder=Path("/var/lib/rabbitmq"))
    assert parse_broker("rabbit=localhost:5673") == Broker("rabbit", "localhost", 5673, [])


@pytest.mark.parametrize("text", ["127.0.0.1:5672", "=localhost:1", "rabbit=localhost", "rabbit=localhost:x:1"])
def test_a_bad_broker_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_broker(text)


def test_stat_of_a_process_with_an_odd_name() -> None:
    after = "S 7 1 1 0 -1 0 0 0 0 0 120 30 4 5 20 0 1 0 99"
    assert stat_fields(f"42 (a) b ) {after}") == (7, 150)


def test_every_scenario_has_a_name_of_its_own_and_labels() -> None:
    assert len(ALL) == sum(len(family) for family in FAMILIES.values())
    assert not {figure for scenario in ALL.values() for figure in scenario.shown} - set(report.LABELS)


def test_a_family_is_all_its_scenarios_in_the_tables_order() -> None:
    assert [scenario.name for scenario in select(["space", "transient-auto"])] == [
        "transient-auto",
        "space-1000",
        "space-5",
    ]
    assert select(list(FAMILIES)) == list(ALL.values())


def test_durable_publish_is_measured_with_every_window_and_number_of_producers() -> None:
    names = {f"durable-{window}-{producers}" for window in (1, 100, 500) for producers in (1, 16)}
    assert names < {scenario.name for scenario in FAMILIES["durable"]}


@pytest.mark.parametrize(
    ("value", "text"), [(None, "n/a"), (0.0, "0"), (0.004, "0.00"), (99.96, "100.0"), (1e6, "1,000,000")]
)
def test_a_figure_as_text(value: float | None, text: str) -> None:
    assert report.shown(value) == text


def test_table() -> None:
    assert (
        report.header(["leveret", "rabbit"]).splitlines()[0]
        == "| scenario | figure | leveret | rabbit | leveret / rabbit |"
    )
    results = {"leveret": {"rate": 250_000.0, "cpu_us": 1.5}, "rabbit": {"rate": 25_000.0, "cpu_us": None}}
    assert report.rows("one", ["rate", "cpu_us"], results).splitlines() == [
        "| one | rate per s | 250,000 | 25,000 | 10.0 |",
        "|  | broker CPU µs | 1.50 | n/a | n/a |",
    ]


@pytest.mark.parametrize("scenario", ALL.values(), ids=lambda scenario: scenario.name)
def test_every_scenario_shows_memory_and_all_three_latencies_or_none(scenario: Scenario) -> None:
    assert {figure for figure in scenario.shown if "memory" in figure or figure.endswith("_mb")}
    shown = {figure for figure in scenario.shown if figure in ("p50_us", "p99_us", "p999_us")}
    assert len(shown) in (0, 3)


def test_without_names_the_usual_scenarios_run_and_all_means_all() -> None:
    assert select(["all"]) == list(ALL.values())
    usual = select([])
    assert usual == [scenario for scenario in ALL.values() if scenario.is_usual]
    assert 0 < len(usual) < len(ALL)


def test_lavinmq_is_scaled_from_rabbitmq_and_only_where_there_is_a_counterpart() -> None:
    results = {"leveret": {"cpu_us": 1.0}, "rabbitmq": {"cpu_us": 20.0}}
    assert lavinmq.scaled("fanout", results) == {"cpu_us": pytest.approx(2.28)}
    assert lavinmq.scaled("many", results) == {}
    assert lavinmq.scaled("fanout", {"leveret": {"cpu_us": 1.0}}) == {}
    assert lavinmq.scaled("fanout", {"rabbitmq": {"cpu_us": None}}) == {}
    assert set(lavinmq.MEASURED_US) <= set(ALL)


def test_the_table_has_a_column_for_lavinmq_beside_rabbitmq_only(capsys: pytest.CaptureFixture[str]) -> None:
    runs: dict[str, list[Figures]] = {"leveret": [{"cpu_us": 0.7}], "rabbitmq": [{"cpu_us": 7.0}]}
    Table(["leveret"]).add(ALL["fanout"], {"leveret": runs["leveret"]})
    assert "LavinMQ" not in capsys.readouterr().out
    table = Table(["leveret", "rabbitmq"])
    table.add(ALL["transient-auto"], runs)
    table.end()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(
        "| leveret | rabbitmq | LavinMQ, scaled | leveret / rabbitmq | leveret / LavinMQ, scaled |"
    )
    assert "|  | broker CPU µs | 0.70 | 7.00 | 0.74 | 0.10 | 0.95 |" in lines
    assert "not measured" in lines[-1]
