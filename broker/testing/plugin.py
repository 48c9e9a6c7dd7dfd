"""The pytest plugin: fixtures `broker`, `amqp_url`, `management_url` and `broker_server`.

Imported by every pytest run where Leveret is installed, so it must not import anything of it before a fixture is used.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from broker.testing.broker import Broker
    from broker.testing.facts import Settings
    from broker.testing.server import Server

NAME_CHARACTERS_MAX: Final = 60
OUR_PACKAGES: Final = ("broker", "protocol", "storage")
UNCLOSED: Final = ("ignore", "warn", "fail")
_counter: Final = itertools.count(1)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """pytest's: the settings, each in the ini file and on the command line."""
    leave_as_it_is(getattr(pluginmanager, "rewrite_hook", None))
    parser.addini("leveret_mode", "How the broker runs: in-process (the default) or subprocess.", default="in-process")
    parser.addini(
        "leveret_storage", "Where an in-process broker stores: memory (the default) or folder.", default="memory"
    )
    parser.addini("leveret_management", "Whether the HTTP API is served, too.", type="bool", default=False)
    parser.addini(
        "leveret_unclosed", "What is done about connections that a test leaves open: ignore, warn or fail.",
        default="ignore",
    )  # fmt: skip
    parser.addini("leveret_options", "Settings of brokerd, one `name = value` a line.", type="linelist", default=[])
    group = parser.getgroup("leveret", "Leveret, a broker for tests")
    group.addoption("--leveret-mode", help="As leveret_mode in the ini file, which it overrides.")
    group.addoption("--leveret-storage", help="As leveret_storage in the ini file, which it overrides.")


def leave_as_it_is(hook: object) -> None:
    """Takes the broker out of what pytest rewrites, which is every module that is installed along with a plugin.

    It has no assertions for tests, and to compile two hundred modules anew takes ten times as long as to import them.
    pytest has no official way; where its hook is another one, the broker is just slower to import.
    """
    marked, known = getattr(hook, "_must_rewrite", None), getattr(hook, "_marked_for_rewrite_cache", None)
    if isinstance(marked, set) and isinstance(known, dict):
        marked.difference_update(OUR_PACKAGES)
        known.clear()


def settings_of(config: pytest.Config) -> Settings:
    """What the ini file and the command line say. Raises: pytest.UsageError for what cannot be."""
    from broker.testing.facts import Settings  # noqa: PLC0415

    mode = config.getoption("leveret_mode") or config.getini("leveret_mode")
    storage = config.getoption("leveret_storage") or config.getini("leveret_storage")
    options: dict[str, Any] = {}
    for line in config.getini("leveret_options"):
        name, equals, value = line.partition("=")
        if not equals:
            raise pytest.UsageError(f"leveret_options: {line!r} is not `name = value`")
        options[name.strip()] = value.strip()
    if config.getini("leveret_unclosed") not in UNCLOSED:
        raise pytest.UsageError(f"leveret_unclosed is {', '.join(UNCLOSED)}, not {config.getini('leveret_unclosed')!r}")
    try:
        return Settings(mode, storage, config.getini("leveret_management"), options)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def broker_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One broker for all tests of this process (of this worker, with pytest-xdist); ended with the session."""
    from broker.testing.server import make_server  # noqa: PLC0415

    server = make_server(settings_of(request.config))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker(request: pytest.FixtureRequest, broker_server: Server) -> Iterator[Broker]:
    """A vhost of the test's own on the session's broker, with the helpers to look, wait and break things."""
    from broker.testing.broker import Broker  # noqa: PLC0415

    name = re.sub(r"[^\w.-]+", "-", request.node.name)[:NAME_CHARACTERS_MAX]
    vhost = f"test-{next(_counter)}-{name}"
    broker_server.revive()
    broker_server.add_vhost(vhost)
    view = Broker.on(broker_server, vhost)
    yield view
    left = _unclosed(view) if request.config.getini("leveret_unclosed") != "ignore" else ""
    view.leave()
    if left and request.config.getini("leveret_unclosed") == "fail":
        pytest.fail(left, pytrace=False)
    if left:
        from broker.testing.errors import UnclosedConnectionWarning  # noqa: PLC0415

        warnings.warn(left, UnclosedConnectionWarning, stacklevel=1)


def _unclosed(view: Broker) -> str:
    open_ = view.connections()
    listed = ", ".join(f"{one.name} ({one.client_name or 'no name'})" for one in open_)
    return f"connections were left open: {listed}" if open_ else ""


@pytest.fixture
def amqp_url(broker: Broker) -> str:
    """The AMQP URL of the test's vhost, which kombu, Celery, pika and aio-pika all take."""
    return broker.url


@pytest.fixture
def management_url(broker: Broker) -> str:
    """The URL of the HTTP API, with user and password; leveret_management must be true."""
    return broker.management_url
