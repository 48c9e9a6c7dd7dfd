"""The metrics endpoint agrees with its table, its docs, a well-known dashboard and Prometheus' own parsers."""

from __future__ import annotations

import socket
import tomllib
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

import pika
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

from broker.metrics.docs import markdown
from broker.metrics.kinds import ObjectMetric
from broker.metrics.objects import ALWAYS, KINDS, PER_OBJECT, WHOLE_FAMILIES, detailed_name
from broker.metrics.table import HISTOGRAM_METRICS, LABELLED_METRICS, METRICS
from tests.support.brokers import RunningBroker, running_brokerd
from tests.support.waiting import wait_until
from tests.tidy import ROOT

pytestmark = pytest.mark.ours
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
DASHBOARD = tomllib.loads((ROOT / "tests/broker/metrics/dashboard_10991.toml").read_text())
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
QUEUE_FAMILIES = "family=queue_coarse_metrics&family=queue_consumer_count&family=queue_delivery_metrics"


class Scraped:
    """A brokerd that somebody has used: its port for metrics, and a connection that stays open."""

    def __init__(self, broker: RunningBroker, port: int) -> None:
        self.port = port
        self.connection = pika.BlockingConnection(pika.URLParameters(broker.url()))

    def text(self, path: str = "/metrics", accept: str = "text/plain") -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"accept": accept})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def scrape(self, path: str = "/metrics") -> Samples:
        return _samples(text_string_to_metric_families(self.text(path)))


def _samples(families: Iterable[Any]) -> Samples:
    found = list(families)
    assert len({family.name for family in found}) == len(found)
    samples = [(one.name, tuple(sorted(one.labels.items())), one.value) for family in found for one in family.samples]
    assert len({sample[:2] for sample in samples}) == len(samples), "Prometheus refuses what is told twice"
    return {(name, labels): value for name, labels, value in samples}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def publish_and_take(connection: pika.BlockingConnection) -> None:
    """Two messages of three are taken and acknowledged, one is unroutable and dropped."""
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare('odd "name" \\')
    channel.queue_declare("work")
    for _ in range(3):
        channel.basic_publish("", "work", b"x" * 10)
    channel.basic_publish("", "nowhere", b"")
    for _ in range(2):
        method, _, _ = channel.basic_get("work")
        assert method is not None
        channel.basic_ack(method.delivery_tag)
    channel.close()


@pytest.fixture(scope="module")
def used() -> Iterator[Scraped]:
    port = free_port()
    flags = ("--metrics-port", str(port), "--statistics-interval-ms", "50", "--task-wait-metrics", "true")
    with running_brokerd(*flags) as broker:
        scraped = Scraped(broker, port)
        publish_and_take(scraped.connection)
        yield scraped
        scraped.connection.close()


def test_metrics_follow_what_happens(used: Scraped) -> None:
    whole, each = used.scrape(), used.scrape("/metrics/per-object")
    spread = {
        row.name + end
        for row in HISTOGRAM_METRICS
        for end in ("_bucket", "_sum", "_count")
        if row.name != "leveret_task_wait_seconds"
    }
    totals = {row.name for kind in PER_OBJECT for row in kind.metrics if row.total is not None}
    nothing = {"leveret_queue_oldest_unacked_seconds"}
    alone = {row.name for row in (*METRICS, *LABELLED_METRICS)}
    assert {name for name, _ in whole} == alone | totals - nothing | spread
    plain = {name: value for (name, _), value in whole.items()}
    expected = {
        "rabbitmq_queues": 2, "rabbitmq_connections": 1, "rabbitmq_channels": 0,
        "rabbitmq_queue_messages_ready": 1, "rabbitmq_queue_messages_ready_bytes": 10,
        "rabbitmq_connections_opened_total": 1, "rabbitmq_connections_closed_total": 0,
        "rabbitmq_channels_opened_total": 1, "rabbitmq_channels_closed_total": 1,
        "rabbitmq_queues_declared_total": 2, "rabbitmq_queues_created_total": 2, "rabbitmq_queues_deleted_total": 0,
        "rabbitmq_global_messages_received_total": 4, "rabbitmq_global_messages_received_confirm_total": 4,
        "rabbitmq_global_messages_routed_total": 3, "rabbitmq_global_messages_unroutable_dropped_total": 1,
        "rabbitmq_global_messages_confirmed_total": 4, "rabbitmq_global_messages_delivered_total": 2,
        "rabbitmq_global_messages_delivered_get_manual_ack_total": 2,
        "rabbitmq_global_messages_acknowledged_total": 2, "rabbitmq_alarms_memory_used_watermark": 0,
        "rabbitmq_message_size_bytes_count": 4, "rabbitmq_message_size_bytes_sum": 30,
        "rabbitmq_channel_messages_published_total": 4,
    }  # fmt: skip
    assert {name: plain[name] for name in expected} == expected
    assert plain["process_resident_memory_bytes"] > 0
    assert plain["leveret_queue_oldest_ready_seconds"] > 0
    assert whole["rabbitmq_global_messages_received_total", (("protocol", "amqp091"),)] == 4
    assert whole["rabbitmq_auth_attempts_succeeded_total", (("protocol", "amqp091"),)] == 1
    assert whole["rabbitmq_auth_attempts_failed_total", (("protocol", "amqp091"),)] == 0
    ready = {labels: value for (name, labels), value in each.items() if name == "rabbitmq_queue_messages_ready"}
    odd = (("queue", 'odd "name" \\'), ("vhost", "/"))
    assert ready == {odd: 0, (("queue", "work"), ("vhost", "/")): 1}


def test_the_dashboard_finds_everything_it_asks_for(used: Scraped) -> None:
    for endpoint in ("", "/per-object"):
        samples = used.scrape(f"/metrics{endpoint}")
        names = {name for name, _ in samples}
        assert names >= set(DASHBOARD["metrics"]["names"])
        for joined, labels in DASHBOARD["joined"].items():
            (found,) = [dict(pairs) for name, pairs in samples if name == joined]
            assert all(found[label] for label in labels)
        bounds = [dict(pairs)["le"] for name, pairs in samples if name == "rabbitmq_message_size_bytes_bucket"]
        assert bounds == DASHBOARD["metrics"]["message_size_bounds"]
        for one, other in DASHBOARD["metrics"]["added"]:
            assert {pairs for name, pairs in samples if name == one} == {p for name, p in samples if name == other}
    assert {name for name, _ in used.scrape()} >= set(DASHBOARD["earlier"]["names"])


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [("/metrics", "aggregated"), ("/metrics/per-object", "per-object"), ("/metrics/detailed", "detailed")],
)
def test_each_path_says_which_it_is(used: Scraped, path: str, endpoint: str) -> None:
    (labels,) = [dict(pairs) for name, pairs in used.scrape(path) if name == "rabbitmq_identity_info"]
    assert labels["rabbitmq_endpoint"] == endpoint


@pytest.mark.parametrize("path", ["/metrics", "/metrics/per-object", f"/metrics/detailed?{QUEUE_FAMILIES}"])
def test_open_metrics_says_the_same(used: Scraped, path: str) -> None:
    text = used.text(path, OPEN_METRICS)
    assert text.endswith("# EOF\n")
    assert {name for name, _ in _samples(open_metrics_families(text))} == {name for name, _ in used.scrape(path)}


def test_details_are_of_the_families_vhosts_and_queues_asked_for(used: Scraped) -> None:
    found = used.scrape(f"/metrics/detailed?{QUEUE_FAMILIES}&vhost=%2F&queue=work&queue=missing&queue=work")
    assert found["rabbitmq_detailed_queue_messages_ready", (("queue", "work"), ("vhost", "/"))] == 1
    assert found["rabbitmq_detailed_queue_get_ack_total", (("queue", "work"), ("vhost", "/"))] == 2
    assert {dict(labels).get("queue", "work") for _, labels in found} == {"work"}
    assert not [name for name, _ in used.scrape(f"/metrics/detailed?{QUEUE_FAMILIES}&vhost=other") if "queue" in name]
    assert {name for name, _ in used.scrape("/metrics/detailed?family=nothing")} == set(ALWAYS)


def test_every_family_can_be_asked_for(used: Scraped) -> None:
    channel = used.connection.channel()
    channel.basic_publish("", "work", b"y")
    rows: dict[str, list[ObjectMetric]] = {}
    for kind in KINDS:
        for row in kind.metrics:
            rows.setdefault(row.family, []).append(row)
    for family, of in rows.items():
        names = {name for name, _ in used.scrape(f"/metrics/detailed?family={family}")} - set(ALWAYS)
        assert names
        implied = {"rabbitmq_detailed_queue_consumers"} if family == "queue_metrics" else set()
        assert names - implied <= {detailed_name(row.name) for row in of}
    for family, whole in WHOLE_FAMILIES.items():
        names = {name for name, _ in used.scrape(f"/metrics/detailed?family={family}")}
        assert names == {detailed_name(name) for name in whole} | set(ALWAYS)
    channel.queue_purge("work")
    channel.close()


def test_tasks_are_told_apart_by_name(used: Scraped) -> None:
    channel = used.connection.channel()
    channel.queue_declare("celery")
    for name in ("shop.pay", "shop.pay", "shop.mail"):
        properties = pika.BasicProperties(headers={"task": name, "id": "1"})
        channel.basic_publish("", "celery", b"[]", properties)
    channel.basic_publish("", "celery", b"no task")
    for _ in range(4):
        channel.basic_get("celery", auto_ack=True)
    counts = {
        dict(labels)["task"]: value
        for (name, labels), value in used.scrape().items()
        if name == "leveret_task_wait_seconds_count"
    }
    assert counts == {"shop.pay": 2, "shop.mail": 1}
    channel.queue_delete("celery")
    channel.close()


def test_what_only_a_round_of_sampling_knows_comes_with_the_next(used: Scraped) -> None:
    channel = used.connection.channel()
    channel.basic_publish("", "work", b"y")

    def value(name: str) -> float:
        return sum(found for (known, _), found in used.scrape().items() if known == name)

    wait_until(lambda: value("rabbitmq_global_publishers") == 1)
    wait_until(lambda: value("rabbitmq_connection_incoming_bytes_total") > 0)
    method, _, _ = channel.basic_get("work")
    assert method is not None
    wait_until(lambda: value("leveret_queue_oldest_unacked_seconds") > 0)
    channel.queue_purge("work")
    channel.close()


def test_what_leaves_queues_is_told_by_type_strategy_and_reason(used: Scraped) -> None:
    channel = used.connection.channel()
    sent_on = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "nowhere"}
    for queue, arguments in (("left", {}), ("sent-on", sent_on)):
        channel.queue_declare(queue, arguments=arguments)
        channel.basic_publish("", queue, b"x")
        method, _, _ = channel.basic_get(queue)
        assert method is not None
        channel.basic_reject(method.delivery_tag, requeue=False)
    channel.queue_delete("left")  # its answer comes behind the rejections
    name = "rabbitmq_global_messages_dead_lettered_rejected_total"
    found = {labels: value for (one, labels), value in used.scrape().items() if one == name}
    classic, quorum = ("queue_type", "rabbit_classic_queue"), ("queue_type", "rabbit_quorum_queue")
    assert found == {
        (("dead_letter_strategy", "disabled"), classic): 1, (("dead_letter_strategy", "at_most_once"), classic): 1,
        (("dead_letter_strategy", "disabled"), quorum): 0, (("dead_letter_strategy", "at_most_once"), quorum): 0,
        (("dead_letter_strategy", "at_least_once"), quorum): 0,
    }  # fmt: skip
    detailed = used.scrape("/metrics/detailed?family=leveret_queue_metrics&queue=sent-on")
    of_queue = (("queue", "sent-on"), ("vhost", "/"))
    assert detailed["leveret_detailed_queue_messages_dead_lettered_total", of_queue] == 1
    assert detailed["leveret_detailed_queue_messages_dlx", of_queue] == 0
    channel.close()


def test_the_page_is_generated() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == markdown(), "run: make docs"


def test_names_in_the_table_are_unlike() -> None:
    names = [row.name for row in (*METRICS, *LABELLED_METRICS, *HISTOGRAM_METRICS)]
    names += [row.name for kind in KINDS for row in kind.metrics]
    assert len(set(names)) == len(names)
    assert {name for of in WHOLE_FAMILIES.values() for name in of} <= set(names)
