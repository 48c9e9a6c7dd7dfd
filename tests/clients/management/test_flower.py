"""Flower: the module that asks for queues, and Flower itself, a real process that shows them."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flower.utils.broker import Broker

from tests.support.brokers import port_that_stays_free
from tests.support.managed import Managed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
FIELDS = ("name", "messages", "messages_ready", "messages_unacknowledged", "consumers", "idle_since")


def api_url(managed: Managed) -> str:
    return f"http://guest:guest@127.0.0.1:{managed.http.port}/api/"


@pytest.mark.parametrize("vhost", ["/", "flower-v"])
def test_its_module_finds_queues(managed: Managed, vhost: str) -> None:
    where = "flower-v" if vhost == "flower-v" else "%2F"
    if where == "flower-v":
        managed.http.make("/api/vhosts/flower-v")
    managed.http.make(f"/api/queues/{where}/flower-q", {"durable": True})
    managed.http.make(f"/api/queues/{where}/flower-other")
    broker = Broker(managed.broker.url(vhost), http_api=api_url(managed))
    (queue,) = asyncio.run(broker.queues(["flower-q", "celery"]))
    assert {field: queue[field] for field in FIELDS[:-1]} == {
        "name": "flower-q", "messages": 0, "messages_ready": 0, "messages_unacknowledged": 0, "consumers": 0,
    }  # fmt: skip
    assert queue["idle_since"]
    for name in ("flower-q", "flower-other"):
        assert managed.http.ask("DELETE", f"/api/queues/{where}/{name}")[0] == 204


@contextmanager
def flower(managed: Managed, folder: Path) -> Iterator[int]:
    """Flower on a port of its own, for the queue `flower-shown`."""
    port = port_that_stays_free()
    (folder / "flowerapp.py").write_text(
        "from celery import Celery\n"
        f"app = Celery(broker={managed.broker.url('%2F')!r})\n"
        "app.conf.task_default_queue = 'flower-shown'\n"
    )
    command = [sys.executable, "-m", "celery", "-A", "flowerapp", "flower", f"--broker-api={api_url(managed)}"]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
                   "FLOWER_UNAUTHENTICATED_API": "true"}  # fmt: skip
    with (folder / "flower.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--port={port}", "--address=127.0.0.1"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def test_it_shows_the_messages_that_wait(managed: Managed, tmp_path: Path) -> None:
    managed.http.make("/api/queues/%2F/flower-shown", {"durable": True})
    message = {"routing_key": "flower-shown", "payload": "x", "payload_encoding": "string", "properties": {}}
    for _ in range(7):
        assert managed.http.ask("POST", "/api/exchanges/%2F/amq.default/publish", message) == (200, {"routed": True})
    with flower(managed, tmp_path) as port:

        def shown() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/broker", timeout=5) as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        page = wait_until(shown, 40, "Flower's page")
    assert "flower-shown" in page
    row = page.partition("flower-shown</td>")[2].partition("</tr>")[0]
    messages, unacked, ready, consumers, *_ = re.findall(r">([^<>]*)</td>", row)
    assert (messages, unacked, ready, consumers) == ("7", "0", "7", "0")
    assert managed.http.ask("DELETE", "/api/queues/%2F/flower-shown")[0] == 204
