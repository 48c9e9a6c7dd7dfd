"""Live prefetch (with py-amqp, which Celery and kombu use): basic.qos changes a consumer that is running.

    $ python examples/pika/live_prefetch.py
    prefetch 1: 1 of 5 messages
    prefetch 3: 3 of 5 messages

BROKER_URL names another broker than the one on this machine.
"""

import os
from urllib.parse import unquote, urlsplit

import amqp

URL = urlsplit(os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F"))
PATIENCE_SECONDS = 10


def main() -> None:
    with amqp.Connection(
        f"{URL.hostname}:{URL.port or 5672}", URL.username or "guest", URL.password or "guest",
        virtual_host=unquote(URL.path[1:]),
    ) as connection:  # fmt: skip
        channel = connection.channel()
        queue = channel.queue_declare(exclusive=True).queue
        for number in range(5):
            channel.basic_publish(amqp.Message(str(number)), routing_key=queue)

        got = []
        channel.basic_qos(0, 1, a_global=False)
        channel.basic_consume(queue, callback=got.append)
        while len(got) < 1:
            connection.drain_events(timeout=PATIENCE_SECONDS)
        print("prefetch 1:", len(got), "of 5 messages")

        channel.basic_qos(0, 3, a_global=False)
        while len(got) < 3:
            connection.drain_events(timeout=PATIENCE_SECONDS)
        print("prefetch 3:", len(got), "of 5 messages")


if __name__ == "__main__":
    main()
