"""How long others wait while what fills a queue expires, as fast as it came, or goes to a dead-letter queue.

Must not: judge a figure.
"""

from __future__ import annotations

import time

from bench import processes
from bench.apart import Figures
from bench.arithmetic import per_message_us
from bench.brokers import Broker, rested
from bench.connection import Control
from bench.load import latency
from bench.scenarios import filling
from bench.scenarios.filling import QUEUE, STRAGGLERS
from bench.scenarios.scenario import LATENCIES, Measure, Scenario
from bench.settings import Settings

MESSAGES_MAX = 100_000
LIFE_S = 8.0  # longer than filling takes
WAIT_S_MAX = 60.0
PAUSE_S = 0.001  # between two questions
SHOWN = ("gone_rate", "gone_cpu_us", *LATENCIES, "memory_after_mb")


class _Asking:
    """Asks again and again how full queues are, and how long that takes from when the first message has gone."""

    def __init__(self, control: Control, broker: Broker, messages: int) -> None:
        self.control = control
        self.pids = broker.pids()
        self.messages = messages
        self.took_ns: list[int] = []
        self.begun_s = 0.0
        self.begun_cpu_s: float | None = None

    def until_gone(self, letters: int) -> Figures:
        """Raises: RuntimeError where messages stay, or letters do not arrive."""
        until = time.monotonic() + WAIT_S_MAX
        while self._ask(QUEUE) or (letters and self._ask(STRAGGLERS) < letters):
            if time.monotonic() > until:
                raise RuntimeError("the messages do not go")
            time.sleep(PAUSE_S)
        cpu_s = processes.cpu_s(self.pids)
        used_s = None if cpu_s is None or self.begun_cpu_s is None else cpu_s - self.begun_cpu_s
        return {
            "gone_rate": self.messages / (time.monotonic() - self.begun_s),
            "gone_cpu_us": per_message_us(used_s, self.messages),
            **latency(self.took_ns),
            "memory_after_mb": processes.memory_mb(self.pids),
        }

    def _ask(self, queue: str) -> int:
        begun_ns = time.perf_counter_ns()
        count = self.control.depth(queue) or 0
        took_ns = time.perf_counter_ns() - begun_ns
        if not self.begun_s and queue == QUEUE and count < self.messages:
            self.begun_s, self.begun_cpu_s = time.monotonic(), processes.cpu_s(self.pids)
        if self.begun_s:
            self.took_ns.append(took_ns)
        return count


def _measure(unlike: bool, goes_on: bool) -> Measure:
    def run(broker: Broker, settings: Settings) -> Figures:
        with rested(broker, settings) as fresh:
            return expire(fresh, min(settings.depth, MESSAGES_MAX), LIFE_S, unlike, goes_on)

    return run


def expire(broker: Broker, messages: int, life_s: float, unlike: bool, goes_on: bool) -> Figures:
    """Fills a queue whose messages live so long, and looks on until they have gone; `goes_on` has them dead-lettered.

    Raises: RuntimeError where some have gone before all have come.
    """
    control = Control(broker.host, broker.port)
    arguments: dict[str, int | str] = {"x-message-ttl": int(life_s * 1000)}
    if goes_on:
        arguments |= {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": STRAGGLERS}
    control.declare(STRAGGLERS, durable=True)
    control.declare(QUEUE, durable=True, arguments=arguments)
    try:
        filling.fill(broker, messages, unlike)
        if control.depth(QUEUE) != messages:
            raise RuntimeError("messages expire before all have come")
        return _Asking(control, broker, messages).until_gone(messages if goes_on else 0)
    finally:
        control.close()
        filling.delete(broker, QUEUE, STRAGGLERS)


def _scenario(name: str, title: str, unlike: bool, goes_on: bool) -> Scenario:
    return Scenario(name, title, shown=SHOWN, measure=_measure(unlike, goes_on), uses_disk=True, is_usual=False)


SCENARIOS = [
    _scenario("expire-equal", "100,000 persistent messages expire; latency of others", False, False),
    _scenario("expire-unlike", "100,000 persistent messages as Celery's expire; latency of others", True, False),
    _scenario("expire-letters", "the same, dead-lettered", True, True),
]
