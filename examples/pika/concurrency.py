"""Concurrency and rate: a queue's messages are worked on two at a time, whatever the consumers could take.

    $ python examples/pika/concurrency.py
    two consumers, no prefetch: 2 of 5 messages
    one acknowledged, one more: 3
    the queue waits for: concurrency

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.payments"
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        got = []
        channel = connection.channel()
        channel.queue_declare(QUEUE, exclusive=True, arguments={"x-concurrency-max": 2})
        for _ in range(2):
            channel.basic_consume(QUEUE, lambda _channel, method, _properties, _body: got.append(method.delivery_tag))
        for number in range(5):
            channel.basic_publish("", QUEUE, str(number).encode())

        while len(got) < 2:
            connection.process_data_events(PATIENCE_SECONDS)
        print("two consumers, no prefetch:", len(got), "of 5 messages")

        channel.basic_ack(got[0])
        while len(got) < 3:
            connection.process_data_events(PATIENCE_SECONDS)
        print("one acknowledged, one more:", len(got))

        ready = channel.queue_declare(QUEUE, passive=True).method.message_count
        print("the queue waits for:", "concurrency" if ready == 2 else "nothing")


if __name__ == "__main__":
    main()
