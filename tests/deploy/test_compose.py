"""The compose file and the Dockerfile beside the tables they have to agree with."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.config import Config
from broker.config_options import options_of
from broker.config_sources import SECRET_FILE_SUFFIX
from tests.tidy import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OPTIONS = {option.name: option for option in options_of(Config)}
PORT_SETTINGS = ("port", "management_port", "metrics_port")
TLS_PORT = 5671
KEYS = {
    "build", "image", "restart", "environment", "secrets", "volumes", "ports", "mem_limit", "stop_grace_period",
    "read_only", "tmpfs", "cap_drop", "security_opt", "ulimits", "logging", "profiles", "depends_on", "entrypoint",
    "command", "healthcheck",
}  # fmt: skip


def served_ports() -> set[int]:
    return {TLS_PORT, *(OPTIONS[name].default for name in PORT_SETTINGS)}  # type: ignore[misc]


def variables() -> dict[str, Any]:
    """Every name that a setting has in the environment, with its option."""
    known: dict[str, Any] = {}
    for option in OPTIONS.values():
        for name in option.environment_names:
            known[name] = option
            if option.secret_file:
                known[name + SECRET_FILE_SUFFIX] = option
    return known


def image_environment() -> dict[str, str]:
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)", DOCKERFILE, re.MULTILINE)
    return dict(entry.split("=", 1) for entry in block.replace("\\\n", " ").split())


def broker_environment() -> dict[str, str]:
    return {name: str(value) for name, value in COMPOSE["services"]["broker"]["environment"].items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, value in image_environment().items() if name.startswith("BROKER_")]
    + list(broker_environment().items()),
)
def test_every_variable_is_a_setting_with_a_value_it_takes(name: str, value: str) -> None:
    option = variables()[name]
    assert name.endswith(SECRET_FILE_SUFFIX) or option.parse(value) is not None


def test_every_published_port_is_one_we_serve() -> None:
    published = [entry.rsplit(":", 2) for entry in COMPOSE["services"]["broker"]["ports"]]
    assert published
    assert all(host == "127.0.0.1" and outside == inside for host, outside, inside in published)
    assert {int(inside) for _, _, inside in published} == served_ports() - {TLS_PORT}


def test_every_exposed_port_is_one_we_serve() -> None:
    (exposed,) = re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)
    assert {int(port) for port in exposed.split()} == served_ports()


def test_what_services_use_is_declared() -> None:
    services = COMPOSE["services"]
    assert {key for service in services.values() for key in service} <= KEYS
    for service in services.values():
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", {})) <= set(services)
        build = service["build"]
        assert (ROOT / build / "Dockerfile").is_file()
    volumes = [entry.split(":") for entry in services["broker"]["volumes"]]
    assert [name for name, _ in volumes] == list(COMPOSE["volumes"])
    assert [place for _, place in volumes] == re.findall(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE)


def test_secrets_come_from_files() -> None:
    secrets = COMPOSE["secrets"]
    places = {f"/run/secrets/{name}" for name in secrets}
    environment = broker_environment()
    assert {value for name, value in environment.items() if name.endswith(SECRET_FILE_SUFFIX)} == places
    assert not [name for name in environment if variables()[name].secret_file and name.endswith("PASS")]
    ignored = (ROOT / ".gitignore").read_text().split()
    assert all(entry["file"].removeprefix("./") in ignored for entry in secrets.values())
    assert "broker_password" in " ".join(COMPOSE["services"]["worker"]["entrypoint"])


def test_the_worker_gets_its_url_from_the_secret(tmp_path: Path) -> None:
    (tmp_path / "broker_password").write_text("hush\n")
    entrypoint = [
        word.replace("$$", "$").replace("/run/secrets", str(tmp_path))
        for word in COMPOSE["services"]["worker"]["entrypoint"]
    ]
    told = subprocess.run([*entrypoint, "env"], capture_output=True, text=True, check=True).stdout.splitlines()
    user = broker_environment()["BROKER_DEFAULT_USER"]
    assert f"BROKER_URL=amqp://{user}:hush@broker:5672//" in told


def test_the_worker_waits_for_a_healthy_broker() -> None:
    assert COMPOSE["services"]["worker"]["depends_on"]["broker"]["condition"] == "service_healthy"
    assert re.search(r"^HEALTHCHECK ", DOCKERFILE, re.MULTILINE)


def test_the_broker_gets_longer_to_stop_than_it_gives_its_clients() -> None:
    grace_s = int(COMPOSE["services"]["broker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > float(image_environment()["BROKER_SHUTDOWN_TIMEOUT_S"]) * 2


def test_the_image_has_no_open_guest() -> None:
    environment = image_environment()
    assert environment["BROKER_GENERATE_DEFAULT_PASS"] == "true"
    assert "BROKER_DEFAULT_PASS" not in environment
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["999:999"]
