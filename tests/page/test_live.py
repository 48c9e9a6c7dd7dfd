"""What moves: connections, the log, the trace, charts, refreshing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel
from playwright.sync_api import Page, Route, expect

from tests.page.browsing import Looker, Managed
from tests.support.waiting import wait_until

HIDE = (
    "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)
SHOW = HIDE.replace("true,", "false,", 1)


def turn(page: Page) -> bool:
    """Lets what the browser has sent arrive here."""
    page.evaluate("0")
    return True


@contextmanager
def channel_named(managed: Managed, name: str) -> Iterator[BlockingChannel]:
    parameters = pika.URLParameters(managed.broker.url())
    parameters.client_properties = {"connection_name": name}
    connection = pika.BlockingConnection(parameters)
    yield connection.channel()
    if connection.is_open:
        connection.close()


def test_a_connection_is_looked_at_and_closed(look: Looker, managed: Managed) -> None:
    with channel_named(managed, "page worker") as channel:
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_qos(prefetch_count=7)
        channel.basic_consume(queue, lambda *_: None)
        page = look.open("connections")
        page.get_by_role("link", name="page worker").click()
        expect(page.get_by_role("heading", name="page worker")).to_be_visible()
        page.get_by_role("table", name="Channels").get_by_role("link").click()
        expect(page.get_by_role("table", name="Consumers").get_by_role("cell", name="7", exact=True)).to_be_visible()
        page.go_back()
        page.get_by_role("button", name="Close connection").click()
        page.get_by_label("Reason").fill("maintenance")
        page.get_by_role("dialog").get_by_role("button", name="Close connection").click()
        expect(page.get_by_text("The connection is closed.")).to_be_visible()
        told: list[str] = []
        wait_until(lambda: _closed(channel, told), what="the end of the connection")
        assert "maintenance" in told[0]


def _closed(channel: BlockingChannel, told: list[str]) -> bool:
    try:
        channel.connection.process_data_events(time_limit=0)
    except pika.exceptions.AMQPError as error:
        told.append(str(error))
        return True
    return False


def test_charts_move_and_read_as_text(look: Looker, managed: Managed) -> None:
    managed.queue("page.charted")
    page = look.open("queues/%2F/page.charted")
    with channel_named(managed, "page publisher") as channel:
        channel.basic_publish("", "page.charted", b"x")
        ready = page.locator(".tile", has_text="ready")
        expect(ready).to_contain_text("1")
        chart = page.get_by_role("img", name="Messages. Ready: now")
        expect(chart).to_be_visible()
        page.get_by_role("button", name="Unacked 0").click()
        expect(page.get_by_role("button", name="Unacked 0")).to_have_attribute("aria-pressed", "false")
        expect(chart).not_to_have_accessible_name("Unacked")
        page.get_by_text("Numbers").first.click()
        expect(page.get_by_role("table", name="Messages", exact=True)).to_be_visible()
    managed.call("DELETE", "queues/%2F/page.charted")


def test_refreshing_never_piles_up_and_stops_where_nobody_looks(look: Looker) -> None:
    page = look.open()
    page.clock.install()
    asked: list[Route] = []
    page.route("**/api/queues?**", lambda route: asked.append(route))  # noqa: PLW0108  # playwright wants a function
    page.goto(f"{look.managed.url}/#/queues")
    expect(page.get_by_text("Loading…")).to_be_visible()
    page.clock.run_for(60_000)
    for _ in range(3):
        page.get_by_role("button", name="Refresh").click()
    assert len(asked) == 1
    asked[0].continue_()
    expect(page.get_by_role("searchbox")).to_be_visible()
    wait_until(lambda: turn(page) and len(asked) == 2, what="one request for all that was asked meanwhile")

    asked[1].continue_()
    expect(page.get_by_text("Loading…")).to_have_count(0)
    page.evaluate(HIDE)
    page.clock.run_for(60_000)
    assert len(asked) == 2
    page.evaluate(SHOW)
    wait_until(lambda: turn(page) and len(asked) == 3, what="a request when somebody looks again")


def test_an_unreachable_broker_is_told_and_come_back_to(look: Looker) -> None:
    page = look.open("queues")
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
    page.route("**/api/**", lambda route: route.abort())
    expect(page.get_by_role("alert")).to_contain_text("Check that the broker runs")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_log_by_level_and_text(look: Looker) -> None:
    page = look.open("logs")
    lines = page.get_by_role("region", name="Log lines").get_by_role("listitem")
    expect(lines.first).to_be_visible()
    page.get_by_label("Filter lines").fill("no line says this")
    expect(page.get_by_text("No line of this kind")).to_be_visible()
    page.get_by_label("Filter lines").fill("")
    page.get_by_label("From level").select_option("error")
    expect(page.get_by_text("No line of this kind")).to_be_visible()
    assert "level=error" in page.url


def test_the_trace_shows_what_is_published_until_it_is_paused(look: Looker, managed: Managed) -> None:
    managed.queue("page.traced")
    page = look.open("trace")
    expect(page.get_by_text("watching")).to_be_visible()
    with channel_named(managed, "page traced") as channel:
        channel.basic_publish("", "page.traced", b'{"hop": 1}')
        row = page.get_by_role("row", name="page.traced").first
        expect(row).to_contain_text('"hop": 1')
        row.get_by_role("button", name="Open").click()
        expect(page.get_by_role("dialog").get_by_label("Payload")).to_contain_text('"hop": 1')
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("paused", exact=True)).to_be_visible()
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_role("row", name="page.traced")).to_have_count(0)
    managed.call("DELETE", "queues/%2F/page.traced")
