"""The page for everybody: accessibility rules, keyboard alone, phone, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.page.browsing import PHONE, Looker, Managed
from tests.page.test_dead_letters import dead
from tests.page.test_messages import publish

PLACES = (
    "overview", "connections", "channels", "exchanges", "exchanges/%2F/amq.topic", "queues", "queues/%2F/page.seen",
    "queues/%2F/page.seen?tab=messages", "queues/%2F/page.seen?tab=letters", "queues/%2F/page.seen?tab=change",
    "queues/%2F/page.seen?tab=publish", "queues/%2F/page.seen.stream?tab=offsets",
    "queues/%2F/page.seen.stream?tab=messages",
    "celery", "deadletters", "held", "jobs", "trace", "logs",
    "admin/users", "admin/users/guest", "admin/vhosts/%2F", "admin/policies", "admin/limits", "admin/definitions",
)  # fmt: skip
DARK_PLACES = ("overview", "queues", "queues/%2F/page.seen?tab=publish", "admin/users/guest", "logs")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
TABS_MAX = 60


def prepare(managed: Managed) -> None:
    """A stream, and a queue with a dead letter in it."""
    managed.queue("page.seen.stream", **{"x-queue-type": "stream"})
    if not managed.exists("queues/%2F/page.seen"):
        publish(managed, managed.queue("page.seen", **{"x-max-length": 9}), b"{}", dead("rejected", "shop.charge"))


def settled(page: Page) -> None:
    """Waits until the view stands and its first answers are drawn."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Loading…")).to_have_count(0)


def violations(page: Page, rules: dict[str, object] = RULES) -> list[str]:
    """What axe finds wrong; it is put into a page once."""
    page.evaluate(f"window.axe || (() => {{ {AXE_SCRIPT} }})()")
    found = page.evaluate("(rules) => axe.run(document, rules)", rules)["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("scheme", "rules"), [("light", RULES), ("dark", CONTRAST)], ids=["light", "dark"])
def test_every_view_keeps_the_rules_of_axe(
    look: Looker, managed: Managed, scheme: str, rules: dict[str, object]
) -> None:
    prepare(managed)
    page = look.open("overview", color_scheme=scheme)
    found = {}
    for place in PLACES if rules is RULES else DARK_PLACES:
        page.goto(f"{managed.url}/#/{place}")
        settled(page)
        if wrong := violations(page, rules):
            found[place] = wrong
    assert not found


def test_login_and_dialogs_keep_the_rules_of_axe(look: Looker, managed: Managed) -> None:
    prepare(managed)
    login = look.open(user=None)
    expect(login.get_by_label("Password")).to_be_visible()
    assert not violations(login)
    login.evaluate("document.querySelector('label').remove()")
    assert violations(login), "axe sees what is wrong"
    page = look.open("queues/%2F/page.seen")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not violations(page)


def test_nothing_is_wider_than_a_phone(look: Looker, managed: Managed) -> None:
    prepare(managed)
    managed.queue("page.a-name-that-is-long." + "x" * 120)
    page = look.open("overview", viewport=PHONE)
    wide = {}
    for place in PLACES:
        page.goto(f"{managed.url}/#/{place}")
        settled(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wide[place] = width
    assert not wide
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Queues").click()
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the element with this text has the focus."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim() || document.activeElement.ariaLabel") == name:
            return
    raise AssertionError(f"Tab does not come to {name}")


def test_by_keyboard_alone(look: Looker, managed: Managed) -> None:
    page = look.open("overview", user=None)
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("guest")
    page.keyboard.press("Tab")
    page.keyboard.type("guest")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    tab_to(page, "Queues")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
    tab_to(page, "Create a queue")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("page.typed")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Queue page.typed is there.")).to_be_visible()
    page.goto(f"{managed.url}/#/queues/%2F/page.typed")
    expect(page.get_by_role("heading", name="page.typed")).to_be_visible()
    settled(page)
    tab_to(page, "Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Delete queue")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Queue page.typed is deleted.")).to_be_visible()


def brightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour[4:-1].split(",")[:3]) / 3


def test_light_and_dark_by_system_and_by_choice(look: Looker) -> None:
    page = look.open("overview", color_scheme="dark")
    settled(page)
    assert brightness(page) < 60
    page.get_by_label("Colours").select_option("light")
    assert brightness(page) > 200
    page.reload()
    settled(page)
    assert brightness(page) > 200
