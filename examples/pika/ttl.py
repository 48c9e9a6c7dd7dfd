"""Message TTL: a message goes at its own time, whatever stands in front of it.

    $ python examples/pika/ttl.py
    three messages, the second with a life of 200 ms: 3
    when that has passed: first, third
    of a queue with a TTL of 100 ms nothing is left: 0

BROKER_URL names another broker than the one on this machine.
"""

import os
import time

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE, SHORT_LIVED = "example.offers", "example.news"
PATIENCE_SECONDS = 10


def count(channel, queue):
    return channel.queue_declare(queue, passive=True).method.message_count


def wait_for(channel, queue, expected):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count(channel, queue) != expected and time.monotonic() < deadline:
        time.sleep(0.01)


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(QUEUE, exclusive=True)
        for body, life_ms in (("first", None), ("second", "200"), ("third", None)):
            channel.basic_publish("", QUEUE, body.encode(), pika.BasicProperties(expiration=life_ms))
        print("three messages, the second with a life of 200 ms:", count(channel, QUEUE))

        wait_for(channel, QUEUE, 2)
        left = [channel.basic_get(QUEUE, auto_ack=True)[2].decode() for _ in range(2)]
        print("when that has passed:", ", ".join(left))

        channel.queue_declare(SHORT_LIVED, exclusive=True, arguments={"x-message-ttl": 100})
        channel.basic_publish("", SHORT_LIVED, b"old news")
        wait_for(channel, SHORT_LIVED, 0)
        print("of a queue with a TTL of 100 ms nothing is left:", count(channel, SHORT_LIVED))


if __name__ == "__main__":
    main()
