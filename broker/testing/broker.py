"""What a test holds: a vhost on a broker under test, with helpers to look, wait, and break things.

Must not: know how the broker runs; `in_process.py` and `brokerd_process.py` do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from broker.testing.amqp import AmqpClient
from broker.testing.breaking import BrokerClock, Faults
from broker.testing.errors import QueueNotFoundError
from broker.testing.facts import IN_PROCESS, MEMORY, ConnectionState, Message, QueueState, Settings
from broker.testing.server import Server, make_server
from broker.testing.waiting import refuse_in_loop, wait_for

WAIT_S: Final = 10.0
PERSISTENT: Final = 2


class Broker:
    """A vhost on a broker under test. As a context manager it starts a broker of its own, and ends it.

    `faults` breaks things and `clock` moves the broker's time (in-process only); `aio` has the waits for async tests.
    """

    def __init__(
        self, mode: str = IN_PROCESS, *, storage: str = MEMORY, management: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Args: as `Settings`. Raises: ValueError."""
        self._take(make_server(Settings(mode, storage, management, options or {})), "/")

    def _take(self, server: Server, vhost: str) -> None:
        self.server = server
        self.vhost = vhost
        self.faults = Faults(server, vhost)
        self.clock = BrokerClock(server)
        self.aio = AsyncWaits(self)
        self._client = AmqpClient(vhost, server.exempt)

    @classmethod
    def on(cls, server: Server, vhost: str) -> Self:
        """A vhost of a broker that runs; it ends with `leave`."""
        broker = cls.__new__(cls)
        broker._take(server, vhost)
        return broker

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self.server.stop()

    def leave(self) -> None:
        """Undoes the faults and what was done to the clock, and deletes the vhost with the connections to it."""
        self._client.close()
        self.faults.clear()
        self.clock.reset()
        self.server.delete_vhost(self.vhost)

    # ---- where it is

    @property
    def url(self) -> str:
        """The AMQP URL, which kombu, Celery, pika and aio-pika all take."""
        return self.server.url(self.vhost)

    @property
    def port(self) -> int:
        """The AMQP port."""
        return self.server.port

    @property
    def management_url(self) -> str:
        """The HTTP API's URL, with the password. Raises: NotInThisModeError where none was asked for."""
        return self.server.management_url

    # ---- looking

    def state(self, queue: str) -> QueueState:
        """What a queue holds now. Raises: QueueNotFoundError."""
        state = self.server.queue_state(self.vhost, queue)
        if state is None:
            raise QueueNotFoundError(self._no_queue(queue))
        return state

    def _no_queue(self, queue: str) -> str:
        names = ", ".join(map(repr, self.queues())) or "none"
        return f"there is no queue {queue!r} in vhost {self.vhost!r}; those there are: {names}"

    def depth(self, queue: str) -> int:
        """How many messages wait in a queue, those with consumers not counted. Raises: QueueNotFoundError."""
        return self.state(queue).ready

    def queues(self) -> list[str]:
        """The names of the queues there are."""
        return self.server.queue_names(self.vhost)

    def messages(self, queue: str) -> list[Message]:
        """What waits in a queue, in order, left as it is. Raises: QueueNotFoundError."""
        self.state(queue)
        return self.server.messages(self.vhost, queue)

    def connections(self) -> list[ConnectionState]:
        """The open connections to the vhost, without those of these helpers."""
        return self.server.connections(self.vhost)

    # ---- waiting

    def wait_for_depth(self, queue: str, depth: int, timeout: float = WAIT_S) -> None:
        """Waits until exactly so many messages wait in a queue, which may not be there yet.

        Args: timeout in seconds. Raises: WaitTimeoutError.
        """
        self._wait("wait_for_depth", queue, lambda state: state.ready == depth, f"{depth} messages ready", timeout)

    def wait_until_empty(self, queue: str, timeout: float = WAIT_S) -> None:
        """Waits until nothing waits in a queue and nothing of it is unacknowledged.

        Args: timeout in seconds. Raises: WaitTimeoutError.
        """
        self._wait("wait_until_empty", queue, lambda state: not state.messages, "an empty queue", timeout)

    def wait_for_consumers(self, queue: str, consumers: int = 1, timeout: float = WAIT_S) -> None:
        """Waits until a queue, which may not be there yet, has at least so many consumers.

        Args: timeout in seconds. Raises: WaitTimeoutError.
        """
        wanted = f"{consumers} consumers or more"
        self._wait("wait_for_consumers", queue, lambda state: state.consumers >= consumers, wanted, timeout)

    def wait_for_connections(self, connections: int = 1, timeout: float = WAIT_S) -> None:
        """Waits until exactly so many connections to the vhost are open.

        Args: timeout in seconds. Raises: WaitTimeoutError.
        """
        refuse_in_loop("wait_for_connections")
        wait_for(
            self.connections, lambda found: len(found) == connections, timeout,
            lambda found: f"there are {len(found)} connections to vhost {self.vhost!r}, not {connections}",
        )  # fmt: skip

    def _wait(self, method: str, queue: str, is_it: Any, wanted: str, timeout: float) -> None:
        refuse_in_loop(method)

        def what(state: QueueState | None) -> str:
            return self._no_queue(queue) if state is None else f"queue {queue!r} has {state}; awaited: {wanted}"

        wait_for(
            partial(self.server.queue_state, self.vhost, queue), lambda state: state is not None and is_it(state),
            timeout, what,
        )  # fmt: skip

    # ---- changing

    def declare(
        self, queue: str, *, durable: bool = True, auto_delete: bool = False, arguments: Mapping[str, Any] | None = None
    ) -> None:
        """Declares a queue. Raises: RefusedError with RabbitMQ's text."""
        self._client.declare(self.port, queue, durable, auto_delete, arguments or {})

    def bind(self, queue: str, exchange: str, routing_key: str = "") -> None:
        """Binds a queue to an exchange. Raises: RefusedError with RabbitMQ's text."""
        self._client.bind(self.port, queue, exchange, routing_key)

    def publish(
        self, body: bytes | str, routing_key: str, *, exchange: str = "", persistent: bool = True, **properties: Any
    ) -> None:
        """Publishes a message and waits for its confirm; `routing_key` is the queue where no exchange is given.

        Args: properties are AMQP's, such as content_type, headers, expiration ("5000": a text, in ms) and priority.
        Raises: RefusedError where no queue takes it.
        """
        data = body.encode() if isinstance(body, str) else body
        mode = {"delivery_mode": PERSISTENT} if persistent else {}
        self._client.publish(self.port, exchange, routing_key, data, {**mode, **properties})

    def purge(self, queue: str) -> int:
        """Drops what waits in a queue; returns how many messages that was. Raises: RefusedError."""
        return self._client.purge(self.port, queue)

    # ---- the broker's own life

    def restart(self) -> None:
        """Stops the broker as on SIGTERM, and starts it on the same port; what is durable survives."""
        self._client.close()
        self.server.restart()

    def kill(self) -> None:
        """Ends the broker's process with SIGKILL; `restart` starts it again. Raises: NotInThisModeError in-process."""
        self._client.close()
        self.server.kill()


class AsyncWaits:
    """The waits of a Broker for tests that run in an event loop, which goes on meanwhile."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def wait_for_depth(self, queue: str, depth: int, timeout: float = WAIT_S) -> None:
        """As `Broker.wait_for_depth`."""
        await asyncio.to_thread(self._broker.wait_for_depth, queue, depth, timeout)

    async def wait_until_empty(self, queue: str, timeout: float = WAIT_S) -> None:
        """As `Broker.wait_until_empty`."""
        await asyncio.to_thread(self._broker.wait_until_empty, queue, timeout)

    async def wait_for_consumers(self, queue: str, consumers: int = 1, timeout: float = WAIT_S) -> None:
        """As `Broker.wait_for_consumers`."""
        await asyncio.to_thread(self._broker.wait_for_consumers, queue, consumers, timeout)

    async def wait_for_connections(self, connections: int = 1, timeout: float = WAIT_S) -> None:
        """As `Broker.wait_for_connections`."""
        await asyncio.to_thread(self._broker.wait_for_connections, connections, timeout)
