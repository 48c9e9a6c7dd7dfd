"""One channel of a `RawConnection`, with a word for what tests do most.

Must not: hide a frame or decide what is right; `expect_…` and `refuses` say what the test said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pamqp.commands import Basic, Channel, Confirm, Exchange, Queue

from tests.support.raw_frames import (
    OVERHEAD_BYTES,
    AnyMethod,
    Content,
    Method,
    check_close,
    content_bytes,
    loose,
    method_bytes,
    method_id,
)

if TYPE_CHECKING:
    from tests.support.raw import RawConnection


class RawChannel:
    """A channel number on a connection; open it first."""

    def __init__(self, connection: RawConnection, number: int) -> None:
        self.connection = connection
        self.number = number

    def open(self) -> RawChannel:
        """channel.open and its answer."""
        self.call(Channel.Open(), Channel.OpenOk)
        return self

    def close(self) -> None:
        """channel.close and everything up to its answer."""
        self.send(Channel.Close(200, "done", 0, 0))
        while not isinstance(self.connection.receive(self.number), Channel.CloseOk):
            pass

    def send(self, *methods: Method) -> None:
        """Methods without waiting for an answer."""
        self.connection.send(*methods, channel=self.number)

    def call(self, method: Method, reply: type[AnyMethod]) -> AnyMethod:
        """A method and the reply that must come next."""
        self.send(method)
        return self.expect(reply)

    def expect(self, kind: type[AnyMethod]) -> Any:
        """The next method on this channel, which must be of this kind; a `Content` where it carries one."""
        return self.connection.expect(kind, self.number)

    def expect_close(self, code: int, text: str = "", ids: tuple[int, int] | None = None) -> Channel.Close:
        """channel.close with this code and this part of a text; answered with close-ok."""
        close = self.expect(Channel.Close)
        check_close(close, code, text, ids)
        self.send(Channel.CloseOk())
        return close  # type: ignore[no-any-return]

    def refuses(self, method: Method, code: int, text: str = "") -> RawChannel:
        """The method closes this channel and nothing else, naming the method; the channel is open again after."""
        self.send(method)
        self.expect_close(code, text, method_id(method))
        return self.open()

    def connection_refuses(self, method: Method, code: int, text: str = "") -> None:
        """The method closes the whole connection, naming the method."""
        self.send(method)
        self.connection.expect_close(code, text, method_id(method))

    def expect_nothing(self, queue: str | None = None) -> None:
        """Nothing was waiting on this channel, nor on its way from the queue; its own publishes are in their queues.

        The queue's answer to a passive declare comes after all that it sent before; what it sent to the channel is
        then ahead of the answer to channel.flow. (A RabbitMQ queue may answer before it took what was just published.)
        """
        if queue is not None:
            self.call(Queue.Declare(queue=queue, passive=True), Queue.DeclareOk)
        self.call(Channel.Flow(True), Channel.FlowOk)

    def publish(
        self,
        routing_key: str = "",
        body: bytes = b"",
        exchange: str = "",
        *,
        mandatory: bool = False,
        immediate: bool = False,
        properties: Basic.Properties | bytes | None = None,
        sizes: Iterable[int] | None = None,
    ) -> None:
        """basic.publish with its content in one write; `sizes` are those of the body frames in bytes."""
        method = Basic.Publish(0, exchange, routing_key, mandatory, immediate)
        split = sizes or (self.connection.frame_max - OVERHEAD_BYTES,)
        self.connection.send_raw(
            method_bytes(self.number, method) + content_bytes(self.number, body, properties, split)
        )

    def publish_all(self, routing_key: str, bodies: Iterable[bytes], exchange: str = "", **how: Any) -> None:
        """One message after another."""
        for body in bodies:
            self.publish(routing_key, body, exchange, **how)

    def declare_queue(self, queue: str = "", arguments: Mapping[str, Any] | None = None, **flags: bool) -> Any:
        """queue.declare and declare-ok."""
        return self.call(loose(Queue.Declare, queue=queue, arguments=dict(arguments or {}), **flags), Queue.DeclareOk)

    def declare_exchange(
        self, exchange: str, kind: str = "direct", arguments: Mapping[str, Any] | None = None, **flags: bool
    ) -> None:
        """exchange.declare and declare-ok."""
        self.call(
            loose(Exchange.Declare, exchange=exchange, exchange_type=kind, arguments=dict(arguments or {}), **flags),
            Exchange.DeclareOk,
        )

    def bind(
        self, queue: str, exchange: str, routing_key: str = "", arguments: Mapping[str, Any] | None = None
    ) -> None:
        """queue.bind and bind-ok."""
        self.call(Queue.Bind(0, queue, exchange, routing_key, False, dict(arguments or {})), Queue.BindOk)

    def consume(self, queue: str, tag: str = "", arguments: Mapping[str, Any] | None = None, **flags: bool) -> str:
        """basic.consume and consume-ok; the consumer tag."""
        method = Basic.Consume(queue=queue, consumer_tag=tag, arguments=dict(arguments or {}), **flags)
        return self.call(method, Basic.ConsumeOk).consumer_tag  # type: ignore[return-value]

    def qos(self, prefetch_count: int, global_: bool = False) -> None:
        """basic.qos and qos-ok."""
        self.call(Basic.Qos(0, prefetch_count, global_), Basic.QosOk)

    def get(self, queue: str, no_ack: bool = True) -> Content | None:
        """basic.get: the message or None."""
        self.send(Basic.Get(0, queue, no_ack))
        received = self.connection.receive(self.number)
        if isinstance(received, Basic.GetEmpty):
            return None
        assert isinstance(received.method, Basic.GetOk), received
        return received  # type: ignore[no-any-return]

    def drain(self, queue: str) -> list[bytes]:
        """The bodies of everything ready in the queue, taken out."""
        bodies = []
        while (content := self.get(queue)) is not None:
            bodies.append(content.body)
        return bodies

    def deliveries(self, count: int) -> list[Content]:
        """The next `count` deliveries; nothing else may come between."""
        return [self.expect(Basic.Deliver) for _ in range(count)]

    def bodies(self, count: int) -> list[bytes]:
        """The bodies of the next `count` deliveries."""
        return [delivery.body for delivery in self.deliveries(count)]

    def ack(self, tag: int, multiple: bool = False) -> None:
        """basic.ack, which has no answer."""
        self.send(Basic.Ack(tag, multiple))

    def confirm_select(self) -> None:
        """confirm.select and select-ok."""
        self.call(Confirm.Select(), Confirm.SelectOk)

    def expect_confirms(self, first: int, last: int) -> None:
        """Acks for every publish number from `first` to `last`, in any order, single or multiple."""
        waiting = set(range(first, last + 1))
        while waiting:
            ack = self.expect(Basic.Ack)
            assert ack.delivery_tag in waiting, f"{ack.delivery_tag} confirmed twice, or never published"
            waiting -= {tag for tag in waiting if tag == ack.delivery_tag or (ack.multiple and tag < ack.delivery_tag)}
