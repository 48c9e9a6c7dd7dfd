"""The scenarios through client libraries: short ones on a real broker, and what happens where a library is missing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bench import __main__ as bench_main
from bench.brokers import Broker, own_broker
from bench.scenarios import ALL, clients
from bench.scenarios.scenario import Scenario
from bench.settings import Settings


@pytest.mark.parametrize("name", ["pika", "kombu", "celery"])
def test_a_client_is_measured(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), seconds=0.05)
        with own_broker(settings) as broker:
            figures = ALL[name].run(broker, settings)
            assert set(ALL[name].shown) <= set(figures)
            rates = [value for figure, value in figures.items() if figure.endswith("rate")]
            assert all(rates)


def test_celery_figures_are_of_all_tasks_and_both_programs() -> None:
    producer = {"begin_ns": 1e9, "cpu_s": 1.0, "broker_s": 10.0}
    worker = {"tasks": 1000.0, "end_ns": 3e9, "cpu_s": 3.0, "broker_s": 10.5}
    assert clients.celery_figures(producer, worker) == {
        "rate": 500,
        "cpu_us": 500,
        "client_cpu_us": 4000,
        "broker_share": 12.5,
    }
    unknown = clients.celery_figures(producer | {"broker_s": None}, worker)
    assert unknown["cpu_us"] is unknown["broker_share"] is None


def test_a_missing_library_is_told_and_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_broker: Broker, _settings: Settings) -> dict[str, float | None]:
        raise AssertionError

    scenario = Scenario("odd", "odd", measure=fail, requires="no_such_library")
    runs = bench_main.measure(scenario, [Broker("one", "localhost", 1)], Settings(Path()), reps=2)
    assert runs == {"one": []}
    assert "odd: n/a, because no_such_library is not installed" in capsys.readouterr().err
    assert not Scenario("plain", "plain").obstacle()
