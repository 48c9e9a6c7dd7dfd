"""Every setting of the broker, once: flags, environment, file keys, help text and docs are generated from `Config`.

Must not: act on a setting, or hold what can change while the broker runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.auth.passwords import ALGORITHMS, DEFAULT_ALGORITHM
from broker.config_options import ConfigError, option, options_of
from broker.config_sources import read_sources
from broker.logs import FORMATS, LEVELS
from storage.commit import FSYNC_MODES

__all__ = ["GENERATED_PASSWORD", "Config", "ConfigError", "load_config"]

MIB = 1024 * 1024
COUNT_MAX = 2**31 - 1
DATA_FOLDER_NAME = "leveret"
GENERATED_PASSWORD = ""  # what default_pass holds when the daemon is to make one
PRODUCT = "RabbitMQ"
PRODUCT_VERSION = "3.13.7"

LISTEN = "Listening"
TLS = "TLS"
DATA = "Data"
ACCOUNTS = "First user"
PROTOCOL = "Protocol"
LIMITS = "Limits"
ALARMS = "Alarms"
OPERATION = "Operation"


@dataclass(frozen=True)
class Config:
    """The settings of one broker process; a name ends in its unit."""

    host: str = option(
        "127.0.0.1",
        "Addresses to accept AMQP connections on, plain and TLS, separated by commas; 0.0.0.0 is every IPv4 address, "
        ":: every address.",
        LISTEN, aliases=("RABBITMQ_NODE_IP_ADDRESS",),
    )  # fmt: skip
    port: int = option(
        5672, "TCP port for AMQP without TLS; 0 picks a free one.", LISTEN, minimum=0, maximum=65535,
        aliases=("RABBITMQ_NODE_PORT",),
    )  # fmt: skip
    plain_listener: bool = option(
        True, "Accept AMQP without TLS on that port; false leaves TLS and the unix socket.", LISTEN
    )
    amqp_socket: str = option(
        "", "Path of a unix socket to accept AMQP connections on; whoever may connect counts as being on this machine.",
        LISTEN, empty_allowed=True,
    )  # fmt: skip
    amqp_socket_mode: str = option(
        "600", "Who may connect to that socket: the broker's user, its group too, or everybody.", LISTEN,
        choices=("600", "660", "666"),
    )  # fmt: skip
    proxy_protocol_from: tuple[str, ...] = option(
        (),
        "Networks (10.0.0.0/8) of proxies that begin each AMQP connection with a PROXY protocol header of version 1 or "
        "2. Their connections need one and count as coming from the address in it; anybody else's are refused.",
        LISTEN,
    )
    metrics_host: str = option("127.0.0.1", "Addresses of the Prometheus endpoint.", LISTEN)
    metrics_port: int = option(
        15692, "TCP port of the Prometheus endpoint (/metrics); 0 turns it off.", LISTEN, minimum=0, maximum=65535
    )
    management_host: str = option(
        "", "Addresses of the HTTP API and the page; empty means those of AMQP.", LISTEN, empty_allowed=True
    )
    management_port: int = option(
        15672, "TCP port of the HTTP API and the page; 0 turns it off.", LISTEN, minimum=0, maximum=65535
    )
    management_cors_origins: tuple[str, ...] = option(
        (), "Origins (such as https://admin.example) whose pages may use the HTTP API from a browser.", LISTEN
    )
    management_tls: bool = option(
        False, "Serve the HTTP API and the page over TLS, with the same certificates.", LISTEN
    )
    metrics_tls: bool = option(False, "Serve the Prometheus endpoint over TLS, with the same certificates.", LISTEN)
    tls_port: int = option(
        0, "TCP port for AMQP over TLS, 5671 by custom; 0 turns it off.", TLS, minimum=0, maximum=65535
    )
    tls_cert_file: str = option(
        "", "Certificate for TLS in PEM form, with the intermediate certificates behind it.", TLS,
        aliases=("RABBITMQ_SSL_CERTFILE",), empty_allowed=True,
    )  # fmt: skip
    tls_key_file: str = option(
        "", "Its private key in PEM form; empty where it stands in the certificate's file.", TLS,
        aliases=("RABBITMQ_SSL_KEYFILE",), empty_allowed=True,
    )  # fmt: skip
    tls_key_password: str = option(
        "", "Password of private keys that are encrypted.", TLS, secret_file=True, empty_allowed=True
    )
    tls_sni_dir: str = option(
        "", "Folder with further certificates, each used for clients that ask for one of its names (SNI): NAME.pem or "
        "NAME.crt with NAME.key, or a folder with fullchain.pem and privkey.pem, or tls.crt and tls.key.",
        TLS, empty_allowed=True,
    )  # fmt: skip
    tls_check_s: float = option(
        60.0, "How often these files are looked at, to use what has changed; 0 is never, then SIGHUP does it.", TLS,
        unit="s", minimum=0, maximum=86400,
    )  # fmt: skip
    tls_version_min: str = option("1.2", "Oldest version of TLS that is spoken.", TLS, choices=("1.2", "1.3"))
    tls_ciphers: str = option(
        "", "Ciphers for TLS 1.2, as OpenSSL lists them; empty is OpenSSL's choice.", TLS, empty_allowed=True
    )
    tls_verify: str = option(
        "none", "Whether AMQP clients are asked for a certificate, and whether they may do without.", TLS,
        choices=("none", "optional", "required"),
    )  # fmt: skip
    tls_ca_file: str = option(
        "", "Certificates of the authorities (CA) that client certificates are checked against.", TLS,
        aliases=("RABBITMQ_SSL_CACERTFILE",), empty_allowed=True,
    )  # fmt: skip
    ssl_cert_login_from: str = option(
        "distinguished_name",
        "What of a client's certificate is its user name where it logs in with it (EXTERNAL). Named as in RabbitMQ.",
        TLS, choices=("common_name", "distinguished_name", "subject_alternative_name"),
    )  # fmt: skip
    ssl_cert_login_san_type: str = option(
        "dns", "With subject_alternative_name: of which kind.", TLS, choices=("dns", "email", "ip", "uri")
    )
    ssl_cert_login_san_index: int = option(
        0, "With subject_alternative_name: which of that kind, from 0.", TLS, minimum=0, maximum=99
    )
    data_dir: Path = option(
        Path("~/.local/share") / DATA_FOLDER_NAME,
        "Folder for everything that outlives a restart. The default is per user, follows XDG_DATA_HOME and needs no "
        "rights; a service wants a folder of its own, such as /var/lib/leveret.",
        DATA,
        default_text="~/.local/share/leveret",
    )
    default_user: str = option(
        "guest", "User made at the first start, with all rights on the default vhost and the tag administrator.",
        ACCOUNTS, aliases=("RABBITMQ_DEFAULT_USER",), secret_file=True,
    )  # fmt: skip
    default_pass: str = option(
        "guest", "Password of that user.", ACCOUNTS, aliases=("RABBITMQ_DEFAULT_PASS",), secret_file=True
    )
    default_vhost: str = option(
        "/", "Virtual host made at the first start.", ACCOUNTS, aliases=("RABBITMQ_DEFAULT_VHOST",), secret_file=True
    )
    generate_default_pass: bool = option(
        False,
        "When no default_pass is given, make a random one, keep it in the data folder (readable by the owner only) "
        "and print it once; the container image sets this.",
        ACCOUNTS,
    )
    load_definitions: str = option(
        "",
        "File of definitions (as RabbitMQ and this broker export them) that is imported at every start: users, "
        "permissions, policies and parameters in it replace those of the same name, queues and exchanges that are "
        "there stay as they are. Where it has users, the first user is not made.",
        ACCOUNTS, empty_allowed=True,
    )  # fmt: skip
    loopback_users: tuple[str, ...] = option(("guest",), "Users who may only connect from this machine.", ACCOUNTS)
    product: str = option(
        PRODUCT, "Product announced to clients; many look for RabbitMQ before they use what they could.", PROTOCOL
    )
    product_version: str = option(
        PRODUCT_VERSION, "RabbitMQ version announced to clients: the one whose behaviour is followed.", PROTOCOL
    )
    live_prefetch: tuple[str, ...] = option(
        ("py-amqp",), "Products of clients (as client-properties name them) whose basic.qos reaches running consumers.",
        PROTOCOL,
    )  # fmt: skip
    cluster_name: str = option(
        "", "Name of this broker in server properties and tools; empty means leveret@ and the host's name.",
        PROTOCOL, empty_allowed=True,
    )  # fmt: skip
    heartbeat_s: int = option(
        60, "Heartbeat interval proposed to clients; 0 proposes none.", PROTOCOL, unit="s", minimum=0, maximum=65535
    )
    frame_max_bytes: int = option(
        131072, "Largest frame proposed to clients.", PROTOCOL, unit="bytes", minimum=4096, maximum=131072
    )
    channel_max: int = option(
        2047, "Channels per connection; 0 means the protocol's 65535.", PROTOCOL, minimum=0, maximum=65535
    )
    handshake_timeout_s: float = option(
        10.0, "Time a client has to finish its login.", PROTOCOL, unit="s", minimum=0.1, maximum=3600
    )
    auth_failure_delay_s: float = option(
        3.0, "Time before a connection is dropped whose login failed.", PROTOCOL, unit="s", minimum=0, maximum=60
    )
    redeclare: str = option(
        "strict",
        "A declaration that differs from what is there is refused (strict), as with RabbitMQ, or accepted (lenient): "
        "what is there stays as it is, and each difference is logged.",
        PROTOCOL, choices=("strict", "lenient"),
    )  # fmt: skip
    login_failures_max: int = option(
        30,
        "Failed logins of one address in a minute, after which only clients whose password was right a short while ago "
        "get in from there; 0 means no limit.",
        ACCOUNTS, minimum=0, maximum=COUNT_MAX,
    )  # fmt: skip
    password_hashing: str = option(
        DEFAULT_ALGORITHM, "How new passwords are hashed; RabbitMQ can only use the others in imported definitions.",
        ACCOUNTS, choices=tuple(ALGORITHMS),
    )  # fmt: skip
    connections_max: int = option(
        0, "Connections at a time; 0 means no limit but the system's.", LIMITS, minimum=0, maximum=COUNT_MAX
    )
    channels_max: int = option(
        0, "Channels of all connections together; 0 means no limit.", LIMITS, minimum=0, maximum=COUNT_MAX
    )
    consumers_per_channel_max: int = option(
        0, "Consumers on one channel; 0 means no limit.", LIMITS, minimum=0, maximum=COUNT_MAX
    )
    consumer_timeout_ms: int = option(
        1_800_000,
        "How long a delivery may stay unacknowledged, where neither its queue nor its consumer says so "
        "(x-consumer-timeout); 0 is for ever.",
        LIMITS, unit="ms", minimum=0, maximum=100 * 365 * 86_400_000,
    )  # fmt: skip
    consumer_timeout_action: str = option(
        "requeue",
        "What happens then: its message goes back to its queue, and nothing else (requeue), or its channel is closed, "
        "as with RabbitMQ (close).",
        LIMITS, choices=("requeue", "close"),
    )  # fmt: skip
    message_size_max_bytes: int = option(
        128 * MIB, "Largest message body taken from a publisher.", LIMITS, unit="bytes", minimum=1, maximum=512 * MIB
    )
    output_buffer_max_bytes: int = option(
        MIB,
        "Output waiting for one connection at which its consumers are not fed any more until the client reads.",
        LIMITS, unit="bytes", minimum=65536, maximum=1024 * MIB,
    )  # fmt: skip
    queue_memory: float = option(
        0.4,
        "Share of the memory this process may use that waiting messages may take; what is beyond is read from the disk "
        "when its turn comes.",
        DATA, unit="fraction", minimum=0.001, maximum=1.0,
    )  # fmt: skip
    segment_bytes: int = option(
        64 * MIB, "Size of one file of the log.", DATA, unit="bytes", minimum=65536, maximum=1024 * MIB
    )
    fsync: str = option(
        "always",
        "When the log is forced to the disk: before anything is confirmed (always), every fsync_interval_ms, or when "
        "the system likes (never). With the last two, what was confirmed can be lost when the power goes.",
        DATA, choices=FSYNC_MODES,
    )  # fmt: skip
    fsync_interval_ms: int = option(
        1000, "How often the log is forced to the disk with fsync = interval.", DATA, unit="ms", minimum=1,
        maximum=3_600_000,
    )  # fmt: skip
    compaction_bytes: int = option(
        64 * MIB, "Most that is read and written in a second to give back space in the log.", DATA, unit="bytes",
        minimum=65536, maximum=2**40,
    )  # fmt: skip
    log_keep_s: float = option(
        0.0,
        "How long files of the log are kept in which nothing waits any more, so that queues can be rewound to then; 0 "
        "is no limit where log_keep_bytes has one, and with both 0 they are deleted at once.",
        DATA, unit="s", minimum=0, maximum=315_360_000,
    )  # fmt: skip
    log_keep_bytes: int = option(
        0,
        "How much of such files is kept; 0 is no limit where log_keep_s has one. When the disk is short of room all of "
        "them go.",
        DATA, unit="bytes", minimum=0, maximum=2**62,
    )  # fmt: skip
    memory_high_watermark: float = option(
        0.6,
        "Share of the memory this process may use (the machine's, or its container's limit) at which publishers are "
        "paused.",
        ALARMS, unit="fraction", minimum=0.01, maximum=1.0,
    )  # fmt: skip
    disk_free_min_bytes: int = option(
        50_000_000,
        "Free space under the data folder below which publishers are paused; 0 never pauses.",
        ALARMS, unit="bytes", minimum=0, maximum=2**62,
    )  # fmt: skip
    log_level: str = option("info", "Least severe log lines to write.", OPERATION, choices=LEVELS)
    log_format: str = option(
        "text", "Form of log lines: for people (text), or one JSON object a line (json).", OPERATION, choices=FORMATS
    )
    log_file: str = option(
        "", "File that log lines go to beside standard error; empty means none. Only its owner can read it.", OPERATION,
        empty_allowed=True,
    )  # fmt: skip
    log_file_max_bytes: int = option(
        10 * MIB, "Size at which the log file is renamed (.1, .2, …) and a new one begun.", OPERATION, unit="bytes",
        minimum=65536, maximum=2**40,
    )  # fmt: skip
    log_files_kept: int = option(
        5, "How many renamed log files are kept; the oldest is deleted.", OPERATION, minimum=1, maximum=1000
    )
    task_wait_metrics: bool = option(
        False, "Measure how long Celery tasks are ready before they are delivered, by task name, for Prometheus.",
        OPERATION,
    )  # fmt: skip
    statistics_interval_ms: int = option(
        5000, "How often rates and histories are taken from the counters.", OPERATION, unit="ms",
        minimum=50, maximum=3_600_000,
    )  # fmt: skip
    shutdown_timeout_s: float = option(
        10.0, "Time clients have to close on SIGTERM before they are cut off.", OPERATION,
        unit="s", minimum=0, maximum=3600,
    )  # fmt: skip


def load_config(argv: Sequence[str], environ: Mapping[str, str]) -> Config:
    """The settings from, strongest first: flags, environment, file, defaults.

    Args: argv without the program's name; environ as os.environ.
    Raises: ConfigError with one line for the user; SystemExit after --help and --version.
    """
    values = read_sources(tuple(options_of(Config)), argv, environ)
    if values.get("generate_default_pass") and "default_pass" not in values:
        values["default_pass"] = GENERATED_PASSWORD
    values["data_dir"] = _data_dir(values.get("data_dir"), environ)
    return Config(**values)  # type: ignore[arg-type]  # each value was checked against its option


def _data_dir(given: object, environ: Mapping[str, str]) -> Path:
    """The data folder with `~` resolved; XDG_DATA_HOME counts only where nothing was given."""
    data_home = environ.get("XDG_DATA_HOME", "")
    if given is None and Path(data_home).is_absolute():
        return Path(data_home) / DATA_FOLDER_NAME
    folder = given if isinstance(given, Path) else Config.data_dir
    if folder.parts[:1] != ("~",):
        return folder.absolute()
    if not environ.get("HOME"):
        raise ConfigError(f"data_dir: {folder} needs a home folder and HOME is not set; give --data-dir")
    return Path(environ["HOME"], *folder.parts[1:]).absolute()
