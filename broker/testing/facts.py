"""What tests choose of a broker and what they see of it, as plain values. Must not: reach into a broker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

IN_PROCESS: Final = "in-process"
SUBPROCESS: Final = "subprocess"
MODES: Final = (IN_PROCESS, SUBPROCESS)
MEMORY: Final = "memory"
FOLDER: Final = "folder"
STORAGES: Final = (MEMORY, FOLDER)
HOST: Final = "127.0.0.1"
MESSAGES_MAX: Final = 100_000  # shown of one queue
NO_MANAGEMENT: Final = "this broker has no HTTP API: leveret_management = true, or Broker(management=True)"
USER: Final = "guest"
PASSWORD: Final = "guest"


@dataclass(frozen=True)
class Settings:
    """How a broker for tests is made.

    Args: mode is `in-process` or `subprocess`; storage is `memory` or `folder` (a temporary one; always so for a
    subprocess); management asks for the HTTP API; options are settings of brokerd by name, as in its file.
    Raises: ValueError for a mode or storage that there is not.
    """

    mode: str = IN_PROCESS
    storage: str = MEMORY
    management: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, value, allowed in (("mode", self.mode, MODES), ("storage", self.storage, STORAGES)):
            if value not in allowed:
                raise ValueError(f"leveret's {what} is {' or '.join(allowed)}, not {value!r}")


@dataclass(frozen=True)
class QueueState:
    """A queue at one moment."""

    ready: int
    unacknowledged: int
    consumers: int

    @property
    def messages(self) -> int:
        """Those that wait and those that consumers have not acknowledged."""
        return self.ready + self.unacknowledged

    def __str__(self) -> str:
        consumers = "consumer" if self.consumers == 1 else "consumers"
        return f"{self.ready} ready, {self.unacknowledged} unacknowledged, {self.consumers} {consumers}"


@dataclass(frozen=True)
class ConnectionState:
    """An open connection: `name` as listings show it, `client_name` as the client calls itself."""

    name: str
    user: str
    vhost: str
    client_name: str


@dataclass(frozen=True)
class Message:
    """A waiting message; `properties` has those that the publisher set, named as in AMQP (`content_type`, ...)."""

    body: bytes
    properties: Mapping[str, Any]
    exchange: str
    routing_key: str
    redelivered: bool

    @property
    def headers(self) -> Mapping[str, Any]:
        """The header table; empty where there is none."""
        headers: Mapping[str, Any] = self.properties.get("headers") or {}
        return headers

    def json(self) -> Any:
        """The body, decoded from JSON. Raises: ValueError."""
        return json.loads(self.body)
