"""Durable queue: a message waits for its receiver after its sender has gone.

The queue is durable and the message persistent, so a broker that keeps both on disk may restart in between.

    $ python examples/pika/durable_queue.py send
    sent: the report for Monday

    $ python examples/pika/durable_queue.py receive
    received: the report for Monday
    nothing more is waiting

Without an argument it does both, each on a connection of its own:

    $ python examples/pika/durable_queue.py
    sent: the report for Monday
    received: the report for Monday
    nothing more is waiting

BROKER_URL names another broker than the one on this machine.
"""

import argparse
import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.durable"
REPORT = "the report for Monday"


def send() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()  # from here on basic_publish returns when the broker has taken the message over
        channel.queue_declare(QUEUE, durable=True)
        persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        channel.basic_publish("", QUEUE, REPORT.encode(), persistent)
        print("sent:", REPORT)


def receive() -> None:
    """Takes all that waits, then deletes the queue, which would otherwise stay for good."""
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True)
        while True:
            method, _, body = channel.basic_get(QUEUE)
            if method is None:
                break
            print("received:", body.decode())
            channel.basic_ack(method.delivery_tag)
        print("nothing more is waiting")
        channel.queue_delete(QUEUE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sends a message into a durable queue and receives it.")
    parser.add_argument("side", nargs="?", choices=["send", "receive"], help="which side to be (default: both)")
    side = parser.parse_args().side
    if side != "receive":
        send()
    if side != "send":
        receive()
