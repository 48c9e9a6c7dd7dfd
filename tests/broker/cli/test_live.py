"""brokerctl's commands that go on for a while, or end something: connections, trace, top, waiting, stopping."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest

from tests.broker.cli.doors import Managed, as_process, free_port, in_process, managed_brokerd
from tests.support.brokers import running_brokerd
from tests.support.vhosts import own_vhost
from tests.support.waiting import wait_until

pytestmark = pytest.mark.ours
COMMAND = [sys.executable, "-m", "broker.cli.brokerctl"]
WAIT_S = 30


@contextmanager
def client(managed: Managed, vhost: str, name: str, user: str = "guest") -> Iterator[pika.BlockingConnection]:
    """An AMQP client that gives its connection a name; cut off at the end where it is still there."""
    parameters = pika.ConnectionParameters(
        managed.broker.host, managed.broker.port, vhost, client_properties={"connection_name": name},
        credentials=pika.PlainCredentials(user, "guest"),
    )  # fmt: skip
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection
    finally:
        with contextlib.suppress(pika.exceptions.AMQPError):
            connection.close()


@pytest.fixture
def vhost(managed: Managed) -> Iterator[str]:
    with own_vhost(managed.broker, "live") as name:
        yield name


def closed_with(connection: pika.BlockingConnection) -> str:
    """Why the broker closed a connection."""
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
        connection.process_data_events(time_limit=WAIT_S)
    return str(closed.value)


def test_a_connection_is_shown_and_closed_with_a_reason(managed: Managed, vhost: str) -> None:
    with client(managed, vhost, "anna") as connection:
        channel = connection.channel()
        channel.queue_declare("q", exclusive=True)
        channel.basic_consume("q", lambda *_: None, consumer_tag="reader")
        shown = in_process(*managed.tcp_flags, "list_connections", "name", "user_provided_name", "vhost", "--json").out
        name = next(row["name"] for row in json.loads(shown) if row["vhost"] == vhost)
        assert {"name": name, "user_provided_name": "anna", "vhost": vhost} in json.loads(shown)
        channels = in_process(*managed.tcp_flags, "list_channels", "connection", "consumer_count", "--json").out
        assert {"connection": name, "consumer_count": 1} in json.loads(channels)
        consumers = in_process(*managed.tcp_flags, "list_consumers", "-p", vhost, "queue_name", "consumer_tag", "user")
        assert consumers.out == "queue_name\tconsumer_tag\tuser\nq\treader\tguest\n"
        closed = as_process(*managed.socket_flags, "close_connection", name, "for repairs")
        assert (closed.status, closed.err) == (0, "")
        assert "for repairs" in closed_with(connection)


def test_all_connections_of_a_vhost_are_closed(managed: Managed, vhost: str) -> None:
    with client(managed, vhost, "one") as one, client(managed, vhost, "two") as two:
        closed = as_process(*managed.socket_flags, "close_all_connections", "-p", vhost, "why", "--json")
        assert (json.loads(closed.out), closed.status) == ({"closed": 2}, 0)
        assert all("why" in closed_with(connection) for connection in (one, two))


def test_all_connections_of_a_user_are_closed_up_to_a_limit(managed: Managed, vhost: str) -> None:
    in_process(*managed.socket_flags, "add_user", "live-user", "guest")
    in_process(*managed.socket_flags, "set_permissions", "-p", vhost, "live-user", ".*", ".*", ".*")
    close = ("close_all_user_connections", "live-user", "--json", "--per-connection-delay", "1")
    listed = (*managed.tcp_flags, "list_connections", "user", "-s")
    with client(managed, vhost, "one", "live-user") as one, client(managed, vhost, "two", "live-user") as two:

        def only_one_is_left() -> bool:
            for connection in (one, two):
                with contextlib.suppress(pika.exceptions.AMQPError):
                    connection.process_data_events(time_limit=0)
            return in_process(*listed).out.count("live-user\n") == 1

        first = as_process(*managed.socket_flags, *close, "--limit", "1")
        wait_until(only_one_is_left)
        rest = in_process(*managed.tcp_flags, *close)
    assert [json.loads(ended.out) for ended in (first, rest)] == [{"closed": 1}, {"closed": 1}]
    nobody = in_process(*managed.tcp_flags, "close_all_user_connections", "nobody")
    assert nobody.status == 67


@contextmanager
def on_a_terminal(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command whose standard streams are a terminal of 100 by 30, and the other end of that."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (30, 100))
    process = subprocess.Popen(
        [*COMMAND, *words], stdin=inner, stdout=inner, stderr=inner, env={**os.environ, "TERM": "xterm"}
    )
    try:
        yield process, outer
    finally:
        process.kill()
        process.wait()
        os.close(inner)
        os.close(outer)


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows, up to a text."""
    seen = ""

    def shows() -> bool:
        nonlocal seen
        seen += os.read(terminal, 65536).decode("utf-8", "replace")
        return text in seen

    wait_until(shows, what=f"the terminal shows {text!r}")
    return seen


def test_top_takes_keys_and_leaves_the_terminal_as_it_was(managed: Managed, vhost: str) -> None:
    in_process(*managed.socket_flags, "declare_queue", "-p", vhost, "top-queue")
    with on_a_terminal(*managed.socket_flags, "top", "-p", vhost, "--interval", "0.2") as (process, terminal):
        before = termios.tcgetattr(terminal)
        assert "top-queue" in read_until(terminal, "q quit")
        os.write(terminal, b"c")
        read_until(terminal, "consumers \N{BLACK DOWN-POINTING TRIANGLE}")
        os.write(terminal, b" ")
        read_until(terminal, "paused")
        os.write(terminal, b"q")
        assert "\x1b[?1049l" in read_until(terminal, "\x1b[?1049l")
        assert process.wait(WAIT_S) == 0
        assert termios.tcgetattr(terminal) == before


def test_a_password_is_asked_for_twice_on_a_terminal(managed: Managed) -> None:
    with on_a_terminal(*managed.socket_flags, "add_user", "live-asked") as (process, terminal):
        read_until(terminal, "New password: ")
        os.write(terminal, b"typed-secret\n")
        read_until(terminal, "Repeat for confirmation: ")
        os.write(terminal, b"typed-secret\n")
        shown = read_until(terminal, "is there")
        assert process.wait(WAIT_S) == 0
    assert "typed-secret" not in shown
    assert in_process(*managed.socket_flags, "authenticate_user", "live-asked", "typed-secret").status == 0


def test_trace_shows_what_is_published_and_delivered(managed: Managed, vhost: str) -> None:
    in_process(*managed.socket_flags, "declare_queue", "-p", vhost, "traced")
    command = [*COMMAND, *managed.socket_flags, "trace", "-p", vhost, "--queue", "traced", "--bodies", "--json"]
    with (
        subprocess.Popen([*command, "--count", "2"], stdout=subprocess.PIPE, text=True) as process,
        client(managed, vhost, "tracer") as connection,
    ):
        channel = connection.channel()

        def has_seen_enough() -> bool:
            channel.basic_publish("", "traced", b"a body")
            channel.basic_get("traced", auto_ack=True)
            return process.poll() is not None

        wait_until(has_seen_enough, what="two events are traced")
        assert process.stdout is not None
        events = [json.loads(line) for line in process.stdout]
    assert {event["event"] for event in events} == {"published", "delivered"}
    assert all((event["payload"], event["queues"]) == ("a body", ["traced"]) for event in events)


def test_await_startup_waits_for_a_broker_that_starts(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    waiting = subprocess.Popen([*COMMAND, "--data-dir", str(data_dir), "await_startup", "--timeout", "60"])
    try:
        with running_brokerd("--management-port", "0", data_dir=data_dir):
            assert waiting.wait(WAIT_S) == 0
    finally:
        waiting.kill()
        waiting.wait()
    assert as_process("--data-dir", str(data_dir), "await_startup", "-t", "0.01").status == 75


@pytest.mark.parametrize("command", ["stop", "shutdown"])
def test_stop_returns_when_the_process_has_gone(command: str) -> None:
    with managed_brokerd() as own:
        flags = own.socket_flags if command == "stop" else own.tcp_flags
        ended = as_process(*flags, command, "--json")
        assert ended.status == 0, ended.err
        assert own.broker.process is not None
        assert own.broker.process.wait(WAIT_S) == 0
        assert json.loads(ended.out) == {"os_pid": own.broker.process.pid}
        assert in_process(*flags, command).status == 69


def test_nobody_there_is_one_line_that_says_what_to_do() -> None:
    ended = in_process("--host", "127.0.0.1", "--port", str(free_port()), "status")
    assert (ended.status, ended.out) == (69, "")
    assert "--management-port" in ended.err
    assert ended.err.count("\n") == 1


def slow_move(managed: Managed, vhost: str) -> subprocess.Popen[str]:
    """A move of a message a second; it has begun."""
    in_process(*managed.socket_flags, "declare_queue", "-p", vhost, "a")
    in_process(*managed.socket_flags, "declare_queue", "-p", vhost, "b")
    in_process(*managed.socket_flags, "publish", "-p", vhost, "a", "body", "--repeat", "100")
    words = [*COMMAND, *managed.socket_flags, "move", "-p", vhost, "a", "b", "--rate", "1"]
    moving = subprocess.Popen(  # an outer shell's background job would not hear of Ctrl-C, nor would its children
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - the test has no threads
    )  # fmt: skip
    wait_until(lambda: [job for job in jobs(managed, vhost) if job["done"]], what="the first message")
    return moving


def jobs(managed: Managed, vhost: str) -> list[dict[str, object]]:
    listed = json.loads(in_process(*managed.socket_flags, "list_jobs", "--json").out)
    return [job for job in listed if job["vhost"] == vhost]


def test_ctrl_c_ends_a_move_and_what_is_moved_is_moved(managed: Managed, vhost: str) -> None:
    moving = slow_move(managed, vhost)
    moving.send_signal(signal.SIGINT)
    moving.communicate(timeout=WAIT_S)
    assert moving.returncode == 130
    wait_until(lambda: jobs(managed, vhost)[0]["state"] == "cancelled", what="the job's end")


def test_a_job_is_cancelled_by_its_id(managed: Managed, vhost: str) -> None:
    moving = slow_move(managed, vhost)
    (job,) = jobs(managed, vhost)
    ended = in_process(*managed.socket_flags, "cancel_job", str(job["id"]))
    assert (ended.status, ended.out) == (0, f"Job {job['id']} stops.\n")
    out, _ = moving.communicate(timeout=WAIT_S)
    assert moving.returncode == 1
    assert out.startswith("Cancelled: ")
