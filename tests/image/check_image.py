"""What the built image has to be and do; run by `python -m tests.image`. Containers run one after the other."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pika.exceptions
import pytest

from building.modules import PACKAGES, listed
from tests.image.container import Container, Image, load_image, mount

REMOTE_ADDRESS = "198.51.100.1"  # an address for documentation, on the loopback device of this run's own network
STOP_SECONDS_MAX = 2.0
HEALTH_SECONDS_MAX = 30
MANAGEMENT_PORT = 15672
METRICS_PORT = 15692
ENGINE_KILLS_AFTER_S = 10  # what `docker stop` waits
NOT_IN_IMAGE = ("source", "build", "etc/pip.conf", "run/secrets")
BUILD_TOOLS = {"pip", "hatchling", "setuptools", "wheel", "pytest", "mypy", "mypyc", "ruff"}

Start = Callable[..., Container]


@pytest.fixture(scope="session")
def image() -> Image:
    """The image, its root read-only and with the devices and processes that every container has; the network is up."""
    loaded = load_image()
    root = str(loaded.root)
    mount("--bind", root, root)
    mount("-o", "remount,bind,ro", root)
    mount("--rbind", "/dev", f"{root}/dev")
    mount("-t", "proc", "proc", f"{root}/proc")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{REMOTE_ADDRESS}/32", "dev", "lo"], check=True)
    return loaded


@pytest.fixture
def volume(image: Image, tmp_path: Path) -> Iterator[Path]:
    """A new volume with what the image has in its place, as an engine makes it."""
    folder = tmp_path / "volume"
    place = image.inside(image.volume)
    subprocess.run(["cp", "--archive", str(place), str(folder)], check=True)
    mount("--bind", str(folder), str(place))
    yield folder
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def start(image: Image, volume: Path) -> Iterator[Start]:  # noqa: ARG001  # the volume has to be mounted
    """Starts containers on the volume."""
    started: list[Container] = []

    def start_one(**environment: str) -> Container:
        started.append(Container(image, **environment))
        started[-1].await_ready()
        return started[-1]

    yield start_one
    for container in started:
        container.stop()


def connect(container: Container, user: str, password: str, vhost: str = "/") -> pika.BlockingConnection:
    credentials = pika.PlainCredentials(user, password)
    parameters = pika.ConnectionParameters(REMOTE_ADDRESS, container.port, vhost, credentials)
    return pika.BlockingConnection(parameters)


def test_a_password_is_generated_once_and_kept(start: Start, volume: Path) -> None:
    first = start()
    (password,) = first.printed_passwords()
    connect(first, "guest", password).close()
    assert password not in first.stop()[1]
    second = start()
    assert second.printed_passwords() == []
    connect(second, "guest", password).close()
    assert volume.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o077 for path in volume.iterdir()}
    assert not any(modes.values()), modes
    assert {path.stat().st_uid for path in volume.iterdir()} == {999}


def test_there_is_no_open_guest(start: Start) -> None:
    container = start()
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        connect(container, "guest", "guest")


def test_names_and_password_are_taken_from_the_environment(start: Start) -> None:
    container = start(RABBITMQ_DEFAULT_USER="ann", RABBITMQ_DEFAULT_PASS="se cret", RABBITMQ_DEFAULT_VHOST="shop")
    assert container.printed_passwords() == []
    connection = connect(container, "ann", "se cret", "shop")
    connection.channel().queue_declare("q", durable=True)
    connection.close()
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        connect(container, "guest", "guest", "shop")
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError):
        connect(container, "ann", "se cret", "/")


def test_names_and_password_are_taken_from_files(start: Start, volume: Path) -> None:
    values = {"RABBITMQ_DEFAULT_USER": "ann", "RABBITMQ_DEFAULT_PASS": "secret", "RABBITMQ_DEFAULT_VHOST": "shop"}
    for name, value in values.items():
        (volume / name).write_text(value + "\n")
    container = start(**{f"{name}_FILE": f"/var/lib/leveret/{name}" for name in values})
    assert container.printed_passwords() == []
    connect(container, "ann", "secret", "shop").close()


def asked(path: str, user: str, password: str) -> int:
    """The status that the management port answers from another address."""
    request = urllib.request.Request(f"http://{REMOTE_ADDRESS}:{MANAGEMENT_PORT}{path}")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=HEALTH_SECONDS_MAX) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_page_api_and_metrics_are_served_to_others(start: Start) -> None:
    start(RABBITMQ_DEFAULT_USER="ann", RABBITMQ_DEFAULT_PASS="secret")
    assert asked("/", "ann", "secret") == 200
    assert asked("/api/overview", "ann", "secret") == 200
    assert asked("/api/overview", "ann", "wrong") == 401
    with urllib.request.urlopen(f"http://{REMOTE_ADDRESS}:{METRICS_PORT}/metrics", timeout=HEALTH_SECONDS_MAX) as told:
        assert b"rabbitmq_build_info" in told.read()


def test_a_wrong_setting_is_one_line(image: Image) -> None:
    refused = image.start(["brokerd"], {"BROKER_PORT": "many"})
    out, errors = refused.communicate(timeout=HEALTH_SECONDS_MAX)
    assert (refused.returncode, out) == (2, "")
    assert errors.startswith("brokerd: environment variable BROKER_PORT: 'many' is not allowed")


def test_variables_of_rabbitmqs_image_that_do_nothing_are_told(start: Start) -> None:
    container = start(RABBITMQ_DEFAULT_PASS="secret", RABBITMQ_ERLANG_COOKIE="hush", BROKER_LOG_FORMAT="json")
    status, printed = container.stop()
    assert status == 0, printed
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert [line for line in lines if "RABBITMQ_ERLANG_COOKIE does nothing here" in line["message"]]
    assert "hush" not in printed
    assert "is no setting" not in printed


def test_the_stop_signal_closes_connections_and_ends_with_0(start: Start) -> None:
    container = start(RABBITMQ_DEFAULT_PASS="secret")
    connection = connect(container, "guest", "secret")
    container.signal(container.stop_signal)
    begun = time.monotonic()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
        connection.process_data_events(time_limit=HEALTH_SECONDS_MAX)
    assert closed.value.reply_code == 320
    status, printed = container.wait()
    assert status == 0, printed
    assert time.monotonic() - begun < STOP_SECONDS_MAX


def test_a_client_that_does_not_answer_is_dropped_before_the_engine_kills(start: Start, image: Image) -> None:
    container = start(RABBITMQ_DEFAULT_PASS="secret")
    connection = connect(container, "guest", "secret")
    drain_s = float(image.environment["BROKER_SHUTDOWN_TIMEOUT_S"])
    begun = time.monotonic()
    status, printed = container.stop()
    assert status == 0, printed
    assert drain_s <= time.monotonic() - begun < drain_s + STOP_SECONDS_MAX < ENGINE_KILLS_AFTER_S
    assert connection.is_open  # as far as it knows: it has not read since


def test_the_health_check_tells_a_running_broker_from_none(start: Start, image: Image) -> None:
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert image.start(command).wait(HEALTH_SECONDS_MAX) != 0
    start()
    healthy = image.start(command)
    _, errors = healthy.communicate(timeout=HEALTH_SECONDS_MAX)
    assert healthy.returncode == 0, errors


def test_it_runs_as_a_numbered_user_without_rights(image: Image) -> None:
    assert image.config["User"] == "999:999"
    process = image.start(["id", "-u"])
    assert process.communicate()[0] == "999\n"
    writable = image.start(["find", "/leveret", "/etc", "-writable", "-not", "-type", "l"])
    assert writable.communicate()[0] == ""


def test_the_broker_is_compiled(start: Start, image: Image) -> None:
    start()
    status = image.start(["brokerctl", "status", "--json"])
    told, errors = status.communicate(timeout=HEALTH_SECONDS_MAX)
    assert status.returncode == 0, errors
    assert json.loads(told)["leveret_form"] == "compiled"
    (packages,) = image.inside("/leveret").glob("lib/python3*/site-packages")
    names = [path.removesuffix(".py") for path in listed() if path.partition("/")[0] in PACKAGES]
    assert [name for name in names if not list(packages.glob(f"{name}.*.so"))] == []
    assert [name for name in names if not (packages / f"{name}.py").exists()] == [], "tracebacks show the sources"


def test_nothing_of_the_build_is_left(image: Image) -> None:
    assert [name for name in NOT_IN_IMAGE if (image.root / name).exists()] == []
    installed = {path.name.split("-")[0] for path in image.inside("/leveret").glob("lib/python3*/site-packages/*")}
    assert "uvloop" in installed
    assert not BUILD_TOOLS & installed
    assert not list(image.root.glob("**/.cache/*"))
    assert not list(image.root.glob("**/Python.h"))
    assert not [tool for tool in ("cc", "gcc", "ld") if shutil.which(tool, path=str(image.inside("/usr/bin")))]
