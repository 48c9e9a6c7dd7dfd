"""Dead letters: the queues they go to, why they died, and the way back."""

from __future__ import annotations

import json

import pika
import pytest
from playwright.sync_api import Page, expect

from tests.page.browsing import Looker, Managed
from tests.page.test_messages import got, publish

GRAVE, ORIGIN = "page.letters.grave", "page.letters.origin"


def test_queues_that_dead_letters_go_to_are_listed_with_where_they_come_from(look: Looker, managed: Managed) -> None:
    managed.queue("page.grave")
    managed.call("PUT", "exchanges/%2F/page.dlx", {"type": "fanout", "durable": True})
    managed.call("POST", "bindings/%2F/e/page.dlx/q/page.grave", {"routing_key": "", "arguments": {}})
    for name in ("page.dying.a", "page.dying.b"):
        managed.queue(name, **{"x-dead-letter-exchange": "page.dlx"})
    page = look.open("deadletters")
    row = page.get_by_role("row", name="page.grave")
    expect(row).to_contain_text("page.dlx")
    expect(row).to_contain_text("page.dying.a, page.dying.b")
    row.get_by_role("link", name="page.grave").click()
    expect(page.get_by_role("heading", name="page.grave")).to_be_visible()
    expect(page.get_by_role("link", name="Dead letters").last).to_have_attribute("aria-current", "page")


def dead(reason: str, task: str = "", count: int = 1) -> pika.BasicProperties:
    """The properties of a message that died in ORIGIN, and in a queue for retries before."""
    latest = {"reason": reason, "queue": ORIGIN, "exchange": "", "routing-keys": [ORIGIN], "count": count}
    before = {"reason": "expired", "queue": "page.retry", "exchange": "shop", "routing-keys": ["a", "b"], "count": 1}
    first = {f"x-first-death-{name}": before[name] for name in ("reason", "queue", "exchange")}
    named = {"task": task, "id": "1", "retries": 0} if task else {}
    return pika.BasicProperties(headers={"x-death": [latest, before], **first, **named})


@pytest.fixture
def graves(managed: Managed) -> Managed:
    """Three letters of a task, one that expired, and a message that never died, in GRAVE."""
    for name in (GRAVE, ORIGIN):
        managed.queue(name)
        managed.call("DELETE", f"queues/%2F/{name}/contents")
    for number in range(3):
        publish(managed, GRAVE, b"[[%d], {}, {}]" % number, dead("rejected", "shop.charge", count=3))
    publish(managed, GRAVE, b'{"amount": -1}', dead("expired"))
    publish(managed, GRAVE, b"alive")
    return managed


def group(page: Page, name: str, act: str) -> None:
    page.get_by_role("button", name=f"{act} {name}").click()


def replayed(page: Page, count: str) -> None:
    expect(page.get_by_role("dialog").get_by_text(f"Replaying: done, {count}.")).to_be_visible()
    page.get_by_role("button", name="Close").last.click()


def test_dead_letters_are_grouped_and_tell_their_story(look: Looker, graves: Managed) -> None:
    page = look.open(f"queues/%2F/{GRAVE}?tab=letters")
    groups = page.get_by_role("table", name="Groups of dead letters")
    expect(groups.get_by_role("row", name=f"rejected {ORIGIN} shop.charge 3")).to_be_visible()
    expect(groups.get_by_role("row", name=f"expired {ORIGIN}")).to_be_visible()
    expect(page.get_by_text("4 dead letters")).to_be_visible()
    group(page, "rejected", "Look at")
    expect(page.get_by_role("table", name="Dead letters of this group").get_by_role("row")).to_have_count(4)
    page.get_by_role("button", name="Open").first.click()
    story = page.get_by_role("dialog").get_by_role("listitem")
    expect(story).to_contain_text([
        "Expired in page.retry. It had come through the exchange shop with the key a, b.",
        f"Rejected by a consumer of {ORIGIN} 3 times.",
    ])  # fmt: skip
    page.keyboard.press("Escape")
    page.get_by_role("checkbox", name="Select").first.check()
    page.get_by_role("button", name="Delete selected (1)").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("3 dead letters")).to_be_visible()
    assert len(got(graves, GRAVE)) == 4


def test_a_dead_letter_is_edited_and_goes_back(look: Looker, graves: Managed) -> None:
    page = look.open(f"queues/%2F/{GRAVE}?tab=letters")
    group(page, "expired", "Look at")
    page.get_by_role("button", name="Edit and replay").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload", exact=True).fill('{"amount": 1}')
    dialog.get_by_role("button", name="Add header").click()
    dialog.get_by_label("Name of header 1").fill("mended")
    dialog.get_by_label("Value of header 1").fill("by hand")
    dialog.get_by_role("button", name="Replay").click()
    replayed(page, "1 message")
    (copy,) = got(graves, ORIGIN)
    assert copy["payload"] == '{"amount": 1}'
    assert "by hand" in json.dumps(copy["properties"])
    assert '"x-death"' not in json.dumps(copy["properties"])
    expect(page.get_by_text("3 dead letters")).to_be_visible()


def test_a_group_and_then_all_are_replayed(look: Looker, graves: Managed) -> None:
    publish(graves, GRAVE, b"no task", dead("rejected"))
    page = look.open(f"queues/%2F/{GRAVE}?tab=letters")
    group(page, f"rejected in {ORIGIN}, shop.charge", "Replay")
    page.get_by_label("How many at most").fill("2")
    page.get_by_label("Messages per second").fill("1000")
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    replayed(page, "2 messages")
    expect(page.get_by_text("3 dead letters")).to_be_visible()
    page.get_by_role("button", name=f"Replay rejected in {ORIGIN}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    replayed(page, "1 message")
    assert [one["payload"] for one in got(graves, ORIGIN)] == ["[[0], {}, {}]", "[[1], {}, {}]", "no task"]
    page.get_by_role("button", name="Replay all…").click()
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    replayed(page, "2 messages, 1 left out")
    expect(page.get_by_text("No dead letter waits here")).to_be_visible()
    assert [one["payload"] for one in got(graves, GRAVE)] == ["alive"]
