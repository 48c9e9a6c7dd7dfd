"""Priority queue: waiting messages leave the queue by priority, not in the order of their arrival.

    $ python examples/pika/priority_queue.py
    sent: 80
    sent: 70
    sent: 90
    received: 90
    received: 80
    received: 70

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.priority"
PRIORITIES = (80, 70, 90)
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, exclusive=True, arguments={"x-max-priority": 100})

        for priority in PRIORITIES:
            channel.basic_publish("", QUEUE, b"", pika.BasicProperties(priority=priority))
            print("sent:", priority)

        messages = channel.consume(QUEUE, auto_ack=True, inactivity_timeout=PATIENCE_SECONDS)
        for _ in PRIORITIES:
            _, properties, _ = next(messages)
            print("received:", properties.priority)


if __name__ == "__main__":
    main()
