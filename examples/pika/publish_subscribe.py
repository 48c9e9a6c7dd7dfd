"""Publish/subscribe: a fanout exchange copies every message to every subscriber's queue.

    $ python examples/pika/publish_subscribe.py
    screen received: the sun rises
    screen received: the sun sets
    file received: the sun rises
    file received: the sun sets

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
EXCHANGE = "example.news"
NEWS = ("the sun rises", "the sun sets")
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "fanout", auto_delete=True)  # goes away with the last queue bound to it

        queues = {}
        for subscriber in ("screen", "file"):
            queue = channel.queue_declare("", exclusive=True).method.queue  # the broker invents the name
            channel.queue_bind(queue, EXCHANGE)
            queues[subscriber] = queue

        for item in NEWS:
            channel.basic_publish(EXCHANGE, routing_key="", body=item.encode())

        for subscriber, queue in queues.items():
            messages = channel.consume(queue, auto_ack=True, inactivity_timeout=PATIENCE_SECONDS)
            for _ in NEWS:
                _, _, body = next(messages)
                print(f"{subscriber} received:", body.decode())
            channel.cancel()


if __name__ == "__main__":
    main()
