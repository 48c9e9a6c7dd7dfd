"""Length limits: the oldest messages go, or new ones are refused and their publisher is told.

    $ python examples/pika/length_limit.py
    five into a queue of at most three: 2, 3, 4
    five into one that refuses: taken 0, 1, 2, refused 3, 4

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika
from pika.exceptions import NackError

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
LATEST, BUFFER = "example.latest", "example.buffer"


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(LATEST, exclusive=True, arguments={"x-max-length": 3})
        for number in range(5):
            channel.basic_publish("", LATEST, str(number).encode())
        kept = [channel.basic_get(LATEST, auto_ack=True)[2].decode() for _ in range(3)]
        print("five into a queue of at most three:", ", ".join(kept))

        arguments = {"x-max-length": 3, "x-overflow": "reject-publish"}
        channel.queue_declare(BUFFER, exclusive=True, arguments=arguments)
        taken, refused = [], []
        for number in range(5):
            try:
                channel.basic_publish("", BUFFER, str(number).encode())
                taken.append(str(number))
            except NackError:
                refused.append(str(number))
        print(f"five into one that refuses: taken {', '.join(taken)}, refused {', '.join(refused)}")


if __name__ == "__main__":
    main()
