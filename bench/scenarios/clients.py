"""Through the libraries that applications use: pika, kombu, and Celery with a real worker."""

from __future__ import annotations

from bench.apart import Figures, Process, sampled
from bench.arithmetic import per_message_us, ratio
from bench.brokers import Broker
from bench.connection import Control
from bench.scenarios.scenario import CPU, MEMORY, RATE, Measure, Scenario
from bench.settings import Settings

QUEUE = "leveret-bench-clients"
SHOWN = (
    "publish_rate", "publish_cpu_us", "publish_client_us", "consume_rate", "consume_cpu_us", "consume_client_us",
    MEMORY,
)  # fmt: skip
CELERY_SHOWN = (RATE, CPU, "client_cpu_us", "broker_share", MEMORY)


def _request(broker: Broker, settings: Settings) -> dict[str, object]:
    return {
        "host": broker.host,
        "port": broker.port,
        "pids": broker.pids(),
        "queue": QUEUE,
        "seconds": settings.seconds,
    }


def _through(program: str) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        figures, peak_mb = sampled(Process(f"bench.clients.{program}", _request(broker, settings)), broker.pids())
        return figures | {MEMORY: peak_mb}

    return run


def _delete(broker: Broker) -> None:
    control = Control(broker.host, broker.port)
    control.delete(QUEUE)
    control.delete_exchange(QUEUE)
    control.close()


def celery_figures(producer: Figures, worker: Figures) -> Figures:
    """Figures of all tasks, from the first one's sending to the last one's end."""
    tasks = int(worker["tasks"] or 0)
    elapsed_ns = (worker["end_ns"] or 0) - (producer["begin_ns"] or 0)
    clients_s = (worker["cpu_s"] or 0) + (producer["cpu_s"] or 0)
    before_s, after_s = producer["broker_s"], worker["broker_s"]
    broker_s = after_s - before_s if after_s is not None and before_s is not None else None
    share = ratio(broker_s, clients_s)
    return {
        RATE: tasks * 1e9 / elapsed_ns,
        CPU: per_message_us(broker_s, tasks),
        "client_cpu_us": per_message_us(clients_s, tasks),
        "broker_share": share * 100 if share is not None else None,
    }


def celery(broker: Broker, settings: Settings) -> Figures:
    """A worker works while a producer sends; the last task ends both."""
    _delete(broker)
    request = _request(broker, settings)
    worker = Process("bench.clients.celery_worker", request)
    try:
        worker.wait_started()
        producer, _ = sampled(Process("bench.clients.celery_producer", request), broker.pids())
        done, peak_mb = sampled(worker, broker.pids())
    finally:
        worker.stop()
        _delete(broker)
    return celery_figures(producer, done) | {MEMORY: peak_mb}


SCENARIOS = [
    Scenario(
        name,
        f"{name}, one connection: persistent, 100 B, published, then consumed, acked one by one, prefetch 100",
        shown=SHOWN,
        measure=_through(f"{name}_client"),
        requires=name,
        uses_disk=True,
    )
    for name in ("pika", "kombu")
] + [
    Scenario(
        "celery",
        "Celery: tasks that do nothing, one producer, one worker (threads pool, one thread)",
        shown=CELERY_SHOWN,
        measure=celery,
        requires="celery",
        seconds=4.0,
        uses_disk=True,
    )
]
