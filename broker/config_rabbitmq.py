"""What RabbitMQ's variables and the keys of its rabbitmq.conf mean here: tables that start, converter and docs read.

Must not: read a file, or show a value: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.config_rabbitmq_values import (
    Reader,
    add_listener,
    add_loopback_user,
    add_tls_listener,
    add_tls_version,
    all_loopback_users,
    as_file_level,
    choice,
    demand_certificate,
    flag,
    no_listener,
    number,
    seconds_of_ms,
    size,
    text,
    verify,
)

CONVERT: Final = "convert it: brokerctl convert_rabbitmq_conf FILE"
NO_ERLANG: Final = "there is no Erlang here"
NO_PLUGINS: Final = "there are no plugins: what is supported is built in"
TO_STDERR: Final = "log lines go to standard error; for a file set BROKER_LOG_FILE"
OWN_FOLDER: Final = "set BROKER_DATA_DIR to a folder of its own; RabbitMQ's data cannot be read"

# Variables that RabbitMQ's scripts and images know and that do nothing here, and what to do instead. Those that mean
# something are aliases in `broker.config`; others that begin alike belong to applications.
VARIABLES: Final[dict[str, str]] = {
    "RABBITMQ_ADVANCED_CONFIG_FILE": "its Erlang terms are not read; docs/rabbitmq-settings.md lists what there is",
    "RABBITMQ_CONFIG_FILE": f"rabbitmq.conf is not read at the start; {CONVERT}",
    "RABBITMQ_CONFIG_FILES": f"rabbitmq.conf is not read at the start; {CONVERT}",
    "RABBITMQ_CONF_ENV_FILE": "no file of variables is read; give them to the process",
    "RABBITMQ_CTL_ERL_ARGS": NO_ERLANG,
    "RABBITMQ_DIST_PORT": f"{NO_ERLANG}, and no cluster",
    "RABBITMQ_ENABLED_PLUGINS_FILE": NO_PLUGINS,
    "RABBITMQ_ERLANG_COOKIE": f"{NO_ERLANG}, and nothing needs a cookie",
    "RABBITMQ_FEATURE_FLAGS": "there are no feature flags to choose",
    "RABBITMQ_LOG": "set BROKER_LOG_LEVEL",
    "RABBITMQ_LOGS": TO_STDERR,
    "RABBITMQ_LOG_BASE": TO_STDERR,
    "RABBITMQ_MNESIA_BASE": OWN_FOLDER,
    "RABBITMQ_MNESIA_DIR": OWN_FOLDER,
    "RABBITMQ_NODENAME": "the data hangs on no name; BROKER_CLUSTER_NAME is what tools show",
    "RABBITMQ_PASSWORD": "set RABBITMQ_DEFAULT_PASS or RABBITMQ_DEFAULT_PASS_FILE",
    "RABBITMQ_PLUGINS": NO_PLUGINS,
    "RABBITMQ_PLUGINS_DIR": NO_PLUGINS,
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": NO_ERLANG,
    "RABBITMQ_SERVER_ERL_ARGS": NO_ERLANG,
    "RABBITMQ_USERNAME": "set RABBITMQ_DEFAULT_USER",
    "RABBITMQ_USE_LONGNAME": f"{NO_ERLANG}; the data hangs on no name",
    "RABBITMQ_VHOST": "set RABBITMQ_DEFAULT_VHOST",
    "RABBITMQ_VM_MEMORY_HIGH_WATERMARK": "set BROKER_MEMORY_HIGH_WATERMARK",
}
QUIET: Final = {"RABBITMQ_LOGS": ("-",)}  # what asks for no more than is done anyway


def ignored_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """RabbitMQ's variables that were given and do nothing here, each with what to do instead."""
    given = (name for name in sorted(VARIABLES) if environ.get(name))
    return [(name, VARIABLES[name]) for name in given if environ[name] not in QUIET.get(name, ())]


@dataclass(frozen=True, slots=True)
class Key:
    """A key of rabbitmq.conf: the settings it becomes and how its value is read, or, without any, why there is none.

    `*` at the end of `name` stands for any further parts.
    """

    name: str
    settings: tuple[str, ...] = ()
    read: Reader | None = None
    note: str = ""
    is_named: bool = False  # the reader gets PART=VALUE, the part being what stands for `*`

    def is_for(self, name: str) -> bool:
        """Whether it is about a key of a file."""
        return name == self.name or (self.name.endswith("*") and name.startswith(self.name[:-1]))


def _one(name: str, setting: str, make: Reader | None = None, note: str = "") -> Key:
    return Key(name, (setting,), make or text(setting), note)


NOT_NEEDED: Final = "not needed here"
BY_VHOST: Final = "a limit of the virtual host: brokerctl set_vhost_limits"
ONE_LEVEL: Final = "one level is for all lines"
NO_CLUSTER: Final = "there is no cluster"

# The first key that is about an entry counts; entries are read in this order, whatever the file's.
KEYS: Final[tuple[Key, ...]] = (
    Key("listeners.tcp", ("plain_listener",), no_listener, "`none` only"),
    _one("listeners.tcp.default", "port", number("port")),
    Key("listeners.tcp.*", ("host", "port"), add_listener, "several must share a port"),
    Key("listeners.ssl", note="none is how it is without tls_port"),
    _one("listeners.ssl.default", "tls_port", number("tls_port")),
    Key("listeners.ssl.*", ("host", "tls_port"), add_tls_listener, "several must share a port"),
    _one("ssl_options.cacertfile", "tls_ca_file"),
    _one("ssl_options.certfile", "tls_cert_file"),
    _one("ssl_options.keyfile", "tls_key_file"),
    _one("ssl_options.password", "tls_key_password"),
    Key("ssl_options.verify", ("tls_verify",), verify, "verify_peer: `optional`"),
    Key("ssl_options.fail_if_no_peer_cert", ("tls_verify",), demand_certificate, "true: `required`"),
    Key("ssl_options.versions.*", ("tls_version_min",), add_tls_version, "the oldest of them; never below 1.2"),
    Key("ssl_options.*", note="OpenSSL's choice is taken; for TLS 1.2 there is tls_ciphers"),
    _one("ssl_cert_login_from", "ssl_cert_login_from"),
    _one("ssl_cert_login_san_type", "ssl_cert_login_san_type"),
    _one("ssl_cert_login_san_index", "ssl_cert_login_san_index", number("ssl_cert_login_san_index")),
    Key("proxy_protocol", note="headers are taken from trusted networks only: name them in proxy_protocol_from"),
    _one("default_user", "default_user"),
    _one("default_pass", "default_pass"),
    _one("default_vhost", "default_vhost"),
    Key("default_user_tags.*", note="the first user is administrator; change it with brokerctl set_user_tags"),
    Key("default_permissions.*", note="the first user has all rights; change them with brokerctl set_permissions"),
    Key("loopback_users", ("loopback_users",), all_loopback_users, "`none` only"),
    Key("loopback_users.*", ("loopback_users",), add_loopback_user, is_named=True),
    _one("heartbeat", "heartbeat_s", number("heartbeat_s")),
    _one("frame_max", "frame_max_bytes", number("frame_max_bytes", most=131072), "at most 131072"),
    _one("channel_max", "channel_max", number("channel_max")),
    _one("handshake_timeout", "handshake_timeout_s", seconds_of_ms("handshake_timeout_s")),
    _one("connection_max", "connections_max", number("connections_max", infinity=0)),
    _one("channel_max_per_node", "channels_max", number("channels_max", infinity=0)),
    _one("consumer_max_per_channel", "consumers_per_channel_max", number("consumers_per_channel_max", infinity=0)),
    _one("max_message_size", "message_size_max_bytes", number("message_size_max_bytes")),
    _one("consumer_timeout", "consumer_timeout_ms", number("consumer_timeout_ms")),
    Key("default_queue_type", note="every durable queue is kept on disk the same way; a vhost may have a default"),
    Key("vhost_max", note="there is no limit; only administrators add virtual hosts"),
    Key("default_limits.*", note=BY_VHOST),
    Key("default_policies.*", note="policies are set with brokerctl set_policy or come with definitions"),
    _one("vm_memory_high_watermark.relative", "memory_high_watermark", number("memory_high_watermark", kind=float)),
    Key(
        "vm_memory_high_watermark.absolute", note="give the container a memory limit, or memory_high_watermark a share"
    ),
    Key("vm_memory_high_watermark_paging_ratio", note="queue_memory says how much waiting messages may take"),
    Key("total_memory_available_override_value", note="a container's memory limit is seen by itself"),
    _one("disk_free_limit.absolute", "disk_free_min_bytes", size("disk_free_min_bytes")),
    Key("disk_free_limit.relative", note="disk_free_min_bytes is absolute"),
    _one("cluster_name", "cluster_name"),
    _one("product.name", "product"),
    _one("product.version", "product_version"),
    Key("load_definitions", note="import it once: brokerctl import_definitions FILE"),
    Key("management.load_definitions", note="import it once: brokerctl import_definitions FILE"),
    Key("definitions.*", note="import them once: brokerctl import_definitions FILE"),
    _one("log.console.level", "log_level", choice("log_level", {"critical": "error", "none": "error"})),
    _one("log.file.level", "log_level", as_file_level, "unless log.console.level is there"),
    _one("log.console.formatter", "log_format", choice("log_format", {"plaintext": "text"})),
    _one("log.file.formatter", "log_format", choice("log_format", {"plaintext": "text"})),
    Key("log.file", ("log_file",), text("log_file", without=("false",)), "give the whole path"),
    _one("log.file.rotation.size", "log_file_max_bytes", size("log_file_max_bytes")),
    _one("log.file.rotation.count", "log_files_kept", number("log_files_kept")),
    Key("log.default.level", ("log_level",), as_file_level, ONE_LEVEL),
    Key("log.console*", note="standard error always gets the log"),
    Key("log.*", note=f"{ONE_LEVEL}; for syslog use systemd's journal"),
    _one("management.tcp.port", "management_port", number("management_port")),
    _one("management.tcp.ip", "management_host"),
    _one("management.listener.port", "management_port", number("management_port")),
    _one("management.listener.ip", "management_host"),
    Key("management.*", note="the page has no such setting; docs/configuration.md lists those of TLS"),
    _one("prometheus.tcp.port", "metrics_port", number("metrics_port")),
    _one("prometheus.tcp.ip", "metrics_host"),
    Key("prometheus.ssl.*", ("metrics_tls",), flag("metrics_tls"), "with the certificates of AMQP"),
    Key("prometheus.*", note="per-object metrics are at /metrics/per-object"),
    Key("auth_mechanisms.*", note="PLAIN and AMQPLAIN are on; EXTERNAL where client certificates are asked for"),
    Key("auth_backends.*", note="users are kept by the broker itself"),
    Key("password_hashing_module", note="new passwords are hashed with Argon2; RabbitMQ's hashes go on working"),
    Key("credential_validator.*", note="there is no rule for passwords but that they are not empty"),
    Key("cluster_*", note=NO_CLUSTER),
    Key("distribution.*", note=NO_CLUSTER),
    Key("net_ticktime", note=NO_CLUSTER),
    Key("mirroring_*", note=NO_CLUSTER),
    Key("deprecated_features.*", note="what RabbitMQ deprecates goes on working here"),
)


def key_for(name: str) -> Key:
    """What is known of a key of a file; keys that are not in the table are not needed."""
    return next((key for key in KEYS if key.is_for(name)), Key(name, note=NOT_NEEDED))
