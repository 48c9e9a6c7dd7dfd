"""Publishes and consumes through pika's BlockingConnection."""

from __future__ import annotations

import pika

from bench.clients.phases import BATCH, PREFETCH, Request, for_seconds, phase, read_request, tell, tell_started


def publish(channel: pika.adapters.blocking_connection.BlockingChannel, request: Request) -> int:
    """Publishes for the time asked for; ends when the broker has taken everything."""
    body, properties = b"x" * request.size_bytes, pika.BasicProperties(delivery_mode=2)

    def batch() -> None:
        for _ in range(BATCH):
            channel.basic_publish("", request.queue, body, properties)

    count = for_seconds(request.seconds, batch)
    channel.queue_declare(request.queue, passive=True)
    return count


def consume(channel: pika.adapters.blocking_connection.BlockingChannel, request: Request, messages: int) -> int:
    """Takes that many messages, acked one by one."""
    channel.basic_qos(prefetch_count=PREFETCH)
    taken = 0
    for method, _, _ in channel.consume(request.queue):
        channel.basic_ack(method.delivery_tag)
        taken += 1
        if taken == messages:
            break
    channel.cancel()
    return taken


def main() -> None:
    """Runs both phases."""
    request = read_request()
    login = pika.PlainCredentials("guest", "guest")
    connection = pika.BlockingConnection(pika.ConnectionParameters(request.host, request.port, credentials=login))
    channel = connection.channel()
    channel.queue_delete(request.queue)
    channel.queue_declare(request.queue, durable=True)
    tell_started()
    figures = phase("publish", request.pids, lambda: publish(channel, request))
    messages = int(figures["publish_messages"] or 0)
    figures |= phase("consume", request.pids, lambda: consume(channel, request, messages))
    channel.queue_delete(request.queue)
    connection.close()
    tell(figures)


if __name__ == "__main__":
    main()
