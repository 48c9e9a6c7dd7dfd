"""Streams: looked into from an offset, with what is kept and how far named consumers have come."""

from __future__ import annotations

import pika
from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed
from tests.support.waiting import wait_until

STREAM = "page.stream"


def test_a_stream_is_looked_into_from_an_offset_and_its_readers_are_shown(look: Looker, managed: Managed) -> None:
    managed.queue(STREAM, **{"x-queue-type": "stream", "x-max-age": "7D", "x-max-length-bytes": 1_048_576})
    with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number in range(70):
            channel.basic_publish("", STREAM, b"event %d" % number)
        channel.basic_qos(prefetch_count=5)
        arguments = {"x-stream-offset": "first", "x-stream-consumer-name": "billing"}
        tags: list[int] = []
        channel.basic_consume(STREAM, lambda _, method, *__: tags.append(method.delivery_tag), arguments=arguments)
        while len(tags) < 10:  # pika gives back what it has not handed on, and a stream takes nothing back
            connection.process_data_events(time_limit=30)
            if len(tags) == 5:
                channel.basic_ack(tags[4], multiple=True)
        path = f"queues/%2F/{STREAM}/offsets"
        wait_until(lambda: [one["offset"] for one in managed.call("GET", path)] == [4], what="the kept offset")
        page = look.open(f"queues/%2F/{STREAM}")
        about = page.get_by_label("About the queue")
        expect(about).to_contain_text("0 to 69")
        expect(about).to_contain_text("for 7D, up to 1 MiB")
        expect(page.get_by_role("table", name="Consumers").get_by_role("row").last).to_contain_text("billing")
        page.get_by_role("link", name="Readers").click()
        expect(page.get_by_role("row", name="billing 4 65")).to_be_visible()

    page.get_by_role("link", name="Messages").click()
    offsets = page.get_by_role("table", name=f"Messages that wait in {STREAM}").get_by_role("rowheader")
    expect(offsets).to_have_count(50)
    page.get_by_label("From offset").fill("66")
    page.get_by_role("button", name="Look").click()
    expect(offsets).to_have_text(["66", "67", "68", "69"])
    page.get_by_role("button", name="Open offset 69").click()
    expect(page.get_by_role("dialog").get_by_label("Payload")).to_have_text("event 69")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Readers").click()
    page.get_by_role("button", name="Forget billing").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_text("No consumer with a name has read from here")).to_be_visible()
