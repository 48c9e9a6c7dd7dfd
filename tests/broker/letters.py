"""What tests of dead letters share: a client and the words for what it does most. Must not: decide what is right."""

from __future__ import annotations

from typing import Any

from pamqp.commands import Basic, Queue
from pamqp.header import ContentHeader

from tests.support.sansio import Received, SansBroker, SansClient, publish_frames


class Desk:
    """A channel of a client of a broker in memory."""

    def __init__(self, broker: SansBroker | None = None) -> None:
        self.broker = broker or SansBroker()
        self.client: SansClient = self.broker.connect().open()
        self.client.channel()

    def queue(self, name: str, durable: bool = False, **arguments: Any) -> str:
        """Declares one; `dead_letter_exchange` is the argument x-dead-letter-exchange."""
        table = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
        answer = self.client.answer(1, Queue.Declare(queue=name, durable=durable, arguments=table))
        assert isinstance(answer, Queue.DeclareOk), answer
        return name

    def publish(self, queue: str, *bodies: str, exchange: str = "", **properties: Any) -> None:
        """Messages for a queue."""
        given = Basic.Properties(**properties)
        self.client.send(b"".join(publish_frames(1, exchange, queue, body.encode(), given) for body in bodies))
        self.broker.turn()

    def get(self, queue: str, no_ack: bool = True) -> Received | None:
        """One message, or None."""
        received = self.client.call(1, Basic.Get(queue=queue, no_ack=no_ack))[-1]
        return None if isinstance(received.frame, Basic.GetEmpty) else received

    def got(self, queue: str) -> Received:
        """One message that has to be there, settled."""
        received = self.get(queue)
        assert received is not None, f"nothing in {queue}"
        return received

    def reject(self, queue: str, count: int = 1, requeue: bool = False) -> None:
        """Gets so many messages, and gives them back or refuses them for good."""
        tags = [self.held(queue) for _ in range(count)]
        for tag in tags:
            self.client.method(1, Basic.Reject(delivery_tag=tag, requeue=requeue))
        self.broker.turn()

    def held(self, queue: str) -> int:
        """The delivery tag of a message that is got and not settled."""
        received = self.get(queue, no_ack=False)
        assert received is not None, f"nothing in {queue}"
        assert isinstance(received.frame, Basic.GetOk)
        return received.frame.delivery_tag

    def bodies(self, queue: str) -> list[str]:
        """Everything ready in a queue, taken out."""
        found = []
        while (received := self.get(queue)) is not None:
            found.append(received.body.decode())
        return found


def properties(received: Received) -> Basic.Properties:
    """The properties as a client decodes them."""
    header = ContentHeader()
    header.unmarshal(b"\x00\x3c\x00\x00" + bytes(8) + received.properties)
    return header.properties


def headers(received: Received) -> dict[str, Any]:
    """The headers as a client decodes them."""
    return dict(properties(received).headers or {})


def deaths(received: Received) -> list[tuple[str, str, int]]:
    """Queue, reason and count of each death, the newest first."""
    return [(death["queue"], death["reason"], death["count"]) for death in headers(received)["x-death"]]
