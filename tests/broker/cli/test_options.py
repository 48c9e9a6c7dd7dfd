"""brokerctl's common options, its help, completion, tables and bars."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from broker.cli import docs, progress
from broker.cli.brokerctl import brokerctl
from broker.cli.exits import EXITS
from broker.cli.shown import show_list
from broker.cli.table import MODULES, SECTIONS
from broker.cli.target import Given, HttpTarget, SocketTarget, target_of, with_environment
from tests.broker.cli.doors import Managed, as_process, in_process
from tests.tidy import tree_files

HEAVY = (
    "rich",
    "http.client",
    "ssl",
    "asyncio",
    "uvloop",
    "starlette",
    "pika",
    "celery",
    "broker.config",
    "broker.node",
)


def http_target(given: Given, environment: Given | None = None) -> HttpTarget:
    target = target_of(with_environment(given, environment or Given()))
    assert isinstance(target, HttpTarget)
    return target


def test_a_url_says_everything() -> None:
    target = http_target(Given(url="https://an%40na:p%2Fw@[::1]:1234/mq/"))
    assert (target.host, target.port, target.user, target.password) == ("::1", 1234, "an@na", "p/w")
    assert (target.prefix, target.tls is not None) == ("/mq", True)


def test_what_is_not_said_is_what_a_new_broker_has() -> None:
    target = http_target(Given(host="far"))
    assert (target.host, target.port, target.user, target.password, target.tls) == (
        "far",
        15672,
        "guest",
        "guest",
        None,
    )
    assert http_target(Given(host="far", tls=True)).port == 15671


def test_the_command_line_beats_the_environment_and_is_not_mixed_with_its_place() -> None:
    environment = Given(url="http://ops:secret@far:99", password="word", port=7)
    assert http_target(Given(), environment).host == "far"
    near = http_target(Given(host="near"), environment)
    assert (near.host, near.port, near.user, near.password) == ("near", 15672, "guest", "word")
    assert isinstance(target_of(with_environment(Given(data_dir="/data"), environment)), SocketTarget)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--data-dir", "/d", "--host", "h"), "give one"),
        (("-n", "rabbit@elsewhere"), "--url"),
        (("--url", "ftp://h"), "http://"),
        (("--url", "http://h:nonsense"), "port"),
        (("--user", "anna", "--host", "h"), "--password-file"),
        (("--port", "99999"), "99999"),
        (("--formatter", "erlang"), "erlang"),
    ],
)
def test_a_place_that_cannot_be_is_wrong_usage(words: tuple[str, ...], text: str) -> None:
    ended = in_process(*words, "status")
    assert (ended.status, ended.out) == (64, "")
    assert text in ended.err


@pytest.mark.ours
def test_options_stand_before_the_command_or_behind_it_or_in_the_environment(managed: Managed, tmp_path: Path) -> None:
    in_process(*managed.socket_flags, "add_user", "opts", "word-of-opts", "--tags", "administrator")
    secret = tmp_path / "secret"
    secret.write_text("word-of-opts\nmore\n")
    place = ("--host", "127.0.0.1", "-P", str(managed.management_port), "-u", "opts")
    assert in_process("list_users", "-s", *place, "--password-file", str(secret)).status == 0
    assert in_process(*place, "--password", "word-of-opts", "list_users", "-s").status == 0
    env = {"BROKERCTL_URL": f"http://opts@127.0.0.1:{managed.management_port}", "BROKERCTL_PASSWORD_FILE": str(secret)}
    assert as_process("list_users", "--json", env=env).status == 0
    other = in_process("-u", "guest", "--password", "guest", "list_users", env={"BROKERCTL_URL": env["BROKERCTL_URL"]})
    assert other.status == 0
    missing = in_process(*place, "--password-file", str(tmp_path / "nothing"), "status")
    assert missing.status == 66


@pytest.mark.ours
def test_a_wrong_password_is_refused_and_never_shown(managed: Managed) -> None:
    url = f"http://guest:wrong-word@127.0.0.1:{managed.management_port}"
    ended = as_process("--url", url, "status")
    assert (ended.status, ended.out) == (77, "")
    assert "guest" in ended.err
    assert "wrong-word" not in ended.err


@pytest.mark.ours
def test_who_may_not_is_told(managed: Managed) -> None:
    in_process(*managed.socket_flags, "add_user", "looker", "word", "--tags", "monitoring")
    url = f"http://looker:word@127.0.0.1:{managed.management_port}"
    assert in_process("--url", url, "status").status == 0
    assert in_process("--url", url, "add_vhost", "not-mine").status == 77


def test_help_has_every_command_in_a_section_and_every_exit_status() -> None:
    shown = in_process("--help")
    assert shown.status == 0
    assert all(f"\n  {name} " in shown.out for name in MODULES)
    assert all(f"\n{section}:" in shown.out for section in SECTIONS)
    assert all(f"\n  {one.code} " in shown.out for one in EXITS)


@pytest.mark.parametrize("command", sorted(MODULES))
def test_every_command_has_help_with_its_own_options_only(command: str) -> None:
    shown = in_process(command, "--help")
    assert shown.status == 0
    assert shown.out.startswith(f"Usage: brokerctl {command} ")
    assert "--tls-ca" not in shown.out


def test_help_needs_nothing_that_takes_long_to_load() -> None:
    code = f"""
import sys
from broker.cli.brokerctl import main
main(["--help"])
sys.exit(", ".join(name for name in {HEAVY!r} if name in sys.modules) or 0)
"""
    ended = subprocess.run([sys.executable, "-S", "-c", "import site; site.main()\n" + code], capture_output=True,
                           text=True, timeout=60, check=False)  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_docs_name_commands_that_there_are() -> None:
    """After `brokerctl` and perhaps options, as in code."""
    named = {
        found: page.name
        for page in tree_files(".md")
        for found in re.findall(r"(?:`|^|sudo |exec broker )brokerctl ([a-z]+(?:_[a-z]+)*)\b", page.read_text(), re.M)
    }
    assert len(named) > 20
    assert not {command: page for command, page in named.items() if command not in MODULES}


def test_the_page_has_every_command() -> None:
    page = docs.markdown()
    assert all(f"\n### {name}\n" in page for name in MODULES)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("list_q", "list_queues"),
        ("purge_queue -p complete-v comp", "complete-queue"),
        ("delete_vhost complete", "complete-v"),
        ("delete_user gue", "guest"),
        ("list_queues mess", "messages_ready"),
        ("set_policy --apply-to qu", "quorum_queues"),
    ],
)
def test_names_are_completed(managed: Managed, line: str, wanted: str) -> None:
    in_process(*managed.socket_flags, "add_vhost", "complete-v")
    in_process(*managed.socket_flags, "declare_queue", "-p", "complete-v", "complete-queue")
    words = ["brokerctl", *managed.socket_flags, *line.split()]
    env = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_BROKERCTL_COMPLETE": "bash_complete"}
    ended = as_process(env=env)
    assert f"plain,{wanted}\n" in ended.out
    assert ended.err == ""


def test_completion_without_a_broker_is_silent(tmp_path: Path) -> None:
    words = f"brokerctl --data-dir {tmp_path} purge_queue x"
    env = {"COMP_WORDS": words, "COMP_CWORD": "4", "_BROKERCTL_COMPLETE": "bash_complete"}
    ended = as_process(env=env)
    assert (ended.out.strip(), ended.err) == ("", "")


def test_tables_fit_narrow_terminals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [
        {"name": "a-queue-with-a-very-long-name-that-does-not-fit", "messages": 5},
        {"name": "\x1b[2J", "messages": 1},
    ]
    show_list("Queues", ("name", "messages"), rows, "pretty_table", True)
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 40
    assert "\x1b[2J" not in shown
    assert "│" in shown


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_for_terminals_and_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for name, stream, count in (("pipe", io.StringIO(), 9), ("terminal", _Terminal(), 9), ("short", _Terminal(), 2)):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        assert list(progress.counting("Closing", range(count))) == list(range(count))
        shown[name] = stream.getvalue()
    assert "Closing" in shown["terminal"]
    assert shown["pipe"] == shown["short"] == ""


def test_no_common_option_hides_a_commands_own() -> None:
    """A command that uses a name of a common option takes it for itself, and what the common one means is not lost."""
    context = brokerctl.make_context("brokerctl", ["list_user_limits", "--user", "x"], resilient_parsing=True)
    command = brokerctl.get_command(context, "list_user_limits")
    assert command is not None
    names = [name for parameter in command.get_params(context) for name in parameter.opts]
    assert len(names) == len(set(names))
    assert {"--user", "-u", "--host"} <= set(names)
