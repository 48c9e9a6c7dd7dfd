"""Definitions down and up again, as files."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.page.browsing import Looker, Managed


def test_definitions_go_down_and_up_again(look: Looker, managed: Managed, tmp_path: Path) -> None:
    managed.queue("page.defined")
    page = look.open("admin/definitions")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download definitions").click()
    path = tmp_path / "definitions.json"
    coming.value.save_as(path)
    assert "page.defined" in {queue["name"] for queue in json.loads(path.read_text())["queues"]}

    managed.call("DELETE", "queues/%2F/page.defined")
    page.get_by_label("Definitions file").set_input_files(path)
    page.get_by_role("button", name="Upload definitions").click()
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    expect(page.get_by_text("The definitions are imported.")).to_be_visible()
    assert managed.exists("queues/%2F/page.defined")

    path.write_text("no JSON")
    page.get_by_label("Definitions file").set_input_files(path)
    page.get_by_role("button", name="Upload definitions").click()
    expect(page.get_by_role("alert")).to_contain_text("definitions.json is not JSON")
