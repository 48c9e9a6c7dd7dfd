"""Looking into queues: messages, dead letters, Celery tasks; nothing is touched that is only looked at."""

from __future__ import annotations

import json

import pika
from celery import Celery
from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed

TASK_ID = "5f1d0c1e-0000-4000-8000-00000000c0de"


def publish(
    managed: Managed, key: str, body: bytes, properties: pika.BasicProperties | None = None, exchange: str = ""
) -> None:
    with pika.BlockingConnection(pika.URLParameters(managed.broker.url())) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, body, properties)


def got(managed: Managed, queue: str) -> list[dict[str, object]]:
    wish = {"count": 100, "ackmode": "ack_requeue_false", "encoding": "auto"}
    answer: list[dict[str, object]] = managed.call("POST", f"queues/%2F/{queue}/get", wish)
    return answer


def test_messages_are_searched_looked_at_and_deleted_one_by_one(look: Looker, managed: Managed) -> None:
    queue = managed.queue("page.looked")
    for number in range(60):
        publish(
            managed, queue, json.dumps({"order": number}).encode(), pika.BasicProperties(headers={"tenant": "blue"})
        )
    publish(managed, queue, b"\x00\xff\x80")
    page = look.open(f"queues/%2F/{queue}?tab=messages")
    expect(page.get_by_role("rowheader")).to_have_count(50)
    page.get_by_role("button", name="Next 50").click()
    expect(page.get_by_role("rowheader")).to_have_count(11)
    page.get_by_role("button", name="Open").last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Payload")).to_contain_text("00 ff 80")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="From the front").click()

    page.get_by_role("searchbox", name="Search in messages").fill('"order": 42')
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    page.get_by_role("button", name="Open").click()
    expect(dialog.get_by_label("Payload")).to_have_text('{\n  "order": 42\n}')
    expect(dialog).to_contain_text("tenant")
    page.keyboard.press("Escape")
    page.get_by_role("checkbox", name="Select").check()
    page.get_by_role("button", name="Delete selected (1)").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 message deleted.")).to_be_visible()
    left = got(managed, queue)
    assert [one["payload"] for one in left[:-1]] == [json.dumps({"order": n}) for n in range(60) if n != 42]
    assert not any(one["redelivered"] for one in left)


def test_a_celery_task_is_found_read_and_revoked(look: Looker, managed: Managed) -> None:
    app = Celery("page", broker=managed.broker.url())
    app.send_task("page.mail", (7,), {"language": "en"}, queue="page.tasks", task_id=TASK_ID, countdown=3600, retries=2)
    for number in range(2):
        app.send_task("page.report", (number,), queue="page.tasks")
    app.close()
    page = look.open("celery?queue=page.tasks")
    expect(page.get_by_role("button", name="2 page.report")).to_be_visible()
    hidden = page.locator(".table-frame").evaluate("(frame) => frame.scrollWidth - frame.clientWidth")
    assert hidden <= 0, "no column lies under the buttons"
    page.get_by_label("Task id").fill(TASK_ID)
    page.get_by_role("button", name="Find").click()
    row = page.get_by_role("row", name=TASK_ID)
    expect(row).to_contain_text("language")
    expect(page.get_by_role("rowheader")).to_have_text(["page.mail"])
    row.get_by_role("button", name="Open").click()
    expect(page.get_by_role("dialog").get_by_text("Not before")).to_be_visible()
    page.keyboard.press("Escape")
    page.goto(f"{managed.url}/#/queues/%2F/page.tasks?tab=messages")
    expect(page.get_by_text('page.mail([7] {"language":"en"})')).to_be_visible()
    page.go_back()
    page.get_by_role("button", name=f"Revoke page.mail {TASK_ID}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No task found")).to_be_visible()
    assert len(got(managed, "page.tasks")) == 2
