"""Topics: a topic exchange matches routing keys of several words with patterns.

`*` stands for one word and `#` for any number of words. Here a key is speed.colour.species.

    $ python examples/pika/topics.py
    *.orange.* received: quick.orange.rabbit, lazy.orange.elephant, quick.orange.fox
    *.*.rabbit received: quick.orange.rabbit, lazy.pink.rabbit
    lazy.# received: lazy.orange.elephant, lazy.pink.rabbit, lazy.brown.old.fox

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
EXCHANGE = "example.animals"
PATTERNS = ("*.orange.*", "*.*.rabbit", "lazy.#")
ANIMALS = (
    "quick.orange.rabbit",
    "lazy.orange.elephant",
    "quick.orange.fox",
    "lazy.pink.rabbit",
    "lazy.brown.old.fox",
    "quick.brown.fox",
)


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()  # from here on basic_publish returns when the message is in its queues
        channel.exchange_declare(EXCHANGE, "topic", auto_delete=True)  # goes away with the last queue bound to it

        queues = {}
        for pattern in PATTERNS:
            queues[pattern] = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(queues[pattern], EXCHANGE, routing_key=pattern)

        for animal in ANIMALS:
            channel.basic_publish(EXCHANGE, routing_key=animal, body=b"")

        for pattern, queue in queues.items():
            print(f"{pattern} received:", ", ".join(waiting_keys(channel, queue)))


def waiting_keys(channel, queue):
    """The routing keys of all messages that wait in a queue; takes them out."""
    while (method := channel.basic_get(queue, auto_ack=True)[0]) is not None:
        yield method.routing_key


if __name__ == "__main__":
    main()
