"""Why a queue does not deliver, as its page tells it."""

from __future__ import annotations

import re

import pika
from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed
from tests.page.test_live import channel_named


def test_a_queue_says_why_it_delivers_nothing(look: Looker, managed: Managed) -> None:
    queue = managed.queue("page.still", **{"x-concurrency-max": 2})
    with channel_named(managed, "page still") as channel:
        channel.confirm_delivery()
        for _ in range(5):
            channel.basic_publish("", queue, b"x", pika.BasicProperties(delivery_mode=2))
        page = look.open(f"queues/%2F/{queue}")
        expect(page.get_by_text("5 messages wait, the oldest for")).to_be_visible()
        expect(page.get_by_text("No consumer is there.")).to_be_visible()
        expect(page.get_by_title("At most so many messages at work at a time: 2")).to_have_text("Cap")
        channel.basic_consume(queue, lambda *_: None)
        expect(page.get_by_text("The cap of 2 messages at work at a time is reached.")).to_be_visible()
        expect(page.get_by_label("About the queue")).to_contain_text("2 messages at a time")

    busy = managed.queue("page.busy")
    with channel_named(managed, "page busy") as channel:
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(busy, lambda *_: None)
        for _ in range(3):
            channel.basic_publish("", busy, b"x")
        page.goto(f"{managed.url}/#/queues/%2F/{busy}")
        expect(page.get_by_text(re.compile(r"as its prefetch allows \(1 together\)"))).to_be_visible()
