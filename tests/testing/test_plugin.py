"""The pytest plugin, in test suites of other people."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from textwrap import dedent

import pytest
from _pytest.assertion import AssertionState
from _pytest.assertion.rewrite import AssertionRewritingHook

from broker.testing import broker as view
from broker.testing import brokerd_process, in_process, plugin
from tests.tidy import ROOT

pytest_plugins = ("pytester",)

# What is loaded now stays: a suite run in this process forgets what it has imported itself.
LOADED = (view, brokerd_process, in_process)
PLUGINS = ("-p", plugin.__name__, "-p", "pytest_asyncio.plugin")  # and none that happens to be installed
DECLARES = """
    import pika

    def declared(url):
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            return connection.channel().queue_declare("q", durable=True).method.message_count
"""


@pytest.fixture(autouse=True)
def _only_these_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(pytester, monkeypatch)


class Run:
    """Runs a suite, made of `DECLARES` and what is given."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        path = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{path}" if path else str(ROOT))

    def __call__(self, source: str, *flags: str, ini: str = "", own_process: bool = False) -> pytest.RunResult:
        self._pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n" + ini)
        self._pytester.makepyfile(dedent(DECLARES) + dedent(source))
        arguments = (*PLUGINS, "-p", "no:cacheprovider", "-rA", *flags)
        if own_process:
            return self._pytester.runpytest_subprocess(*arguments, timeout=60)
        return self._pytester.runpytest_inprocess(*arguments)


def test_tests_do_not_see_each_other(run: Run) -> None:
    result = run("""
    import pytest

    ports = set()

    @pytest.mark.parametrize("again", range(3))
    def test_publish(broker, amqp_url, again):
        assert declared(amqp_url) == 0
        broker.publish("x", "q")
        assert declared(amqp_url) == broker.depth("q") == 1
        ports.add(broker.port)

    def test_one_server(broker_server):
        assert ports == {broker_server.port}
    """)
    result.assert_outcomes(passed=4)
    assert not [thread for thread in threading.enumerate() if thread.name == in_process.THREAD_NAME]


def test_what_a_test_broke_is_whole_in_the_next(run: Run) -> None:
    result = run("""
    import time

    def test_break(broker):
        broker.clock.freeze()
        broker.clock.advance(3600)
        broker.faults.raise_alarm("disk")
        broker.faults.stall()
        broker.faults.nack_confirms()
        broker.faults.refuse_connections()
        raise RuntimeError("and fails")

    def test_whole(broker, amqp_url):
        assert abs(broker.clock.now() - time.time()) < 60
        declared(amqp_url)
        broker.publish("x", "q")
    """)
    result.assert_outcomes(passed=1, failed=1)


def test_a_process_of_its_own_is_killed_and_comes_back(run: Run) -> None:
    result = run(
        """
    import pytest
    from broker.testing import BrokerGoneError

    def test_kill(broker, amqp_url):
        declared(amqp_url)
        broker.publish("durable", "q")
        broker.publish("transient", "q", persistent=False)
        broker.wait_for_depth("q", 2)
        broker.kill()
        with pytest.raises(BrokerGoneError, match="not running; restart"):
            broker.depth("q")
        broker.restart()
        assert declared(amqp_url) == 1
        broker.restart()
        assert broker.state("q").messages == 1

    def test_dies(broker):
        broker.kill()

    def test_is_alive_again(broker, amqp_url):
        assert declared(amqp_url) == 0
    """,
        ini="leveret_mode = subprocess",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(("unclosed", "outcome"), [("warn", {"passed": 1}), ("ignore", {"passed": 1}),
                                                   ("fail", {"passed": 1, "errors": 1})])  # fmt: skip
def test_open_connections_are_told(run: Run, unclosed: str, outcome: dict[str, int]) -> None:
    result = run(
        """
    kept = []

    def test_leaves_one_open(amqp_url):
        parameters = pika.URLParameters(amqp_url)
        parameters.client_properties = {"connection_name": "forgotten"}
        kept.append(pika.BlockingConnection(parameters))
    """,
        ini=f"leveret_unclosed = {unclosed}",
    )
    result.assert_outcomes(**outcome)
    assert ("connections were left open: 127.0.0.1:" in result.stdout.str()) is (unclosed != "ignore")
    assert ("(forgotten)" in result.stdout.str()) is (unclosed != "ignore")


def test_async_tests_may_use_it(run: Run) -> None:
    result = run("""
    import aio_pika

    async def test_consume(broker, amqp_url):
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("q")
            broker.publish("x", "q")
            await broker.aio.wait_for_depth("q", 1)
            message = await queue.get()
            await message.ack()
            await broker.aio.wait_until_empty("q")
    """)
    result.assert_outcomes(passed=1)


def test_each_worker_of_xdist_has_its_own(run: Run) -> None:
    result = run(
        """
    import pathlib
    import pytest

    @pytest.mark.parametrize("one", range(4))
    def test_port(broker, amqp_url, worker_id, one):
        declared(amqp_url)
        folder = pathlib.Path("ports")
        folder.mkdir(exist_ok=True)
        (folder / f"{worker_id}-{broker.port}").touch()
    """,
        "-p", "xdist", "-n", "2",
        own_process=True,
    )  # fmt: skip
    result.assert_outcomes(passed=4)
    names = os.listdir("ports")
    assert (
        len(names) == len({name.partition("-")[0] for name in names}) == len({name.partition("-")[2] for name in names})
    )


def test_settings_reach_the_broker(run: Run) -> None:
    result = run(
        """
    def test_settings(broker, broker_server):
        assert broker_server.settings.storage == "folder"
        broker.declare("q")
        broker.publish("x" * 20, "q")
        try:
            broker.publish("x" * 21, "q")
        except Exception as error:
            assert "larger than configured max size 20" in str(error)
        else:
            assert False
    """,
        "--leveret-storage=folder",
        ini="leveret_options =\n  message_size_max_bytes = 20\n  heartbeat_s = 5",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("ini", "text"),
    [
        ("leveret_mode = docker", "leveret's mode is in-process or subprocess, not 'docker'"),
        ("leveret_options = heartbeat", "leveret_options: 'heartbeat' is not `name = value`"),
        ("leveret_unclosed = shout", "leveret_unclosed is ignore, warn, fail, not 'shout'"),
    ],
)
def test_settings_that_cannot_be_are_named(pytester: pytest.Pytester, ini: str, text: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    with pytest.raises(pytest.UsageError, match=re.escape(text)):
        plugin.settings_of(pytester.parseconfig(*PLUGINS))


def test_a_fixture_of_the_same_name_wins(run: Run) -> None:
    result = run("""
    import pytest

    @pytest.fixture
    def broker():
        return "mine"

    def test_mine(broker):
        assert broker == "mine"
    """)
    result.assert_outcomes(passed=1)


def test_pytest_does_not_rewrite_the_broker(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig(*PLUGINS)
    hook = AssertionRewritingHook(config)
    hook.mark_rewrite("broker", "protocol", "storage", "shop")
    assert is_rewritten(hook, "broker.node"), "as pytest does with what is installed along with a plugin"
    plugin.leave_as_it_is(hook)
    assert [name for name in ("broker.node", "storage", "shop.tasks") if is_rewritten(hook, name)] == ["shop.tasks"]
    plugin.leave_as_it_is(object())


def is_rewritten(hook: AssertionRewritingHook, name: str) -> bool:
    return hook._is_marked_for_rewrite(name, AssertionState(hook.config, "rewrite"))


def test_a_run_without_a_broker_loads_none() -> None:
    script = "import sys, pytest, {0}; print(sorted(name for name in sys.modules if name.split('.')[0] in {1}))"
    ours = ("broker", "protocol", "storage", "uvloop", "pamqp")
    done = subprocess.run(
        [sys.executable, "-c", script.format(plugin.__name__, ours)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['broker', 'broker.testing', 'broker.testing.plugin']"
