"""Publishes and consumes through kombu, with its defaults: py-amqp, a direct exchange, JSON, persistent messages."""

from __future__ import annotations

import kombu

from bench.clients.phases import BATCH, PREFETCH, Request, for_seconds, phase, read_request, tell, tell_started


def publish(channel: object, queue: kombu.Queue, request: Request) -> int:
    """Publishes for the time asked for; ends when the broker has taken everything."""
    producer = kombu.Producer(channel, exchange=queue.exchange, routing_key=queue.routing_key)
    body = {"text": "x" * (request.size_bytes - len('{"text": ""}'))}

    def batch() -> None:
        for _ in range(BATCH):
            producer.publish(body)

    count = for_seconds(request.seconds, batch)
    queue.bind(channel).queue_declare(passive=True)
    return count


def consume(connection: kombu.Connection, channel: object, queue: kombu.Queue, messages: int) -> int:
    """Takes that many messages, acked one by one."""
    taken = 0

    def on_message(_body: object, message: kombu.Message) -> None:
        nonlocal taken
        taken += 1
        message.ack()

    with kombu.Consumer(channel, [queue], callbacks=[on_message], prefetch_count=PREFETCH):
        while taken < messages:
            connection.drain_events()
    return taken


def main() -> None:
    """Runs both phases."""
    request = read_request()
    with kombu.Connection(request.url) as connection:
        channel = connection.channel()
        queue = kombu.Queue(request.queue, kombu.Exchange(request.queue, "direct"), request.queue)
        bound = queue.bind(channel)
        bound.delete()
        bound.declare()
        tell_started()
        figures = phase("publish", request.pids, lambda: publish(channel, queue, request))
        messages = int(figures["publish_messages"] or 0)
        figures |= phase("consume", request.pids, lambda: consume(connection, channel, queue, messages))
        bound.delete()
        bound.exchange.delete()
    tell(figures)


if __name__ == "__main__":
    main()
