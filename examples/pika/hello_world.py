"""Hello world: one message goes into a queue and comes out again.

    $ python examples/pika/hello_world.py
    sent: Hello World!
    received: Hello World!

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.hello"
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, exclusive=True)  # an exclusive queue goes away with its connection

        channel.basic_publish(exchange="", routing_key=QUEUE, body=b"Hello World!")
        print("sent: Hello World!")

        _, _, body = next(channel.consume(QUEUE, auto_ack=True, inactivity_timeout=PATIENCE_SECONDS))
        print("received:", body.decode())


if __name__ == "__main__":
    main()
