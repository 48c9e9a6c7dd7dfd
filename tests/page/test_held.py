"""Delayed messages: listed with when and why, found, put off, let go and cancelled."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pika
import pytest
from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed
from tests.page.test_messages import got
from tests.support.waiting import wait_until

EXCHANGE, QUEUE = "page.delayed", "page.delayed.to"
HOUR_MS = 3_600_000


@pytest.fixture
def delayed(managed: Managed) -> Iterator[Managed]:
    """An exchange that delays, and a vhost's held messages that are this test's alone."""
    arguments = {"x-delayed-type": "fanout"}
    managed.call("PUT", f"exchanges/%2F/{EXCHANGE}", {"type": "x-delayed-message", "arguments": arguments})
    managed.queue(QUEUE)
    managed.call("POST", f"bindings/%2F/e/{EXCHANGE}/q/{QUEUE}", {"routing_key": "", "arguments": {}})
    yield managed
    for one in managed.call("GET", "leveret/held/%2F?page_size=500")["items"]:
        managed.call("DELETE", f"leveret/held/%2F/{one['id']}")
    for path in (f"exchanges/%2F/{EXCHANGE}", f"queues/%2F/{QUEUE}"):
        managed.call("DELETE", path)


def hold(managed: Managed, key: str, hours: int, count: int = 1, **headers: object) -> None:
    with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for _ in range(count):
            properties = pika.BasicProperties(headers={"x-delay": hours * HOUR_MS, **headers}, delivery_mode=2)
            channel.basic_publish(EXCHANGE, key, key.encode(), properties)


def test_a_delayed_message_is_put_off_then_run_now(look: Looker, delayed: Managed) -> None:
    hold(delayed, "newsletter", 5)
    hold(delayed, "page.report", 2, task="page.report", id="t-1")
    page = look.open("held")
    table = page.get_by_role("table", name="Delayed messages")
    expect(table.get_by_role("rowheader")).to_have_text(["page.report", "newsletter"])
    row = table.get_by_role("row", name="page.report")
    expect(row).to_contain_text(re.compile(r"1 h 5\d min|2 h"))
    expect(row).to_contain_text("delay")
    row.get_by_role("button", name="Reschedule page.report").click()
    due = page.get_by_label("Due (required)")
    due.fill(due.input_value().replace(due.input_value()[:4], "2099"))
    page.get_by_role("dialog").get_by_role("button", name="Reschedule").click()
    expect(row).to_contain_text("2099-")
    expect(table.get_by_role("rowheader")).to_have_text(["newsletter", "page.report"])
    row.get_by_role("button", name="Run page.report now").click()
    expect(table.get_by_role("rowheader")).to_have_text(["newsletter"])
    wait_until(lambda: [one["payload"] for one in got(delayed, QUEUE)] == ["page.report"], what="the message")


def test_delayed_messages_are_paged_found_and_cancelled(look: Looker, delayed: Managed) -> None:
    hold(delayed, "many", 1, count=55)
    hold(delayed, "page.rare", 9, task="page.rare", id="t-2")
    page = look.open("held")
    rows = page.get_by_role("table", name="Delayed messages").get_by_role("rowheader")
    expect(rows).to_have_count(50)
    expect(page.get_by_text("56 messages")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(6)
    page.get_by_role("searchbox").fill("T-2")
    page.keyboard.press("Enter")
    expect(rows).to_have_text(["page.rare"])
    expect(page.get_by_text("1 message found, the first 56 searched")).to_be_visible()
    page.get_by_role("button", name="Cancel page.rare").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    expect(page.get_by_text("No delayed message matches")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_text("55 messages")).to_be_visible()
