"""A broker with its page, and a real Chromium that looks at it."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.brokers import RunningBroker, port_that_stays_free, running_brokerd

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "these tests need Chromium: `make chromium` installs Debian's package"
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en")
PATIENCE_MS = 30_000  # ever used up only by a failure
REFRESH_S = "1"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@dataclass(frozen=True)
class Managed:
    """A running broker and the address of its page."""

    broker: RunningBroker
    url: str

    def call(self, method: str, path: str, body: object = None, user: str = "guest", password: str = "guest") -> Any:
        """A request to the API as a test's preparation; the JSON of its answer. Raises: HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data=data, method=method)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def exists(self, path: str) -> bool:
        """Whether a GET of the path is answered with something."""
        try:
            self.call("GET", path)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def queue(self, name: str, vhost: str = "/", **arguments: object) -> str:
        """Declares a durable queue."""
        self.call("PUT", f"queues/{quote(vhost, '')}/{quote(name, '')}", {"durable": True, "arguments": arguments})
        return name

    def user(self, name: str, tags: str) -> None:
        """A user whose password is its name, with all permissions in /."""
        self.call("PUT", f"users/{name}", {"password": name, "tags": tags})
        self.call("PUT", f"permissions/%2F/{name}", {"configure": ".*", "write": ".*", "read": ".*"})


@contextmanager
def managed_broker() -> Iterator[Managed]:
    """A brokerd whose page is on a free port."""
    port = port_that_stays_free()
    with running_brokerd("--management-port", str(port)) as broker:
        yield Managed(broker, f"http://127.0.0.1:{port}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """One headless Chromium of this machine. Raises: RuntimeError where there is none."""
    path = next((found for found in map(shutil.which, CHROMIUM_NAMES) if found), None)
    if path is None:
        raise RuntimeError(MISSING)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Looker:
    """Opens pages as users, and gathers what browsers complain about."""

    browser: Browser
    managed: Managed
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, place: str = "", user: str | None = "guest", password: str | None = None, **wishes: Any) -> Page:
        """A page at a place such as `queues`, logged in as `user` unless that is None."""
        context = self.browser.new_context(
            viewport=wishes.pop("viewport", DESK), locale="en-GB", reduced_motion="reduce", **wishes
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(f"localStorage.setItem('leveret.interval', '{REFRESH_S}')")
        if user is not None:
            token = base64.b64encode(f"{user}:{password or user}".encode()).decode()
            context.add_init_script(f"sessionStorage.setItem('leveret.credential', 'Basic {token}')")
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(f"{self.managed.url}/#/{place}")
        return page

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(f"{kind}: {text}")

    def close(self) -> None:
        """Closes what was opened; a complaint of the browser is a failure."""
        for context in self.contexts:
            context.close()
        assert not self.complaints
