"""A pika publisher with confirms that can be blocked, and a reader, for the tests of full disks."""

from __future__ import annotations

from collections.abc import Callable

import pika

from tests.clients.conftest import parameters
from tests.clients.support import until
from tests.support.brokers import RestartableBroker, RunningBroker

BODY_BYTES = 16 * 1024
WINDOW = 20
PUMP_S = 0.02
PERSISTENT = pika.BasicProperties(delivery_mode=2)


def connect(broker: RestartableBroker) -> pika.BlockingConnection:
    running = RunningBroker(broker.host, broker.port, broker.data_dir)
    return pika.BlockingConnection(parameters(running, blocked_connection_timeout=None))


def body(number: int) -> bytes:
    return b"%d " % number + b"x" * BODY_BYTES


def number_of(content: bytes) -> int:
    return int(content.split(b" ")[0])


class Filler:
    """Publishes numbered persistent messages to one durable queue and notes what became of each."""

    def __init__(self, broker: RestartableBroker, queue: str) -> None:
        self.connection = connect(broker)
        self.queue = queue
        self.sent = 0
        self.acked: set[int] = set()
        self.nacked: set[int] = set()
        self.reasons: list[str] = []
        self.is_blocked = False
        self.connection.add_on_connection_blocked_callback(self._blocked)
        self.connection.add_on_connection_unblocked_callback(self._unblocked)
        self._channel = self.connection.channel()
        self._channel._impl.confirm_delivery(self._confirmed)
        self.pump()

    def _blocked(self, _connection: object, frame: pika.frame.Method) -> None:
        self.is_blocked = True
        self.reasons.append(frame.method.reason)

    def _unblocked(self, *_: object) -> None:
        self.is_blocked = False

    def _confirmed(self, frame: pika.frame.Method) -> None:
        method = frame.method
        settled = self.acked | self.nacked
        first = min(set(range(1, method.delivery_tag + 1)) - settled) if method.multiple else method.delivery_tag
        numbers = set(range(first, method.delivery_tag + 1)) - settled
        (self.acked if isinstance(method, pika.spec.Basic.Ack) else self.nacked).update(numbers)

    def pump(self) -> None:
        self.connection.process_data_events(PUMP_S)

    def open_count(self) -> int:
        return self.sent - len(self.acked) - len(self.nacked)

    def publish_one(self) -> None:
        self.sent += 1
        self._channel.basic_publish("", self.queue, body(self.sent), PERSISTENT)

    def publish_until_blocked(self, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """Keeps a window of messages open, as long as that may be, until the broker says that it is blocked."""

        def step() -> None:
            while may_go_on() and not self.is_blocked and self.open_count() < WINDOW:
                self.publish_one()
            self.pump()

        until(lambda: self.is_blocked, step)

    def publish_confirmed(self, count: int) -> None:
        """Publishes, and waits until as many have been confirmed."""
        wanted = len(self.acked) + count

        def step() -> None:
            if not self.is_blocked and self.open_count() < WINDOW and len(self.acked) + self.open_count() < wanted:
                self.publish_one()
            self.pump()

        until(lambda: len(self.acked) >= wanted, step)

    def settle(self) -> None:
        """Waits until everything sent has been confirmed or refused."""
        until(lambda: not self.open_count(), self.pump)


def take(broker: RestartableBroker, queue: str, count: int) -> list[int]:
    """Takes and acknowledges so many messages, one by one; returns their numbers."""
    connection = connect(broker)
    channel = connection.channel()
    channel.basic_qos(prefetch_count=20)
    numbers: list[int] = []
    for method, _, content in channel.consume(queue, inactivity_timeout=15):
        assert method is not None, "waited in vain for a message"
        numbers.append(number_of(content))
        channel.basic_ack(method.delivery_tag)
        if len(numbers) == count:
            break
    connection.close()
    return numbers


def take_all(broker: RestartableBroker, queue: str) -> set[int]:
    """Everything that waits in a queue that nobody publishes to."""
    connection = connect(broker)
    channel = connection.channel()
    left = channel.queue_declare(queue, passive=True).method.message_count
    connection.close()
    return set(take(broker, queue, left)) if left else set()
