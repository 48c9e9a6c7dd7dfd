"""doctor: each check on facts made by hand, and the command on a broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pika
import pytest

from broker.cli.doctor import celery_checks, checks
from broker.cli.doctor.celery_config import Settings, from_names
from broker.cli.doctor.findings import ERROR, NOTE, WARNING, Facts
from tests.broker.cli.doors import Managed, as_process, in_process, managed_brokerd

GIB = 1024**3
HOUR_MS = 3_600_000
LOG = {"fsync": "always", "damaged_records": 0, "sync_ns": {"counts": [10], "total": 10_000_000}}
NODE = {
    "mem_used": GIB, "mem_limit": 8 * GIB, "disk_free": 90 * GIB, "disk_free_limit": 50_000_000, "fd_used": 10,
    "fd_total": 65_536, "log": LOG, "loop": {"longest_ns_last_minute": 1_000_000}, "definitions_trouble": "",
}  # fmt: skip
AMQP = {"protocol": "amqp", "ip_address": "127.0.0.1", "port": 5672}
OVERVIEW = {"listeners": [AMQP], "object_totals": {"connections": 3, "queues": 1}}
QUEUE = {"name": "q", "vhost": "/", "durable": True, "arguments": {}, "consumers": 1, "messages": 0,
         "messages_ready": 0, "messages_unacknowledged": 0}  # fmt: skip
CONNECTION = {"name": "c", "user": "guest", "peer_host": "10.0.0.9", "peer_port": 1, "timeout": 60, "channels": 1,
              "state": "running"}  # fmt: skip
WELL = Facts(
    OVERVIEW, NODE, {"loopback_users": ["guest"]}, [QUEUE], 1, [CONNECTION], vhosts=frozenset({"/"}),
    users=frozenset({"guest"}), permissions=[{"user": "guest", "vhost": "/"}], with_guest=False,
    now_ms=1_000_000, broker_ms=1_000_500,
)  # fmt: skip
GROWING = {"messages_details": {"rate": 2.0}, "messages_ready": 5, "consumers": 0}
OF_THIS_MACHINE = {"event loop", "memory", "disk", "open files"}  # true or not wherever the tests run
OUTSIDE = {"listeners": [{**AMQP, "ip_address": "0.0.0.0"}]}
OUTSIDE_TLS = {"listeners": [{**AMQP, "protocol": "amqp/ssl", "ip_address": "0.0.0.0"}]}


def node(**changed: Any) -> Facts:
    return replace(WELL, node={**NODE, **changed})


def queue(**changed: Any) -> Facts:
    return replace(WELL, queues=[{**QUEUE, **changed}])


def connection(**changed: Any) -> Facts:
    return replace(WELL, connections=[{**CONNECTION, **changed}])


def test_a_broker_that_is_well_has_no_findings() -> None:
    assert not [finding for found in checks.run(WELL).values() for finding in found]


@pytest.mark.parametrize(
    ("facts", "level", "text"),
    [
        (node(mem_alarm=True), ERROR, "memory alarm"),
        (node(disk_free_alarm=True), ERROR, "disk alarm"),
        (node(log_alarm=True), ERROR, "log alarm"),
        (node(mem_used=7 * GIB), WARNING, "at 8192 MiB publishers are paused"),
        (node(disk_free=900 * 1024**2), WARNING, "900 MiB are free"),
        (node(disk_free_limit=0), WARNING, "never paused for the disk"),
        (node(fd_used=60_000), ERROR, "60000 of 65536 open files"),
        (node(fd_total=1024), NOTE, "may open 1024 files"),
        (replace(WELL, config={"loopback_users": ["guest"], "connections_max": 3}), WARNING, "connections_max is 3"),
        (node(log={**LOG, "fsync": "never"}), WARNING, "fsync is never"),
        (node(log={**LOG, "damaged_records": 4}), WARNING, "4 records"),
        (node(log={**LOG, "sync_ns": {"counts": [1], "total": 90_000_000}}), WARNING, "90 ms"),
        (node(definitions_trouble="disk is full"), ERROR, "disk is full"),
        (node(loop={"longest_ns_last_minute": 400_000_000}), WARNING, "400 ms"),
        (replace(WELL, broker_ms=61_000_000), WARNING, "differ by 60000 s"),
        (replace(WELL, with_guest=True), NOTE, "guest"),
        (replace(WELL, with_guest=True, config={}), WARNING, "loopback_users does not keep it"),
        (replace(WELL, with_guest=True, config={}, overview={**OVERVIEW, **OUTSIDE_TLS}), ERROR, "from other machines"),
        (replace(WELL, overview={**OVERVIEW, **OUTSIDE}), WARNING, "amqp on 0.0.0.0:5672"),
        (replace(WELL, expiring=[{"name": "broker.pem"}]), ERROR, "broker.pem"),
        (replace(WELL, users_without_permissions=["anna"]), NOTE, "anna"),
        (queue(**GROWING), WARNING, "come into queues that nobody consumes from: q"),
        (queue(consumers=0, messages_ready=20_000), WARNING, "10000 messages wait"),
        (queue(oldest_ready_ms=2 * HOUR_MS), WARNING, "more than an hour"),
        (queue(oldest_unacknowledged_ms=HOUR_MS), WARNING, "more than half an hour"),
        (queue(messages_unacknowledged=20_000), WARNING, "unacknowledged"),
        (queue(name="celeryev.1234", consumers=0), WARNING, "celeryev.1234"),
        (connection(timeout=0), WARNING, "no heartbeat: guest@10.0.0.9:1"),
        (connection(channels=500), WARNING, "more than 100 channels"),
        (replace(WELL, channels=[{"name": "ch", "messages_unacknowledged": 5000, "prefetch_count": 0}]), WARNING, "ch"),
        (connection(state="blocked"), WARNING, "blocked"),
        (connection(state="flow"), NOTE, "slowed down"),
        (replace(WELL, overview={**OVERVIEW, "churn_rates": {"connection_created_details": {"rate": 40.0}}}), WARNING,
         "40 connections are opened"),
        (replace(WELL, overview={**OVERVIEW, "message_stats": {"drop_unroutable_details": {"rate": 3.0}}}), WARNING,
         "3.0 messages a second"),
        (replace(WELL, queues=[{**QUEUE, "name": f"{number:08}-0000-0000-0000-000000000000", "consumers": 0}
                               for number in range(101)]), WARNING, "101 queues for results"),
    ],
)  # fmt: skip
def test_each_trouble_is_one_finding_with_advice(facts: Facts, level: str, text: str) -> None:
    findings = [finding for found in checks.run(facts).values() for finding in found]
    assert [finding.level for finding in findings] == [level]
    assert text in findings[0].text
    assert findings[0].advice


GOOD: Mapping[str, Any] = {
    "broker_url": "amqp://guest:guest@localhost:5672//", "broker_transport_options": {"confirm_publish": True},
    "task_acks_late": True, "task_reject_on_worker_lost": True, "worker_prefetch_multiplier": 1,
    "worker_cancel_long_running_tasks_on_connection_loss": True, "task_default_queue": "q",
}  # fmt: skip


def celery_findings(**changed: Any) -> list[tuple[str, str]]:
    found = celery_checks.run(Settings({**GOOD, **changed}), WELL)
    return [(finding.level, finding.text) for held in found.values() for finding in held]


def test_a_good_configuration_has_only_the_note_on_eta() -> None:
    assert [(level, "eta" in text) for level, text in celery_findings()] == [(NOTE, True)]


@pytest.mark.parametrize(
    ("changed", "level", "text"),
    [
        ({"broker_url": "redis://localhost/0"}, ERROR, "goes to redis"),
        ({"broker_url": "amqp://guest@localhost:5999//"}, ERROR, "says port 5999"),
        ({"broker_url": "amqps://guest:guest@far.example//"}, ERROR, "as guest with the default password"),
        ({"broker_url": "amqp://guest:other@far.example//"}, WARNING, "travel readably to far.example"),
        ({"broker_url": "amqp://guest@localhost/shop"}, ERROR, 'virtual host "shop"'),
        ({"broker_url": "amqp://anna:x@localhost//"}, ERROR, 'user "anna"'),
        ({"broker_transport_options": {}}, WARNING, "is lost without an error"),
        ({"broker_transport_options": {"confirm_publish": True, "visibility_timeout": 9}}, NOTE, "visibility_timeout"),
        ({"task_publish_retry": False}, WARNING, "task_publish_retry"),
        ({"task_acks_late": False}, NOTE, "gone if its worker is killed"),
        ({"task_reject_on_worker_lost": False}, WARNING, "its process was killed"),
        ({"worker_prefetch_multiplier": 8}, NOTE, "several tasks ahead"),
        ({"worker_prefetch_multiplier": 0}, WARNING, "takes all tasks"),
        ({"worker_cancel_long_running_tasks_on_connection_loss": False}, NOTE, "another worker gets as well"),
        ({"task_default_delivery_mode": "transient"}, WARNING, "lost when the broker restarts"),
        ({"task_queues": {"q": {"durable": False}}}, WARNING, "lost when the broker restarts: q"),
        ({"task_queue_max_priority": 10}, ERROR, "x-max-priority is not set, the configuration says 10"),
        ({"task_queues": {"q": {"message_ttl": 60}}}, ERROR, "x-message-ttl is not set, the configuration says 60000"),
        ({"task_default_queue_type": "quorum"}, ERROR, "x-queue-type"),
        ({"task_default_priority": 5}, WARNING, "no queue has levels"),
        ({"task_queue_max_priority": 9, "task_default_queue": "new", "worker_prefetch_multiplier": 4}, WARNING,
         "an urgent one waits"),
        ({"result_backend": "rpc://"}, NOTE, "only the process that sent a task"),
        ({"result_backend": "amqp://"}, ERROR, "not in Celery any more"),
        ({"result_backend": "rpc://", "result_expires": 0}, WARNING, "never end"),
        ({"broker_heartbeat": 0}, WARNING, "Heartbeats are off"),
        ({"broker_pool_limit": 0}, WARNING, "opens a connection"),
        ({"event_queue_expires": 0}, WARNING, "event_queue_expires is 0"),
        ({"accept_content": ["json", "pickle"]}, WARNING, "accept pickle"),
        ({"worker_eta_task_limit": 100}, NOTE, "up to 100"),
    ],
)  # fmt: skip
def test_each_bad_setting_is_found(changed: dict[str, Any], level: str, text: str) -> None:
    assert any(found == level and text in told for found, told in celery_findings(**changed))


def test_settings_are_known_by_old_names_and_djangos() -> None:
    old = from_names({"BROKER_URL": "redis://", "CELERY_ACKS_LATE": True, "CELERYD_PREFETCH_MULTIPLIER": 3, "OTHER": 1})
    django = from_names({"CELERY_BROKER_URL": "redis://", "CELERY_TASK_ACKS_LATE": True})
    assert (old["broker_url"], old["task_acks_late"], old["worker_prefetch_multiplier"]) == ("redis://", True, 3)
    assert (django["broker_url"], django["task_acks_late"]) == ("redis://", True)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Managed]:
    with managed_brokerd() as started:
        yield started


@pytest.mark.ours
def test_on_a_fresh_broker_and_with_a_celery_application(fresh: Managed, tmp_path: Path) -> None:
    well = as_process(*fresh.socket_flags, "doctor", "--json")
    about = {one["about"] for one in json.loads(well.out)["findings"] if one["about"] not in OF_THIS_MACHINE}
    assert (well.status == 0, well.err) == (json.loads(well.out)["is_well"], "")
    assert about == {"guest"}
    shown = in_process(*fresh.tcp_flags, "doctor").out
    assert "note     User guest has the password guest" in shown
    url = fresh.broker.url("%2F")
    module = tmp_path / "shop.py"
    module.write_text(
        f"from celery import Celery\napp = Celery(broker={url!r})\napp.conf.task_queue_max_priority = 5\n"
    )
    parameters = pika.URLParameters(url)
    with pika.BlockingConnection(parameters) as connection:
        connection.channel().queue_declare("celery", durable=True)
    found = subprocess.run(
        [sys.executable, "-m", "broker.cli.brokerctl", *fresh.tcp_flags, "doctor", "--celery", "shop:app", "--json"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": f"{tmp_path}:{Path(checks.__file__).parents[3]}", "PATH": ""},
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (1, "")
    told = json.loads(found.stdout)
    assert not told["is_well"]
    assert [one["level"] for one in told["findings"] if "406" in one["text"]] == [ERROR]


@pytest.mark.ours
@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("--celery", "no_such_module"), 66, "no_such_module cannot be loaded"),
        (("--celery", "json"), 65, "there is no Celery application in json"),
        (("--celery-config", "/nowhere/celeryconfig.py"), 64, "is no file"),
        (("--celery", "a", "--celery-config", "b"), 64, "not both"),
    ],
)
def test_a_configuration_that_cannot_be_read(fresh: Managed, words: tuple[str, ...], status: int, text: str) -> None:
    ended = in_process(*fresh.socket_flags, "doctor", *words)
    assert (ended.status, ended.out) == (status, "")
    assert text in ended.err
