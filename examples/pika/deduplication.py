"""Deduplication: a message that is sent twice, since its sender could not know better, is taken once.

    $ python examples/pika/deduplication.py
    sent: order-1 order-2 order-1
    taken by the exchange: order-1 order-2
    a job that waits is not queued again: 1 waiting
    once it is done it may come again: 1 waiting

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
EXCHANGE = "example.orders.once"
JOBS = "example.jobs"


def identified(identity: str) -> pika.BasicProperties:
    return pika.BasicProperties(headers={"x-deduplication-header": identity})


def drained(channel, queue: str) -> list[str]:
    found = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return found
        found.append(body.decode())


def waiting(channel) -> int:
    return channel.queue_declare(JOBS, passive=True).method.message_count


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()  # a message that is sent again is confirmed too

        window = {"x-cache-size": 100_000, "x-cache-ttl": 3_600_000}  # the last 100,000 orders, for an hour
        channel.exchange_declare(EXCHANGE, "x-message-deduplication", auto_delete=True, arguments=window)
        orders = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(orders, EXCHANGE)
        sent = ["order-1", "order-2", "order-1"]
        for order in sent:
            channel.basic_publish(EXCHANGE, "", order.encode(), identified(order))
        print("sent:", *sent)
        print("taken by the exchange:", *drained(channel, orders))

        channel.queue_declare(JOBS, exclusive=True, arguments={"x-message-deduplication": True})
        for _ in range(3):
            channel.basic_publish("", JOBS, b"rebuild the index", identified("rebuild"))
        print("a job that waits is not queued again:", waiting(channel), "waiting")
        drained(channel, JOBS)
        channel.basic_publish("", JOBS, b"rebuild the index", identified("rebuild"))
        print("once it is done it may come again:", waiting(channel), "waiting")


if __name__ == "__main__":
    main()
