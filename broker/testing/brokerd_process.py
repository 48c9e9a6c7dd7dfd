"""A brokerd in a process of its own, on a port and a folder that it keeps when it is killed and started again.

Asked through its management socket, which only this user may open. Must not: break anything but the process.
"""

from __future__ import annotations

import base64
import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import broker
from broker.auth.passwords import SHA256
from broker.cli.client import Client
from broker.cli.exits import CtlError, RefusedError
from broker.cli.paths import part
from broker.cli.target import SocketTarget
from broker.config_options import as_text
from broker.testing.amqp import CLIENT_NAME
from broker.testing.errors import BrokerGoneError, NotInThisModeError, QueueNotFoundError
from broker.testing.facts import (
    HOST,
    MESSAGES_MAX,
    NO_MANAGEMENT,
    PASSWORD,
    SUBPROCESS,
    USER,
    ConnectionState,
    Message,
    QueueState,
    Settings,
)
from broker.testing.ports import free_port

READY_S_MAX: Final = 30.0
STOP_S_MAX: Final = 15.0
STARTS_MAX: Final = 20
LOG_LINES_SHOWN: Final = 10
NOT_FOUND: Final = 404


class BrokerdProcess:
    """One brokerd, started with the Python and the code of this process."""

    mode = SUBPROCESS

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._port = 0
        self._management_port = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None

    # ---- life

    def start(self) -> None:
        """Starts it, on a free port the first time. Raises: BrokerGoneError."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="leveret-")
        if self._port:
            self._launch(self._port)
            return
        for left in reversed(range(STARTS_MAX)):
            port = free_port()
            self._management_port = free_port() if self.settings.management else 0
            try:
                self._launch(port)
            except BrokerGoneError as error:
                if left and "address already in use" in str(error):
                    continue
                self.stop()
                raise
            self._port = port
            return

    def _launch(self, port: int) -> None:
        quick = {"fsync": "never", "password_hashing": SHA256, "login_failures_max": 0, "disk_free_min_bytes": 0}
        options = {**quick, "log_level": "warning", **self.settings.options}
        ports = {"port": port, "management_port": self._management_port, "metrics_port": 0}
        flags = {"host": HOST, "data_dir": str(self._data_dir), **ports, **options}
        command = [sys.executable, "-m", "broker.cli.brokerd"]
        command += [f"--{name.replace('_', '-')}={as_text(value)}" for name, value in flags.items()]
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment())
        self._await_ready()

    def _await_ready(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], READY_S_MAX)
        line = process.stdout.readline() if ready else ""
        if "listening on " not in line:
            process.kill()
            self._forget()
            raise BrokerGoneError(f"brokerd did not start: {self._last_words() or 'it says nothing'}")

    @property
    def _root(self) -> Path:
        assert self._folder is not None, "started"
        return Path(self._folder.name)

    @property
    def _data_dir(self) -> Path:
        return self._root / "data"

    @property
    def _log_path(self) -> Path:
        return self._root / "brokerd.log"

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return " / ".join(self._log_path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
        return ""

    def _forget(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def revive(self) -> None:
        """Starts it where it has ended, on its port and folder. Raises: BrokerGoneError."""
        if self._process is None or self._process.poll() is not None:
            self._forget()
            self.start()

    def _terminate(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._forget()

    def stop(self) -> None:
        """Ends it and deletes its folder; fine where it has ended."""
        self.kill()
        self._port = 0
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def kill(self) -> None:
        """SIGKILL; fine where it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._forget()

    def restart(self) -> None:
        """Ends it as on SIGTERM where it runs, and starts it on the same port and folder."""
        self._terminate()
        self.start()

    # ---- what tests ask

    def _client(self) -> Client:
        process = self._process
        if process is None or process.poll() is not None:
            status = "" if process is None else f" (exit status {process.returncode}): {self._last_words()}"
            raise BrokerGoneError(f"the broker is not running{status}; restart() starts it again")
        return Client(SocketTarget(self._data_dir))

    def _get(self, path: str) -> list[dict[str, Any]]:
        try:
            return list(self._client().pages(path))
        except CtlError as error:
            raise BrokerGoneError(str(error)) from None

    @property
    def port(self) -> int:
        """The AMQP port."""
        return self._port

    @property
    def management_url(self) -> str:
        """The HTTP API's URL. Raises: NotInThisModeError where none was asked for."""
        if not self.settings.management:
            raise NotInThisModeError(NO_MANAGEMENT)
        return f"http://{USER}:{PASSWORD}@{HOST}:{self._management_port}"

    def url(self, vhost: str = "/") -> str:
        """The AMQP URL of a vhost."""
        return f"amqp://{USER}:{PASSWORD}@{HOST}:{self._port}/{quote(vhost, safe='')}"

    def add_vhost(self, name: str) -> None:
        """Makes a vhost in which the user of tests may do everything."""
        client = self._client()
        client.put(f"/api/vhosts/{part(name)}")
        rights: dict[str, object] = dict.fromkeys(("configure", "write", "read"), ".*")
        client.put(f"/api/permissions/{part(name)}/{part(USER)}", rights)

    def delete_vhost(self, name: str) -> None:
        """Ends a vhost and the connections to it; fine where the broker has been killed."""
        if self._process is not None and self._process.poll() is None:
            self._client().delete(f"/api/vhosts/{part(name)}")

    def queue_state(self, vhost: str, name: str) -> QueueState | None:
        """What a queue holds now; None where there is none."""
        try:
            queue = self._client().get(f"/api/queues/{part(vhost)}/{part(name)}")
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return QueueState(queue["messages_ready"], queue["messages_unacknowledged"], queue["consumers"])

    def queue_names(self, vhost: str) -> list[str]:
        """The queues there are."""
        return [queue["name"] for queue in self._get(f"/api/queues/{part(vhost)}")]

    def messages(self, vhost: str, name: str) -> list[Message]:
        """What waits in a queue, left as it is, up to MESSAGES_MAX. Raises: QueueNotFoundError."""
        client, path = self._client(), f"/api/queues/{part(vhost)}/{part(name)}/messages"
        found: list[Message] = []
        after: str | None = None
        while len(found) < MESSAGES_MAX:
            try:
                answer = client.get(path, after=after)
            except RefusedError as error:
                raise QueueNotFoundError(name) from error
            found += map(_message, answer["items"])
            after = answer["next"]
            if after is None:
                break
        return found

    def connections(self, vhost: str) -> list[ConnectionState]:
        """The open connections of a vhost, without those of the helpers."""
        found = (_connection(one) for one in self._get("/api/connections"))
        return [one for one in found if one.vhost == vhost and one.client_name != CLIENT_NAME]

    def exempt(self, port: int) -> None:
        """Nothing is broken here but the process."""


def _connection(shown: dict[str, Any]) -> ConnectionState:
    properties = shown.get("client_properties") or {}
    client_name = shown.get("user_provided_name") or properties.get("connection_name") or properties.get("product")
    return ConnectionState(shown["name"], shown.get("user", ""), shown.get("vhost", ""), str(client_name or ""))


def _message(shown: dict[str, Any]) -> Message:
    payload: str = shown["payload"]
    body = payload.encode() if shown["payload_encoding"] == "string" else base64.b64decode(payload)
    properties = shown["properties"]
    return Message(body, properties, shown["exchange"], shown["routing_key"], shown["redelivered"])


def _environment() -> dict[str, str]:
    """This process's, in which the package is found whatever made it importable here."""
    package_home = str(Path(broker.__file__).parents[1])
    given = os.environ.get("PYTHONPATH", "")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BROKER_")}
    return {**ours, "PYTHONPATH": f"{package_home}{os.pathsep}{given}" if given else package_home}
