"""Messages are moved and copied from the browser of a queue, and jobs tell how far they are."""

from __future__ import annotations

import json
import re

import pika
from playwright.sync_api import Page, Route, expect

from tests.page.browsing import Looker, Managed
from tests.page.test_messages import got

MANY = 300  # at one a second they take longer than anybody looks


def fill(managed: Managed, queue: str, count: int) -> None:
    with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number in range(count):
            colour = "red" if number % 2 else "blue"
            channel.basic_publish(
                "", queue, b'{"order": %d}' % number, pika.BasicProperties(headers={"colour": colour})
            )


def orders(managed: Managed, queue: str) -> list[int]:
    return [json.loads(str(one["payload"]))["order"] for one in got(managed, queue)]


def start(page: Page, queue: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the queue").fill(queue)
    dialog.get_by_role("button", name="Start").click()


def test_chosen_messages_are_moved_and_those_that_match_are_copied(look: Looker, managed: Managed) -> None:
    source, target, copies = (managed.queue(f"page.move.{name}") for name in ("source", "target", "copies"))
    fill(managed, source, 6)
    page = look.open(f"queues/%2F/{source}?tab=messages")
    boxes = page.get_by_role("checkbox", name="Select")
    expect(boxes).to_have_count(6)
    for number in (1, 4):
        boxes.nth(number).check()
    page.get_by_role("button", name="Move selected (2)").click()
    start(page, target)
    expect(page.get_by_text("Moving: done, 2 messages.")).to_be_visible()
    page.get_by_role("button", name="Close").last.click()
    expect(boxes).to_have_count(4)
    assert orders(managed, target) == [1, 4]

    page.get_by_role("searchbox").fill("BLUE")
    page.keyboard.press("Enter")
    expect(boxes).to_have_count(2)
    page.get_by_role("button", name="Move all that match").click()
    page.get_by_label("Do", exact=True).select_option("yes")
    start(page, copies)
    expect(page.get_by_text("Moving: done, 2 messages.")).to_be_visible()
    assert orders(managed, copies) == [0, 2]
    assert orders(managed, source) == [0, 2, 3, 5]


def test_a_slow_job_is_watched_left_and_cancelled(look: Looker, managed: Managed) -> None:
    source, target = managed.queue("page.slow.source"), managed.queue("page.slow.target")
    fill(managed, source, MANY)
    page = look.open(f"queues/%2F/{source}?tab=messages")
    page.get_by_role("button", name="Move all…").click()
    page.get_by_label("Messages per second").fill("1")
    start(page, target)
    expect(page.get_by_text(re.compile(rf"Moving: \d+ messages?, \d+ of {MANY} looked at"))).to_be_visible()
    expect(page.get_by_role("progressbar", name="Moving")).to_be_visible()
    page.get_by_role("button", name="Close").last.click()
    page.goto(f"{managed.url}/#/jobs")
    row = page.get_by_role("row", name=source)
    expect(row).to_contain_text("running")
    row.get_by_role("button", name=re.compile("Cancel move")).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(row).to_contain_text("cancelled")
    assert sum(managed.call("GET", f"queues/%2F/{name}")["messages"] for name in (source, target)) == MANY


def test_a_refusal_of_a_job_is_told_where_it_was_asked_for(look: Looker, managed: Managed) -> None:
    source = managed.queue("page.refused.source")
    fill(managed, source, 1)
    page = look.open(f"queues/%2F/{source}?tab=messages")
    page.get_by_role("button", name="Move all…").click()
    start(page, "page.nowhere")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no queue 'page.nowhere'")
    page.get_by_label("To", exact=True).select_option("exchange")
    page.get_by_label("Name of the exchange").fill("amq.fanout")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Moving: failed, 0 messages. no queue is bound")).to_be_visible()
    assert orders(managed, source) == [0]


def test_a_job_that_waits_says_why(look: Looker, managed: Managed) -> None:
    source = managed.queue("page.waits.source")
    fill(managed, source, 1)
    job = {
        "id": "1", "kind": "move", "state": "paused", "vhost": "/", "source": source, "destination": "queue x",
        "user": "", "done": 3, "total": 9, "looked_at": 3, "skipped": 1, "error": "low on disk",
        "started": None, "ended": None,
    }  # fmt: skip

    def answer(route: Route) -> None:
        route.fulfill(json=job)

    page = look.open(f"queues/%2F/{source}?tab=messages")
    page.route("**/move", answer)
    page.route("**/jobs/1", answer)
    page.get_by_role("button", name="Move all…").click()
    start(page, "x")
    expect(page.get_by_text("Moving: 3 messages, 3 of 9 looked at, 1 left out. It waits: low on disk.")).to_be_visible()
