"""Dead letters: what is rejected, too old or returned too often goes to another queue, and says why.

    $ python examples/pika/dead_letters.py
    order 1: rejected in example.orders, 1 time
    order 2: expired in example.orders, 1 time
    order 3: delivery_limit in example.orders, 1 time

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE, EXCHANGE, DEAD = "example.orders", "example.dead", "example.dead-orders"
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, exchange_type="fanout", auto_delete=True)
        channel.queue_declare(DEAD, exclusive=True)
        channel.queue_bind(DEAD, EXCHANGE)
        arguments = {"x-dead-letter-exchange": EXCHANGE, "x-delivery-limit": 2}
        channel.queue_declare(QUEUE, exclusive=True, arguments=arguments)
        dead_letters = channel.consume(DEAD, auto_ack=True, inactivity_timeout=PATIENCE_SECONDS)

        channel.basic_publish("", QUEUE, b"order 1")
        order, _, _ = channel.basic_get(QUEUE)
        channel.basic_reject(order.delivery_tag, requeue=False)
        show(next(dead_letters))

        channel.basic_publish("", QUEUE, b"order 2", pika.BasicProperties(expiration="50"))
        show(next(dead_letters))

        channel.basic_publish("", QUEUE, b"order 3")
        for _ in range(3):
            order, _, _ = channel.basic_get(QUEUE)
            channel.basic_nack(order.delivery_tag, requeue=True)
        show(next(dead_letters))


def show(dead_letter: tuple) -> None:
    _, properties, body = dead_letter
    death = properties.headers["x-death"][0]
    print(f"{body.decode()}: {death['reason']} in {death['queue']}, {death['count']} time")


if __name__ == "__main__":
    main()
