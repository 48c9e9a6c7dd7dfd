"""Makes the pictures of docs/page.md where `LEVERET_SCREENSHOTS` names a folder, of the same data every time."""

from __future__ import annotations

import os
from pathlib import Path

import pika
import pytest
from celery import Celery
from pika.adapters.blocking_connection import BlockingChannel
from playwright.sync_api import Page, expect

from tests.page.browsing import PHONE, Looker, Managed
from tests.support.waiting import wait_until

FOLDER = os.environ.get("LEVERET_SCREENSHOTS", "")
SAMPLES_MIN = 8
PICTURE = {"width": 1280, "height": 800}
QUEUES = {
    "mail": {"x-message-ttl": 86_400_000, "x-dead-letter-exchange": "graveyard"},
    "orders.new": {"x-dead-letter-exchange": "graveyard", "x-max-priority": 9},
    "orders.paid": {"x-single-active-consumer": True},
    "reports": {"x-max-length": 10_000, "x-overflow": "reject-publish"},
    "thumbnails": {},
    "webhooks": {"x-expires": 3_600_000, "x-rate-limit": 50, "x-retry-backoff-base": 1000},
    "events": {"x-queue-type": "stream", "x-max-age": "7D"},
    "graveyard": {},
}
TASKS_POLICY = {"dead-letter-exchange": "graveyard", "hold-header": "eta", "concurrency-max": 8}

pytestmark = pytest.mark.skipif(not FOLDER, reason="`make screenshots` asks for pictures")


@pytest.fixture
def channel(managed: Managed) -> BlockingChannel:
    """A channel of a connection that has a name, in a broker with some queues."""
    managed.call("PUT", "vhosts/staging", {"description": "Rehearsals"})
    managed.user("ada", "monitoring")
    managed.call("PUT", "exchanges/%2F/orders", {"type": "topic", "durable": True})
    managed.call("PUT", "exchanges/%2F/graveyard", {"type": "fanout", "durable": True})
    managed.call("PUT", "exchanges/%2F/later", {"type": "x-delayed-message", "arguments": {"x-delayed-type": "direct"}})
    body = {"pattern": "^tasks$", "definition": TASKS_POLICY, "apply-to": "queues"}
    managed.call("PUT", "policies/%2F/celery-tasks", body)
    for name, arguments in QUEUES.items():
        managed.queue(name, **arguments)
        exchange = "graveyard" if name == "graveyard" else "orders"
        managed.call("POST", f"bindings/%2F/e/{exchange}/q/{name}", {"routing_key": f"{name}.#", "arguments": {}})
    parameters = pika.URLParameters(managed.broker.url())
    parameters.client_properties = {"connection_name": "shop checkout"}
    channel = pika.BlockingConnection(parameters).channel()
    channel.basic_qos(prefetch_count=20)
    channel.basic_consume("thumbnails", lambda *_: None)
    return channel


def fill(channel: BlockingChannel, managed: Managed) -> None:
    """Publishes in waves until the charts have something to show."""

    def wave() -> bool:
        for number in range(4):
            body = b'{"order": %d, "customer": "c-%d", "total": 19.9}' % (number, number % 7)
            channel.basic_publish(
                "", "orders.new", body, pika.BasicProperties(content_type="application/json", delivery_mode=2)
            )
            channel.basic_publish("", "thumbnails", body)
        for _ in range(2):
            channel.basic_get("orders.new", auto_ack=True)
        channel.connection.process_data_events(time_limit=0)
        details = managed.call("GET", "overview?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5")
        samples = details["queue_totals"].get("messages_details", {}).get("samples", [])
        return len([one for one in samples if one["sample"]]) >= SAMPLES_MIN

    wait_until(wave, seconds=100, what="a history to draw")
    app = Celery("shop", broker=managed.broker.url())
    for number in range(12):
        app.send_task("shop.mail.confirm", (1000 + number,), {"language": "en"}, queue="tasks")
    for number in range(5):
        app.send_task("shop.mail.newsletter", (), {"issue": 7 + number}, queue="tasks", countdown=3600 * (number + 1))
    app.send_task("shop.charge", (17, "19.90"), queue="tasks")
    app.close()
    for number in range(3):
        delay = pika.BasicProperties(headers={"x-delay": 90_000 * (number + 1)}, delivery_mode=2)
        channel.basic_publish("later", "webhooks", b"{}", delay)
    reject(channel, "tasks", 16)
    reject(channel, "orders.new", 3)


def reject(channel: BlockingChannel, queue: str, count: int) -> None:
    """Refuses messages of a queue, every fourth; the others go back."""
    got = [channel.basic_get(queue)[0] for _ in range(count)]
    for number, method in enumerate(got):
        if method is not None:
            channel.basic_reject(method.delivery_tag, requeue=number % 4 != 0)


def take(page: Page, name: str) -> None:
    expect(page.get_by_text("Loading…")).to_have_count(0)
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    page.screenshot(path=Path(FOLDER) / f"{name}.png")


def take_letters(page: Page, managed: Managed) -> None:
    page.goto(f"{managed.url}/#/queues/%2F/graveyard?tab=letters")
    page.get_by_role("button", name="Look at rejected in tasks, shop.mail.confirm").click()
    expect(page.get_by_role("table", name="Dead letters of this group")).to_be_visible()
    take(page, "deadletters")


def take_change(page: Page, managed: Managed) -> None:
    page.goto(f"{managed.url}/#/queues/%2F/reports?tab=change")
    page.get_by_label("Value of argument 1").fill("50000")
    page.get_by_role("button", name="+ x-dead-letter-exchange").click()
    page.get_by_label("Value of argument 3").fill("graveyard")
    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_role("table", name="What changes")).to_be_visible()
    take(page, "change")


def test_pictures(look: Looker, managed: Managed, channel: BlockingChannel) -> None:
    fill(channel, managed)
    page = look.open("overview", viewport=PICTURE)
    expect(page.get_by_role("img", name="Message rates")).to_be_visible()
    take(page, "overview")
    for place, name, shows in (
        ("queues", "queues", "orders.new"),
        ("queues/%2F/orders.new", "queue", "x-max-priority"),
        ("queues/%2F/orders.new?tab=messages", "messages", "orders.new"),
        ("celery?queue=tasks", "celery", "shop.mail.confirm"),
        ("held", "delayed", "shop.mail.newsletter"),
        ("logs", "logs", "shop checkout"),
    ):
        page.goto(f"{managed.url}/#/{place}")
        expect(page.get_by_text(shows).first).to_be_attached()
        take(page, name)
    take_letters(page, managed)
    take_change(page, managed)
    dark = look.open("queues/%2F/orders.new", viewport=PICTURE, color_scheme="dark")
    expect(dark.get_by_role("img", name="Messages. Ready")).to_be_visible()
    take(dark, "dark")
    phone = look.open("queues", viewport=PHONE)
    expect(phone.get_by_role("link", name="orders.new")).to_be_visible()
    take(phone, "phone")
