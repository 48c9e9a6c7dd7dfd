"""Routing: a direct exchange gives a message to the queues that were bound with its routing key.

    $ python examples/pika/routing.py
    pager received error: the disk is full
    journal received info: the disk is in use
    journal received warning: the disk is nearly full
    journal received error: the disk is full

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
EXCHANGE = "example.logs"
LEVELS_OF = {"pager": ["error"], "journal": ["info", "warning", "error"]}
LOG = {"info": "the disk is in use", "warning": "the disk is nearly full", "error": "the disk is full"}
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "direct", auto_delete=True)  # goes away with the last queue bound to it

        queues = {}
        for reader, levels in LEVELS_OF.items():
            queues[reader] = channel.queue_declare("", exclusive=True).method.queue
            for level in levels:
                channel.queue_bind(queues[reader], EXCHANGE, routing_key=level)

        for level, text in LOG.items():
            channel.basic_publish(EXCHANGE, routing_key=level, body=text.encode())

        for reader, levels in LEVELS_OF.items():
            messages = channel.consume(queues[reader], auto_ack=True, inactivity_timeout=PATIENCE_SECONDS)
            for _ in levels:
                method, _, body = next(messages)
                print(f"{reader} received {method.routing_key}:", body.decode())
            channel.cancel()


if __name__ == "__main__":
    main()
