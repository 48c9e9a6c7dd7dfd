"""A queue is changed in place: what would be different is shown first."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed
from tests.page.test_messages import publish


def test_arguments_are_changed_after_a_look_at_what_will_be_different(look: Looker, managed: Managed) -> None:
    queue = managed.queue("page.changed", **{"x-max-length": 10, "x-message-ttl": 60_000_000})
    publish(managed, queue, b"stays")
    page = look.open(f"queues/%2F/{queue}?tab=change")
    page.get_by_label("Value of argument 1").fill("many")
    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_role("alert").first).to_contain_text("x-max-length: many is no number")
    page.get_by_label("Value of argument 1").fill("20")
    page.get_by_role("button", name="Remove argument 2").click()
    page.get_by_role("button", name="+ x-max-priority").click()
    page.get_by_label("Value of argument 2").fill("4")
    page.get_by_role("button", name="See what changes").click()
    table = page.get_by_role("table", name="What changes")
    expect(table.get_by_role("row", name="x-max-length 10 20")).to_be_visible()
    expect(table.get_by_role("row", name="x-max-priority not set 4")).to_be_visible()
    expect(table.get_by_role("row", name="x-message-ttl 60000000 not set")).to_be_visible()
    expect(page.get_by_text("1 waiting message is put in order anew")).to_be_visible()
    assert managed.call("GET", f"queues/%2F/{queue}")["arguments"]["x-max-length"] == 10
    page.get_by_role("button", name="Change the queue").click()
    expect(page.get_by_text("page.changed is changed.")).to_be_visible()
    now = managed.call("GET", f"queues/%2F/{queue}")
    assert now["arguments"] == {"x-max-length": 20, "x-max-priority": 4}
    assert now["messages"] == 1
    expect(page.get_by_label("Value of argument 1")).to_have_value("20")

    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_text("Nothing changes")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    page.get_by_label("Value of argument 2").fill("256")
    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_role("alert").first).to_contain_text("max_value_exceeded")
