"""A Celery configuration, from an application or from a file, as plain settings. Must not: judge it."""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from broker.cli.exits import NO_INPUT, USAGE, CtlError, DataError

# What doctor looks at, and what Celery takes where nothing is said.
DEFAULTS: Final[dict[str, Any]] = {
    "accept_content": ["json"], "broker_heartbeat": 120, "broker_pool_limit": 10, "broker_transport_options": {},
    "broker_url": "amqp://guest:guest@localhost:5672//", "broker_use_ssl": False, "control_queue_expires": 10.0,
    "event_queue_expires": 60.0, "result_backend": None, "result_expires": 86_400, "result_persistent": None,
    "task_acks_late": False, "task_default_delivery_mode": 2, "task_default_priority": None,
    "task_default_queue": "celery", "task_default_queue_type": "classic", "task_publish_retry": True,
    "task_queue_max_priority": None, "task_queues": None, "task_reject_on_worker_lost": None,
    "task_serializer": "json", "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_eta_task_limit": None, "worker_prefetch_multiplier": 4,
}  # fmt: skip
# Names of before Celery 4 that do not follow from the new ones by upper case and a prefix.
OLD_NAMES: Final = {
    "CELERYD_PREFETCH_MULTIPLIER": "worker_prefetch_multiplier", "CELERY_ACCEPT_CONTENT": "accept_content",
    "CELERY_ACKS_LATE": "task_acks_late", "CELERY_DEFAULT_DELIVERY_MODE": "task_default_delivery_mode",
    "CELERY_DEFAULT_QUEUE": "task_default_queue", "CELERY_EVENT_QUEUE_EXPIRES": "event_queue_expires",
    "CELERY_QUEUES": "task_queues", "CELERY_QUEUE_MAX_PRIORITY": "task_queue_max_priority",
    "CELERY_REJECT_ON_WORKER_LOST": "task_reject_on_worker_lost", "CELERY_RESULT_BACKEND": "result_backend",
    "CELERY_TASK_PUBLISH_RETRY": "task_publish_retry", "CELERY_TASK_RESULT_EXPIRES": "result_expires",
}  # fmt: skip
PREFIX: Final = "CELERY_"
APPLICATION_NAMES: Final = ("app", "celery", "application")
AMQP_SCHEMES: Final = frozenset({"amqp", "amqps", "pyamqp", "librabbitmq", "qamqp"})
AMQP_PORT: Final = 5672
AMQPS_PORT: Final = 5671


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A broker's address in a configuration, without the password."""

    scheme: str
    host: str
    port: int
    user: str
    vhost: str
    has_default_password: bool


class Settings:
    """Celery's settings that doctor looks at."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)

    def __getitem__(self, name: str) -> Any:
        value = self._given.get(name)
        return DEFAULTS[name] if value is None else value

    def given(self, name: str) -> Any:
        """What was set, None where nothing was."""
        return self._given.get(name)

    def urls(self) -> list[BrokerUrl]:
        """The brokers it connects to, the first one first. Raises: DataError."""
        value = self["broker_url"]
        texts = value.split(";") if isinstance(value, str) else list(value)
        return [_parsed(text.strip()) for text in texts]


def _parsed(text: str) -> BrokerUrl:
    try:
        url = urlsplit(text)
        scheme = url.scheme or "amqp"
        port = url.port or (AMQPS_PORT if scheme == "amqps" else AMQP_PORT)
    except ValueError:
        raise DataError("broker_url is no URL, as amqp://user:password@host:5672/vhost is") from None
    vhost = unquote(url.path[1:]) or "/"
    user = unquote(url.username or "guest")
    password = unquote(url.password or "guest")
    return BrokerUrl(scheme, url.hostname or "localhost", port, user, vhost, (user, password) == ("guest", "guest"))


def from_application(name: str) -> Settings:
    """The settings of an application, named as celery -A names it. Raises: CtlError."""
    module_name, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
        app = _application(module, attribute)
        given = {setting: app.conf.get(setting) for setting in DEFAULTS}
    except DataError:
        raise
    except Exception as error:  # whatever the application's module does when it is imported
        raise CtlError(f"{name} cannot be loaded: {type(error).__name__}: {error}", NO_INPUT) from None
    return Settings(given)


def _application(module: Any, attribute: str) -> Any:
    names = (attribute,) if attribute else APPLICATION_NAMES
    for name in names:
        found = getattr(module, name, None)
        if hasattr(found, "conf"):
            return found
    raise DataError(f"there is no Celery application in {module.__name__}; name it, as in {module.__name__}:app")


def from_file(path: str) -> Settings:
    """The settings of a configuration file as celeryconfig.py or Django's settings.py. Raises: CtlError."""
    if not Path(path).is_file():
        raise CtlError(f"{path} is no file", USAGE)
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        names = runpy.run_path(path)
    except Exception as error:  # whatever stands in that file
        raise CtlError(f"{path} cannot be run: {type(error).__name__}: {error}", NO_INPUT) from None
    return from_names(names)


def from_names(names: Mapping[str, Any]) -> Settings:
    """Settings by their new names, their old ones, or Django's with CELERY_ in front."""
    given: dict[str, Any] = {}
    for name, value in names.items():
        bare = name.removeprefix(PREFIX).lower()
        if name in DEFAULTS:
            given[name] = value
        elif name in OLD_NAMES:
            given.setdefault(OLD_NAMES[name], value)
        elif name.isupper() and bare in DEFAULTS:
            given.setdefault(bare, value)
    return Settings(given)
