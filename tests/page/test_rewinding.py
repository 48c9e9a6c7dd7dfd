"""What was consumed is got back out of the log into a new queue."""

from __future__ import annotations

import pika
from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed
from tests.page.test_messages import got, publish


def test_a_queue_is_rewound_into_a_new_one(look: Looker, managed: Managed) -> None:
    queue, into = managed.queue("page.rewound"), "page.rewound.again"
    for number in range(3):
        publish(managed, queue, b"%d" % number, pika.BasicProperties(delivery_mode=2))
    assert len(got(managed, queue)) == 3
    page = look.open(f"queues/%2F/{queue}?tab=change")
    expect(page.get_by_text("All 3 persistent messages that ever came are in the log")).to_be_visible()
    page.get_by_label("New queue (required)").fill(queue)
    page.get_by_role("button", name="Rewind").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("New queue (required)").fill(into)
    page.get_by_role("button", name="Rewind").click()
    expect(page.get_by_text("Rewinding: done, 3 messages.")).to_be_visible()
    page.get_by_role("link", name=into).click()
    expect(page.get_by_role("heading", name=into)).to_be_visible()
    assert [one["payload"] for one in got(managed, into)] == ["0", "1", "2"]
