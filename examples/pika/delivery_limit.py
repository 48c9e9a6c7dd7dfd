"""Delivery limit: a message that nobody can work off leaves its queue instead of going round forever.

The consumer gives every message back, as one does that crashes over it. The header x-delivery-count says how often it
was delivered before.

    $ python examples/pika/delivery_limit.py
    delivery 1 of poison: delivered before 0 times
    delivery 2 of poison: delivered before 1 times
    delivery 3 of poison: delivered before 2 times
    in the queue now: 0

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.limited"
LIMIT = 2


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, exclusive=True, arguments={"x-delivery-limit": LIMIT})
        channel.basic_publish("", QUEUE, b"poison")
        delivery = 0
        while True:
            message, properties, body = channel.basic_get(QUEUE)
            if message is None:
                break
            delivery += 1
            count = properties.headers["x-delivery-count"]
            print(f"delivery {delivery} of {body.decode()}: delivered before {count} times")
            channel.basic_nack(message.delivery_tag, requeue=True)
        left = channel.queue_declare(QUEUE, passive=True).method.message_count
        print("in the queue now:", left)


if __name__ == "__main__":
    main()
