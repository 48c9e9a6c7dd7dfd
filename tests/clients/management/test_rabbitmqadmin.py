"""rabbitmqadmin v1, the script that RabbitMQ ships, unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.debian import file_of
from tests.support.managed import Managed

pytestmark = pytest.mark.ours


class Admin:
    """The script, against one broker."""

    def __init__(self, script: Path, port: int) -> None:
        self._command = [sys.executable, str(script), "-H", "127.0.0.1", "-P", str(port), "-u", "guest", "-p", "guest"]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, *words], capture_output=True, text=True, timeout=60, check=False)

    def says(self, *words: str) -> str:
        """What a command that goes well prints."""
        ended = self.run(*words)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
        return ended.stdout.strip()

    def lists(self, *words: str) -> list[dict[str, object]]:
        """The rows of a listing."""
        rows: list[dict[str, object]] = json.loads(self.says("-f", "raw_json", *words))
        return rows


@pytest.fixture(scope="module")
def admin(managed: Managed, tmp_path_factory: pytest.TempPathFactory) -> Admin:
    script = file_of("rabbitmq-server", "/usr/bin/rabbitmqadmin", tmp_path_factory.mktemp("debian"))
    if script is None:
        pytest.skip("rabbitmqadmin comes from Debian's package")
    return Admin(script, managed.http.port)


def test_it_declares_publishes_gets_and_deletes(admin: Admin) -> None:
    assert admin.says("declare", "queue", "name=ra-q", "durable=true") == "queue declared"
    assert admin.says("declare", "exchange", "name=ra-x", "type=topic") == "exchange declared"
    assert admin.says("declare", "binding", "source=ra-x", "destination=ra-q", "routing_key=a.*") == "binding declared"
    assert admin.says("publish", "exchange=ra-x", "routing_key=a.b", "payload=hello") == "Message published"
    assert "NOT routed" in admin.says("publish", "exchange=ra-x", "routing_key=nowhere", "payload=hello")
    (got,) = admin.lists("get", "queue=ra-q", "count=5")
    assert (got["payload"], got["routing_key"], got["redelivered"]) == ("hello", "a.b", False)
    (queue,) = [row for row in admin.lists("list", "queues", "name", "messages") if row["name"] == "ra-q"]
    assert queue["messages"] == 1
    assert {"a.*", "ra-q"} <= {row["routing_key"] for row in admin.lists("list", "bindings")}
    assert admin.says("purge", "queue", "name=ra-q") == "queue purged"
    assert admin.says("delete", "queue", "name=ra-q") == "queue deleted"
    assert admin.says("delete", "exchange", "name=ra-x") == "exchange deleted"


def test_it_administers(admin: Admin, tmp_path: Path) -> None:
    definition = 'definition={"max-length": 3}'
    assert admin.says("declare", "vhost", "name=ra-v") == "vhost declared"
    assert admin.says("declare", "user", "name=ra-u", "password=x", "tags=monitoring") == "user declared"
    rights = ("configure=.*", "write=.*", "read=.*")
    assert admin.says("declare", "permission", "vhost=ra-v", "user=ra-u", *rights) == "permission declared"
    assert admin.says("-V", "ra-v", "declare", "policy", "name=p", "pattern=^ra", definition) == "policy declared"
    limit = ("declare", "vhost_limit", "vhost=ra-v", "name=max-queues", "value=3")
    assert admin.says(*limit) == "vhost_limit declared"
    exported = tmp_path / "definitions.json"
    assert "Exported definitions" in admin.says("export", str(exported))
    held = json.loads(exported.read_text())
    assert {user["name"] for user in held["users"]} >= {"guest", "ra-u"}
    for kind, name in (("user", "ra-u"), ("vhost", "ra-v")):
        assert admin.says("delete", kind, f"name={name}") == f"{kind} deleted"
    assert "Uploaded definitions" in admin.says("import", str(exported))
    assert "ra-v" in {row["name"] for row in admin.lists("list", "vhosts")}
    assert "ra-u" in {row["name"] for row in admin.lists("list", "users")}
    for kind, name in (("user", "ra-u"), ("vhost", "ra-v")):
        assert admin.says("delete", kind, f"name={name}") == f"{kind} deleted"


@pytest.mark.parametrize(
    "what",
    ["connections", "channels", "consumers", "exchanges", "users", "vhosts", "permissions", "nodes", "parameters",
     "policies", "operator_policies", "vhost_limits"],
)  # fmt: skip
def test_it_lists(admin: Admin, what: str) -> None:
    assert isinstance(admin.lists("list", what), list)


def test_it_shows_the_overview(admin: Admin) -> None:
    assert "3.13.7" in admin.says("show", "overview")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("close", "connection", "name=none"), "Not found: /api/connections/none"),
        (("declare", "queue", "name=ra-bad", "auto_delete=maybe"), "not_boolean"),
        (("declare", "exchange", "name=ra-bad", "type=nope"), "unknown exchange type 'nope'"),
        (("-V", "nowhere", "list", "queues"), "Not found"),
    ],
)
def test_it_tells_what_was_refused(admin: Admin, words: tuple[str, ...], text: str) -> None:
    ended = admin.run(*words)
    assert ended.returncode != 0
    assert text in ended.stdout + ended.stderr
