"""Consistent hash: orders are shared among queues, and all messages of one customer stay in one queue, in order.

    $ python examples/pika/consistent_hash.py
    every customer has one queue: True
    each customer's messages are in order: True
    with a fourth queue, customers that moved to another old queue: 0

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
EXCHANGE = "example.orders"
QUEUES = ["example.orders.1", "example.orders.2", "example.orders.3", "example.orders.4"]
CUSTOMERS = [f"customer-{number}" for number in range(40)]


def add(channel, queue: str) -> None:
    channel.queue_declare(queue, exclusive=True)
    channel.queue_bind(queue, EXCHANGE, routing_key="1")  # the weight: a queue with "2" gets twice as much


def publish(channel) -> dict[str, list[tuple[str, str]]]:
    """Sends two messages of each customer; returns what each queue got, as (customer, step)."""
    for step in ("paid", "shipped"):
        for customer in CUSTOMERS:
            channel.basic_publish(EXCHANGE, customer, step.encode())
    taken: dict[str, list[tuple[str, str]]] = {}
    for queue in QUEUES:
        while True:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                break
            taken.setdefault(queue, []).append((method.routing_key, body.decode()))
    return taken


def queue_of(taken: dict[str, list[tuple[str, str]]]) -> dict[str, set[str]]:
    return {customer: {q for q, got in taken.items() if customer in dict(got)} for customer in CUSTOMERS}


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare(EXCHANGE, "x-consistent-hash", auto_delete=True)
        channel.queue_declare(QUEUES[3], exclusive=True)
        for queue in QUEUES[:3]:
            add(channel, queue)

        taken = publish(channel)
        before = queue_of(taken)
        print("every customer has one queue:", all(len(queues) == 1 for queues in before.values()))
        in_order = all(
            [step for who, step in got if who == customer] in ([], ["paid", "shipped"])
            for got in taken.values()
            for customer in CUSTOMERS
        )
        print("each customer's messages are in order:", in_order)

        add(channel, QUEUES[3])
        after = queue_of(publish(channel))
        moved = [one for one in CUSTOMERS if after[one] != before[one] and after[one] != {QUEUES[3]}]
        print("with a fourth queue, customers that moved to another old queue:", len(moved))


if __name__ == "__main__":
    main()
