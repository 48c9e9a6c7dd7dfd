"""RabbitMQ's settings and variables: every row leads to a setting, and a rabbitmq.conf becomes a file brokerd takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.config import Config, ConfigError, load_config
from broker.config_convert import LINES_MAX, convert
from broker.config_options import options_of
from broker.config_rabbitmq import KEYS, VARIABLES, Key, ignored_variables, key_for

SETTINGS = {option.name: option for option in options_of(Config)}
ALIASES = {alias for option in SETTINGS.values() for alias in option.aliases}

CONF = """
# a comment
%% another
listeners.tcp.default = 5673
listeners.tcp.local = 10.0.0.1:5673
listeners.ssl.default=5671
ssl_options.certfile = '/etc/tls/it''s.pem'
ssl_options.fail_if_no_peer_cert = true
ssl_options.verify = verify_peer
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
default_user = shop
default_pass = hush-hush
loopback_users.guest = false
loopback_users.ann = true
vm_memory_high_watermark.relative = 0.5
disk_free_limit.absolute = 2GB
heartbeat = 30
frame_max = 999999
handshake_timeout = 20000
connection_max = infinity
log.console.level = warning
log.file.level = debug
log.console.formatter = json
log.file.rotation.size = 10485760
cluster_name = rabbit@there   # with a comment
"""
TAKEN = {
    "port": 5673, "host": "10.0.0.1", "tls_port": 5671, "tls_cert_file": "/etc/tls/it''s.pem", "tls_verify": "required",
    "tls_version_min": "1.2", "default_user": "shop", "default_pass": "hush-hush", "loopback_users": ("ann",),
    "memory_high_watermark": 0.5, "disk_free_min_bytes": 2_000_000_000, "heartbeat_s": 30, "frame_max_bytes": 131072,
    "handshake_timeout_s": 20.0, "connections_max": 0, "log_level": "warning", "log_format": "json",
    "log_file_max_bytes": 10485760, "cluster_name": "rabbit@there",
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
class TestEveryKey:
    def test_leads_to_settings_or_says_why_not(self, key: Key) -> None:
        assert set(key.settings) <= set(SETTINGS)
        assert bool(key.settings) == (key.read is not None)
        assert key.settings or key.note

    def test_is_reached(self, key: Key) -> None:
        assert key_for(key.name.replace("*", "x")) == key


def test_no_variable_is_taken_and_ignored() -> None:
    assert not ALIASES & set(VARIABLES)


def test_a_conf_becomes_settings() -> None:
    converted = convert(CONF)
    assert (converted.settings, converted.left_out) == (TAKEN, ())


def test_the_file_is_one_that_brokerd_takes(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(convert(CONF).toml())
    config = load_config(["--config", str(file), "--data-dir", str(tmp_path)], {})
    assert {name: getattr(config, name) for name in TAKEN} == TAKEN


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("cluster_formation.peer_discovery_backend = k8s", "there is no cluster"),
        ("vm_memory_high_watermark.absolute = 2GB", "memory limit"),
        ("something.nobody.knows = 1", "not needed here"),
        ("heartbeat = often", "line 1: "),
        ("heartbeat = 70000", "line 1: heartbeat_s is a whole number from 0 to 65,535"),
        ("disk_free_limit.absolute = 2 apples", "line 1: not a size"),
        ("listeners.tcp.1 = nonsense", "line 1: not ADDRESS:PORT"),
        ("ssl_options.verify = verify_all", "line 1: a value that is not known here"),
        ("default_pass = encrypted:abcdef", "its value is encrypted"),
        ("load_definitions = /etc/d.json", "brokerctl import_definitions"),
    ],
)
def test_what_is_left_out_says_why(line: str, why: str) -> None:
    converted = convert(line)
    ((name, reason),) = converted.left_out
    assert name == line.partition(" ")[0]
    assert why in reason
    assert converted.settings == {}
    assert f"# {name}: {reason}" in converted.toml()
    assert "abcdef" not in converted.toml()


def test_two_ports_of_a_kind_are_one_too_many() -> None:
    converted = convert("listeners.tcp.1 = 127.0.0.1:5672\nlisteners.tcp.2 = [::1]:5672\nlisteners.tcp.3 = 5673")
    assert converted.settings == {"port": 5672, "host": "127.0.0.1,::1"}
    assert [name for name, _ in converted.left_out] == ["listeners.tcp.3"]


@pytest.mark.parametrize("conf", ["[{rabbit, []}].", "heartbeat", "a = 1\n" * (LINES_MAX + 1)])
def test_what_is_no_rabbitmq_conf_is_refused(conf: str) -> None:
    with pytest.raises(ConfigError) as caught:
        convert(conf)
    assert "\n" not in str(caught.value)


def test_ignored_variables_are_told_with_advice_and_without_values() -> None:
    environ = {
        "RABBITMQ_ERLANG_COOKIE": "hush", "RABBITMQ_NODENAME": "", "RABBITMQ_LOGS": "-", "RABBITMQ_DEFAULT_USER": "u",
        "RABBITMQ_HOST": "app's own",
    }  # fmt: skip
    assert ignored_variables(environ) == [("RABBITMQ_ERLANG_COOKIE", VARIABLES["RABBITMQ_ERLANG_COOKIE"])]
    assert [name for name, _ in ignored_variables({"RABBITMQ_LOGS": "/var/log/r.log"})] == ["RABBITMQ_LOGS"]
