"""The metrics endpoint agrees with its table, its docs and Prometheus' own parser."""

from __future__ import annotations

import socket
import urllib.request

import pika
import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.metrics.docs import markdown
from broker.metrics.table import HISTOGRAM_METRICS, METRICS, QUEUE_METRICS
from tests.support.brokers import RunningBroker, running_brokerd
from tests.tidy import ROOT

pytestmark = pytest.mark.ours
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def scrape(port: int, path: str = "/metrics") -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def publish_and_take(broker: RunningBroker) -> None:
    """Two messages of three are taken and acknowledged, one is unroutable and dropped."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url()))
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
    connection.close()


def test_metrics_follow_what_happens() -> None:
    port = free_port()
    with running_brokerd("--metrics-port", str(port)) as broker:
        publish_and_take(broker)
        whole, each = scrape(port), scrape(port, "/metrics/per-object")
    names = {name for name, _ in whole}
    spread = {row.name + end for row in HISTOGRAM_METRICS for end in ("_bucket", "_sum", "_count")}
    assert names == {row.name for row in METRICS} | {gauge.name for gauge in QUEUE_METRICS} | spread
    plain = {name: value for (name, _), value in whole.items()}
    expected = {
        "rabbitmq_queues": 2, "rabbitmq_connections": 0, "rabbitmq_channels": 0,
        "rabbitmq_queue_messages_ready": 1, "rabbitmq_queue_messages_ready_bytes": 10,
        "rabbitmq_connections_opened_total": 1, "rabbitmq_connections_closed_total": 1,
        "rabbitmq_channels_opened_total": 1, "rabbitmq_channels_closed_total": 1,
        "rabbitmq_queues_declared_total": 2, "rabbitmq_queues_created_total": 2, "rabbitmq_queues_deleted_total": 0,
        "rabbitmq_global_messages_received_total": 4, "rabbitmq_global_messages_received_confirm_total": 4,
        "rabbitmq_global_messages_routed_total": 3, "rabbitmq_global_messages_unroutable_dropped_total": 1,
        "rabbitmq_global_messages_confirmed_total": 4, "rabbitmq_global_messages_delivered_total": 2,
        "rabbitmq_global_messages_delivered_get_manual_ack_total": 2,
        "rabbitmq_global_messages_acknowledged_total": 2, "rabbitmq_alarms_memory_used_watermark": 0,
    }  # fmt: skip
    assert {name: plain[name] for name in expected} == expected
    assert plain["process_resident_memory_bytes"] > 0
    assert whole["rabbitmq_global_messages_received_total", (("protocol", "amqp091"),)] == 4
    ready = {labels: value for (name, labels), value in each.items() if name == "rabbitmq_queue_messages_ready"}
    odd = (("queue", 'odd "name" \\'), ("vhost", "/"))
    assert ready == {odd: 0, (("queue", "work"), ("vhost", "/")): 1}


def test_the_page_is_generated() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == markdown(), "run: make docs"
