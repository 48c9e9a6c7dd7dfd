"""Queues, exchanges, bindings and messages through the page, by mouse as people do it."""

from __future__ import annotations

import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.page.browsing import Looker, Managed

EVIL = "<img src=x onerror=alert(1)>"


def place_of(queue: str, tab: str = "") -> str:
    return f"queues/%2F/{quote(queue, '')}" + (f"?tab={tab}" if tab else "")


def do_confirmed(page: Page, button: str, word: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=word).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_create_publish_get_purge_delete(look: Looker, managed: Managed) -> None:
    page = look.open("queues")
    page.get_by_text("Create a queue").click()
    page.get_by_label("Name (required)").fill("page.life")
    page.get_by_role("button", name="+ x-message-ttl").click()
    page.get_by_label("Value of argument 1").fill("60000")
    page.get_by_role("button", name="Create queue").click()
    expect(page.get_by_text("Queue page.life is there.")).to_be_visible()
    page.get_by_role("link", name="page.life").click()
    expect(page.get_by_title("Messages expire after: 60000 ms (1 min)")).to_have_text("TTL")

    page.get_by_role("link", name="Publish").click()
    page.get_by_label("Payload", exact=True).fill('{"answer": 42}')
    page.get_by_role("button", name="Add header").click()
    page.get_by_label("Name of header 1").fill("tenant")
    page.get_by_label("Value of header 1").fill("blue")
    for _ in range(2):
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("Published.").last).to_be_visible()
    assert page.get_by_label("Payload", exact=True).input_value() == '{"answer": 42}'

    page.get_by_role("link", name="Messages").click()
    page.get_by_text("Get messages as a client does").click()
    page.get_by_label("How many").fill("5")
    page.get_by_role("button", name="Get messages").click()
    got = page.get_by_role("region", name="Message 1", exact=True)
    expect(got.get_by_label("Payload")).to_contain_text('"answer": 42')
    expect(got).to_contain_text("blue")

    do_confirmed(page, "Purge", "Purge")
    page.get_by_role("link", name="Overview").last.click()
    expect(page.locator(".tile", has_text="total")).to_contain_text("0")
    do_confirmed(page, "Delete", "Delete queue")
    expect(page.get_by_text("Queue page.life is deleted.")).to_be_visible()
    assert not managed.exists("queues/%2F/page.life")


def test_a_name_that_is_markup_is_text(look: Looker, managed: Managed) -> None:
    managed.queue(EVIL)
    managed.call("POST", "exchanges/%2F/amq.default/publish", {
        "routing_key": EVIL, "payload": EVIL, "payload_encoding": "string", "properties": {"headers": {EVIL: EVIL}},
    })  # fmt: skip
    page = look.open("queues")
    page.get_by_role("link", name=EVIL).click()
    expect(page.get_by_role("heading", name=EVIL)).to_be_visible()
    page.get_by_role("link", name="Messages").click()
    expect(page.get_by_role("button", name="Search")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name=f"Delete {EVIL}?")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    managed.call("DELETE", f"queues/%2F/{quote(EVIL, '')}")


def test_lists_are_filtered_sorted_and_paged_by_the_broker_and_the_address_says_how(
    look: Looker, managed: Managed
) -> None:
    for number in range(30):
        managed.queue(f"page.many.{number:02}")
    page = look.open("queues?page_size=25&name=page.many")
    expect(page.get_by_text("Page 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("link", name="page.many.29")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Name")).click()
    expect(page.get_by_role("rowheader").first).to_have_text("page.many.29")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("searchbox").fill("many.0[12]$")
    page.get_by_label("regex").check()
    expect(page.get_by_role("rowheader")).to_have_text(["page.many.02", "page.many.01"])
    address = page.url
    page.reload()
    assert page.url == address
    expect(page.get_by_role("rowheader")).to_have_text(["page.many.02", "page.many.01"])
    page.get_by_role("searchbox").fill("no such queue")
    expect(page.get_by_text("No queue matches the filter")).to_be_visible()


def test_bind_publish_through_the_exchange_and_unbind(look: Looker, managed: Managed) -> None:
    managed.queue("page.bound")
    page = look.open("exchanges")
    page.get_by_text("Create an exchange").click()
    page.get_by_label("Name (required)").fill("page.topics")
    page.get_by_label("Type").select_option("topic")
    page.get_by_role("button", name="Create exchange").click()
    page.get_by_role("link", name="page.topics").click()
    page.get_by_text("Add a binding").click()
    page.get_by_label("Its name (required)").fill("page.bound")
    page.get_by_label("Routing key").fill("order.*")
    page.get_by_role("button", name="Bind", exact=True).click()
    expect(page.get_by_role("link", name="page.bound")).to_be_visible()

    page.get_by_role("link", name="Publish").click()
    for key, text in (("order.new", "Published."), ("other", "no queue took it")):
        page.get_by_label("Routing key").fill(key)
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_role("status").get_by_text(text).first).to_be_visible()

    page.get_by_role("link", name="Bindings").click()
    page.get_by_role("button", name="Remove the binding of page.topics to page.bound with key order.*").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove binding").click()
    expect(page.get_by_text("Messages published here go nowhere")).to_be_visible()
    managed.call("DELETE", "exchanges/%2F/page.topics")


def test_an_error_says_what_is_wrong_and_what_to_do(look: Looker, managed: Managed) -> None:
    managed.queue("page.there")
    page = look.open("queues")
    page.get_by_text("Create a queue").click()
    page.get_by_label("Name (required)").fill("page.there")
    page.get_by_label("Durability").select_option("transient")
    page.get_by_role("button", name="Create queue").click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("inequivalent arg 'durable'")
    expect(problem).to_contain_text("Correct what the reason names")
    page.goto(f"{managed.url}/#/{place_of('page.nowhere')}")
    expect(page.get_by_role("alert")).to_contain_text("It is not there (any more)")
