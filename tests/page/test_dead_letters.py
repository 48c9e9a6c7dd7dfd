"""Dead letters: the queues they go to, why they died, and the way back."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed


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
