"""Logging in and out, and what a user's tags keep out of sight."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.page.browsing import Looker, Managed


def fill_login(page: Page, name: str, password: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_guest_logs_in_stays_over_a_reload_and_logs_out(look: Looker) -> None:
    page = look.open("queues", user=None)
    fill_login(page, "guest", "guest")
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_wrong_password_is_explained(look: Looker) -> None:
    page = look.open(user=None)
    fill_login(page, "guest", "wrong")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("do not fit")
    expect(problem).to_contain_text("guest may log in only from the machine")
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_monitoring_user_is_not_offered_what_it_may_not_do(look: Looker, managed: Managed) -> None:
    managed.user("page-watcher", "monitoring")
    page = look.open("overview", user="page-watcher")
    views = page.get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name="Log", exact=True)).to_be_visible()
    for name in ("Users", "Vhosts", "Limits", "Definitions", "Policies"):
        expect(views.get_by_role("link", name=name)).to_have_count(0)
    page.goto(f"{managed.url}/#/admin/users")
    expect(page.get_by_text("Your user's tags do not allow this view")).to_be_visible()


def test_a_manager_sees_neither_node_nor_log(look: Looker, managed: Managed) -> None:
    managed.user("page-manager", "management")
    page = look.open("overview", user="page-manager")
    expect(page.get_by_role("figure", name="Queued messages")).to_be_visible()
    expect(page.get_by_role("link", name="Log", exact=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="Node")).to_have_count(0)


def test_who_is_deleted_is_logged_out(look: Looker, managed: Managed) -> None:
    managed.user("page-leaver", "administrator")
    page = look.open("queues", user="page-leaver")
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
    managed.call("DELETE", "users/page-leaver")
    expect(page.get_by_text("does not accept your login any more")).to_be_visible()
