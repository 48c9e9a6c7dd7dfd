"""docs/move-and-replay.md and docs/rewind.md: their commands and programs do what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.support.managed import Managed, managed_brokerd
from tests.support.waiting import wait_until
from tests.tidy import ROOT

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("move-and-replay", "rewind")}
SECONDS_MAX = 60
PERSISTENT = pika.BasicProperties(delivery_mode=2)

pytestmark = pytest.mark.ours


def block(page: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def managed() -> Iterator[Managed]:
    with managed_brokerd() as running:
        yield running


@pytest.fixture
def channel(managed: Managed) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
        found = connection.channel()
        found.confirm_delivery()
        yield found


def run_commands(managed: Managed, page: str) -> list[str]:
    """What each line of the page's shell block prints."""
    printed = []
    for line in block(page, "sh").strip().splitlines():
        name, *words = shlex.split(line)
        assert name == "brokerctl"
        command = [sys.executable, "-m", "broker.cli.brokerctl", "--data-dir", str(managed.broker.data_dir), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False, cwd=ROOT)
        assert not done.returncode, (line, done.stderr)
        printed.append(done.stdout)
    return printed


def run_program(managed: Managed, page: str, folder: Path) -> list[str]:
    """What the page's program prints."""
    script = folder / "brokerctl"
    flags = ["-m", "broker.cli.brokerctl", "--data-dir", str(managed.broker.data_dir)]
    words = shlex.join([sys.executable, *flags])
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    env = {
        **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "BROKER_URL": managed.broker.url(),
        "API_URL": f"http://127.0.0.1:{managed.http.port}", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-u", "-c", block(page, "python")], capture_output=True, text=True,
                          timeout=SECONDS_MAX, check=False, env=env)  # fmt: skip
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def printed_in(page: str) -> list[str]:
    """What the page says that its program prints."""
    (found,) = re.findall(r"It prints\n\n((?:    .*\n)+)", PAGES[page])
    return [line.removeprefix("    ") for line in found.splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_program_prints_what_it_says(managed: Managed, page: str, tmp_path: Path) -> None:
    assert run_program(managed, page, tmp_path) == printed_in(page)


def test_the_commands_about_moving(
    managed: Managed, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    for name in ("parked", "orders", "orders.dead", "elsewhere"):
        channel.queue_declare(name, durable=True)
    channel.queue_bind("elsewhere", "amq.fanout")
    for _ in range(2):
        channel.basic_publish("", "parked", b"first", PERSISTENT)
    channel.basic_publish("", "parked", b"is urgent", pika.BasicProperties(delivery_mode=2, headers={"kind": "order"}))
    death = {"queue": "orders", "reason": "rejected", "exchange": "", "routing-keys": ["orders"], "count": 1}
    dead = pika.BasicProperties(delivery_mode=2, headers={"x-death": [death]})
    channel.basic_publish("", "orders.dead", b"dead", dead)
    printed = run_commands(managed, "move-and-replay")
    assert printed[0] == '2 messages moved from queue "parked" to queue orders.\n'
    assert printed[1] == '1 message moved from queue "parked" to queue orders.\n'
    assert printed[2] == '3 messages copied from queue "orders" to exchange amq.fanout.\n'
    assert "rejected\torders\t\t1" in printed[3]
    assert printed[4].startswith("1 message replayed")
    assert channel.queue_declare("orders", passive=True).method.message_count == 4


def test_the_commands_about_rewinding(
    managed: Managed, channel: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    channel.queue_delete("orders")
    channel.queue_declare("orders", durable=True)
    channel.basic_publish("", "orders", b"x", PERSISTENT)
    channel.queue_purge("orders")
    earliest, again = run_commands(managed, "rewind")
    assert "Messages         1" in earliest
    assert again == '1 message got back from queue "orders" to orders.again.\n'
    wait_until(
        lambda: channel.queue_declare("orders.again", passive=True).method.message_count == 1, what="the message"
    )
