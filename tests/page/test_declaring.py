"""Forms offer what the broker knows: types, arguments, policy keys, with help; and what comes of it is shown."""

from __future__ import annotations

import pika
from playwright.sync_api import Page, expect

from tests.page.browsing import Looker, Managed
from tests.page.test_messages import got, publish


def offered(page: Page) -> list[str]:
    return [text.removeprefix("+ ") for text in page.get_by_role("button", name="+ ").all_inner_texts()]


def test_a_stream_is_created_with_what_streams_know(look: Looker, managed: Managed) -> None:
    page = look.open("queues")
    page.get_by_text("Create a queue").click()
    expect(page.get_by_role("button", name="+ x-max-priority")).to_be_visible()
    page.get_by_label("Type", exact=True).select_option("stream")
    expect(page.get_by_text("A log that many consumers read from where they like")).to_be_visible()
    expect(page.get_by_role("button", name="+ x-max-priority")).to_have_count(0)
    expect(page.get_by_label("Durability")).to_have_count(0)
    assert "x-max-age" in offered(page)
    page.get_by_label("Name (required)").fill("page.declared.stream")
    page.get_by_role("button", name="+ x-max-age").click()
    expect(page.get_by_text("Age at which a stream's messages go")).to_be_visible()
    page.get_by_label("Value of argument 1").fill("1h")
    page.get_by_role("button", name="Create queue").click()
    expect(page.get_by_text("Queue page.declared.stream is there.")).to_be_visible()
    declared = managed.call("GET", "queues/%2F/page.declared.stream")
    assert declared["arguments"] == {"x-queue-type": "stream", "x-max-age": "1h"}


def test_an_exchange_that_takes_messages_once(look: Looker, managed: Managed) -> None:
    page = look.open("exchanges")
    page.get_by_text("Create an exchange").click()
    page.get_by_label("Name (required)").fill("page.once")
    page.get_by_label("Type").select_option("x-message-deduplication")
    page.get_by_role("button", name="+ x-cache-size").click()
    page.get_by_label("Kind of argument 1").select_option("number")
    page.get_by_label("Value of argument 1").fill("100")
    page.get_by_role("button", name="Create exchange").click()
    expect(page.get_by_text("Exchange page.once is there.")).to_be_visible()
    queue = managed.queue("page.once.to")
    managed.call("POST", f"bindings/%2F/e/page.once/q/{queue}", {"routing_key": "", "arguments": {}})
    properties = pika.BasicProperties(headers={"x-deduplication-header": "order-1"})
    for _ in range(3):
        publish(managed, "", b"once", properties, "page.once")
    page.get_by_role("link", name="page.once").click()
    about = page.get_by_label("About the exchange")
    expect(about).to_contain_text("1 message known, 2 kept out")
    page.get_by_role("button", name="Forget them").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(about).to_contain_text("0 messages known")
    publish(managed, "", b"again", properties, "page.once")
    assert [one["payload"] for one in got(managed, queue)] == ["once", "again"]
    managed.call("DELETE", "exchanges/%2F/page.once")


def test_policies_offer_their_keys_and_operators_theirs(look: Looker) -> None:
    page = look.open("admin/policies")
    page.get_by_text("Set a policy").click()
    page.get_by_role("button", name="+ overflow").click()
    expect(page.get_by_label("Value of setting 1").get_by_role("option")).to_contain_text(
        ["drop-head", "reject-publish"]
    )
    assert {"hold-header", "retry-backoff-base", "concurrency-max", "rate-limit", "max-age"} <= set(offered(page))
    page.get_by_role("link", name="Operator policies").click()
    page.get_by_text("Set an operator policy").click()
    expect(page.get_by_role("button", name="+ message-ttl")).to_be_visible()
    assert "overflow" not in offered(page)
