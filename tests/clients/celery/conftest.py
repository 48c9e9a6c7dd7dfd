"""A vhost for this run's Celery tests, and the client side of the application in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import Celery

from tests.clients.celery.taskapp import make_app
from tests.support.brokers import RunningBroker
from tests.support.celery_workers import CeleryProcess, celery_process, celery_worker
from tests.support.vhosts import own_vhost

APP = "tests.clients.celery.taskapp"
EVENT_LOOK_SECONDS = 0.05


@dataclass
class Setup:
    """One application: its queue, its environment, and the client's copy of it."""

    url: str
    backend: str
    folder: Path
    queue: str
    beat_file: str = ""

    def __post_init__(self) -> None:
        self.app: Celery = make_app(self.url, self.backend, self.queue)

    @property
    def env(self) -> dict[str, str]:
        """What a process of this application needs in its environment."""
        return {
            "TEST_BROKER_URL": self.url,
            "TEST_RESULT_BACKEND": self.backend,
            "TEST_QUEUE": self.queue,
            "TEST_BEAT_FILE": self.beat_file,
        }

    def send(self, task: str, *args: object, **options: object):
        """Sends a task by name; `options` are those of apply_async."""
        return self.app.tasks[task].apply_async(args, **options)

    def worker(self, *flags: str, **options) -> AbstractContextManager[CeleryProcess]:
        """Starts a worker for the main queue, or for `queues`."""
        options.setdefault("queues", self.queue)
        return celery_worker(APP, *flags, env=self.env, log_dir=self.folder, **options)

    def beat(self) -> AbstractContextManager[CeleryProcess]:
        """Starts a beat process with a schedule file of its own."""
        schedule = str(self.folder / "schedule")
        return celery_process(APP, "beat", "-s", schedule, "-l", "INFO", env=self.env, log_dir=self.folder)

    def close(self) -> None:
        """Lets go of the client's connections."""
        self.app.close()


@pytest.fixture(scope="session")
def vhost(broker: RunningBroker) -> Iterator[str]:
    """One vhost for all Celery tests of this test process, so that broadcasts stay within it."""
    with own_vhost(broker, "celery") as name:
        yield name


@pytest.fixture(scope="module")
def new_setup(broker: RunningBroker, vhost: str, tmp_path_factory) -> Iterator[Callable[..., Setup]]:
    """Makes applications, each with a queue of its own unless `queue` names one; `backend` may also be "files"."""
    with ExitStack() as stack:

        def make(backend: str = "rpc://", vhost: str = vhost, beat: bool = False, queue: str = "") -> Setup:
            folder = tmp_path_factory.mktemp("celery")
            if backend == "files":
                (folder / "results").mkdir()
                backend = f"file://{folder / 'results'}"
            setup = Setup(
                broker.url(vhost),
                backend,
                folder,
                queue or f"q-{uuid.uuid4().hex[:8]}",
                beat_file=str(folder / "beat.txt") if beat else "",
            )
            stack.callback(setup.close)
            return setup

        yield make


@contextmanager
def receiving(setup: Setup) -> Iterator[Callable[[], list[dict]]]:
    """Collects events of the vhost's workers; each call reads what has come and returns all so far, oldest first."""
    with setup.app.connection_for_read() as connection:
        events: list[dict] = []
        receiver = setup.app.events.Receiver(connection, handlers={"*": events.append})

        def look() -> list[dict]:
            with suppress(TimeoutError):
                consuming.drain_events(timeout=EVENT_LOOK_SECONDS)
            return events

        with receiver.consumer_context(wakeup=False) as (consuming, _channel, _consumers):
            yield look


@pytest.fixture
def names(tmp_path: Path) -> Callable[[str], str]:
    """Paths in this test's folder, as text, for tasks to write to."""
    return lambda name: str(tmp_path / name)
