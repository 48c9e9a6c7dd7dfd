"""What a Broker needs of the server under it, whatever its form, and which form is made. Must not: run anything."""

from __future__ import annotations

from typing import Protocol

from broker.testing.facts import IN_PROCESS, ConnectionState, Message, QueueState, Settings


class Server(Protocol):
    """A broker under test."""

    mode: str
    settings: Settings

    @property
    def port(self) -> int:
        """The AMQP port."""
        ...

    @property
    def management_url(self) -> str:
        """The HTTP API's URL. Raises: NotInThisModeError where none was asked for."""
        ...

    def start(self) -> None:
        """Starts. Raises: BrokerGoneError."""
        ...

    def revive(self) -> None:
        """Starts, where a test has killed it; on the port it had. Raises: BrokerGoneError."""
        ...

    def stop(self) -> None:
        """Ends; fine where it has ended."""
        ...

    def restart(self) -> None:
        """Ends as on SIGTERM where it runs, and starts on the same port."""
        ...

    def kill(self) -> None:
        """SIGKILL. Raises: NotInThisModeError."""
        ...

    def url(self, vhost: str = "/") -> str:
        """The AMQP URL of a vhost."""
        ...

    def add_vhost(self, name: str) -> None:
        """Makes a vhost."""
        ...

    def delete_vhost(self, name: str) -> None:
        """Ends a vhost and the connections to it."""
        ...

    def queue_state(self, vhost: str, name: str) -> QueueState | None:
        """What a queue holds now; None where there is none."""
        ...

    def queue_names(self, vhost: str) -> list[str]:
        """The queues there are."""
        ...

    def messages(self, vhost: str, name: str) -> list[Message]:
        """What waits in a queue, left as it is."""
        ...

    def connections(self, vhost: str) -> list[ConnectionState]:
        """The open connections of a vhost, without those of the helpers."""
        ...

    def exempt(self, port: int) -> None:
        """The client that will connect from this port is a helper's own."""
        ...


def make_server(settings: Settings) -> Server:
    """A server of the form asked for, not started."""
    if settings.mode == IN_PROCESS:
        from broker.testing.in_process import InProcessServer  # noqa: PLC0415

        return InProcessServer(settings)
    from broker.testing.brokerd_process import BrokerdProcess  # noqa: PLC0415

    return BrokerdProcess(settings)
