"""Vhosts, users, permissions, policies, limits and definitions through the page."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.page.browsing import Looker, Managed


def confirmed(page: Page, word: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=word).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_vhost_with_a_user_who_may_use_it(look: Looker, managed: Managed) -> None:
    page = look.open("admin/vhosts")
    page.get_by_text("Add a vhost").click()
    page.get_by_label("Name (required)").fill("page/shop")
    page.get_by_label("Description").fill("Orders")
    page.get_by_role("button", name="Add vhost").click()
    expect(page.get_by_role("link", name="page/shop")).to_be_visible()

    page.get_by_role("link", name="Users").click()
    page.get_by_text("Add a user").click()
    page.get_by_label("Name (required)").fill("page-seller")
    page.get_by_label("Password", exact=True).fill("secret one")
    page.get_by_label("Password again").fill("secret two")
    page.get_by_role("checkbox", name=re.compile("^management")).check()
    page.get_by_role("button", name="Add user").click()
    expect(page.get_by_role("alert")).to_contain_text("The two passwords differ.")
    page.get_by_label("Password again").fill("secret one")
    page.get_by_role("button", name="Add user").click()

    page.get_by_role("link", name="page-seller").click()
    permissions = page.locator("section", has=page.get_by_role("heading", name="Permissions", exact=True))
    permissions.get_by_label("Vhost").select_option("page/shop")
    permissions.get_by_label("Configure").fill("^shop\\.")
    permissions.get_by_role("button", name="Set permissions").click()
    expect(permissions.get_by_role("rowheader")).to_have_text("page/shop")
    assert managed.call("GET", "permissions/page%2Fshop/page-seller")["configure"] == "^shop\\."
    assert managed.call("GET", "whoami", user="page-seller", password="secret one")["tags"] == ["management"]

    page.get_by_role("button", name="Clear permissions of page-seller in page/shop").click()
    confirmed(page, "Clear")
    expect(page.get_by_text("This user cannot connect to any vhost.")).to_be_visible()
    page.get_by_role("button", name="Delete user").click()
    confirmed(page, "Delete user")
    expect(page.get_by_text("User page-seller is deleted.")).to_be_visible()

    page.goto(f"{managed.url}/#/admin/vhosts/page%2Fshop")
    page.get_by_role("button", name="Delete vhost").click()
    delete = page.get_by_role("dialog").get_by_role("button", name="Delete vhost")
    expect(delete).to_be_disabled()
    page.get_by_label("Type page/shop to go on").fill("page/shop")
    delete.click()
    expect(page.get_by_text("Vhost page/shop is deleted.")).to_be_visible()
    assert not managed.exists("vhosts/page%2Fshop")


def test_tags_are_changed_and_the_password_stays(look: Looker, managed: Managed) -> None:
    managed.user("page-climber", "management")
    page = look.open("admin/users/page-climber")
    page.get_by_text("Change password or tags").click()
    page.get_by_role("checkbox", name=re.compile("^monitoring")).check()
    page.get_by_role("button", name="Change user").click()
    expect(page.get_by_text("page-climber is changed.")).to_be_visible()
    tags = managed.call("GET", "whoami", user="page-climber", password="page-climber")["tags"]
    assert sorted(tags) == ["management", "monitoring"]


def test_a_policy_shows_at_the_queue_it_matches(look: Looker, managed: Managed) -> None:
    managed.queue("page.ruled")
    page = look.open("admin/policies")
    page.get_by_text("Set a policy").click()
    page.get_by_label("Name (required)").fill("page-rule")
    page.get_by_label("Pattern (required)").fill("^page\\.ruled$")
    page.get_by_label("Applies to").select_option("queues")
    page.get_by_role("button", name="+ max-length", exact=True).click()
    page.get_by_label("Value of setting 1").fill("7")
    page.get_by_role("button", name="Set policy").click()
    expect(page.get_by_role("row", name="page-rule")).to_contain_text("max-length7")
    page.goto(f"{managed.url}/#/queues?name=page.ruled")
    expect(page.get_by_title("At most so many messages: 7 (by policy)")).to_be_visible()
    page.goto(f"{managed.url}/#/admin/policies")
    page.get_by_role("button", name="Clear page-rule").click()
    confirmed(page, "Clear")
    assert not managed.exists("policies/%2F/page-rule")


def test_limits_are_set_and_lifted(look: Looker, managed: Managed) -> None:
    page = look.open("admin/limits")
    page.get_by_label("Limit").first.select_option("max-queues")
    page.get_by_label("At most (required)").first.fill("5000")
    page.get_by_role("button", name="Set vhost limit").click()
    expect(page.get_by_role("row", name="/ max-queues")).to_contain_text("5,000")
    page.get_by_role("button", name="Lift max-queues of /").click()
    expect(page.get_by_role("button", name="Lift max-queues of /")).to_have_count(0)
    assert managed.call("GET", "vhost-limits") == []
