"""Names the suites that are run, with their versions and what each needs; must not download or start anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TEST_SECONDS_MAX = 60


@dataclass(frozen=True)
class Suite:
    """One client's test suite; `quick` narrows the whole (`paths`) to what `make test` has time for.

    `without` is a `-k` expression.
    """

    name: str
    distribution: str
    version: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    without: str = ""
    quick: tuple[str, ...] | None = None
    plugin: str | None = None
    overlay: tuple[str, str] | None = None
    run_seconds_max: int = 120

    @property
    def requirements(self) -> Path:
        """The pinned packages of the suite's own virtual environment."""
        return HERE / "requirements" / f"{self.name}.txt"

    @property
    def expectations(self) -> Path:
        """What RabbitMQ 3.10.8 does not pass, and why."""
        return HERE / "expectations" / f"{self.name}.toml"


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            name="amqp",
            distribution="amqp",
            version="5.4.2",
            paths=("t/integration/test_rmq.py",),
            without="not tls",
        ),
        Suite(
            name="kombu",
            distribution="kombu",
            version="5.7.0",
            paths=("t/integration/test_py_amqp.py",),
        ),
        Suite(
            name="rabbitpy",
            distribution="rabbitpy",
            version="3.0.2",
            paths=("tests/test_integration.py", "tests/integration"),
        ),
        Suite(
            name="aio-pika",
            distribution="aio-pika",
            version="10.2.1",
            paths=("tests",),
            options=("--ignore", "tests/test_amqps.py"),
            without="not stop_app and not kill and not broker_restart",
            quick=("tests/test_amqp.py", "tests/test_rpc.py", "tests/test_master.py", "tests/test_nowait.py"),
            overlay=("docker_client.py", "tests/docker_client.py"),
            run_seconds_max=900,
        ),
        Suite(
            name="aiormq",
            distribution="aiormq",
            version="7.2.4",
            paths=("tests",),
            without="not amqps and not ssl",
            quick=("tests/test_channel.py", "tests/test_nowait.py"),
            plugin="aiormq_broker",
            run_seconds_max=600,
        ),
    )
}
