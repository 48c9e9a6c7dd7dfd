"""Retry with back-off: what a consumer refuses comes back after a while, each time twice as long, and at last no more.

    $ python examples/pika/retry.py
    try 1 failed
    try 2 failed
    try 3 failed
    given up: delivery_limit

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.retried"
GIVEN_UP = "example.given-up"
ARGUMENTS = {
    "x-retry-backoff-base": 50,  # ms, then 100, 200 and so on
    "x-retry-backoff-max": 1000,
    "x-retry-attempts-max": 2,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": GIVEN_UP,
}


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(GIVEN_UP, exclusive=True)
        channel.queue_declare(QUEUE, exclusive=True, arguments=ARGUMENTS)
        channel.basic_publish("", QUEUE, b"task")
        for tries, (message, _, _) in enumerate(channel.consume(QUEUE), 1):
            print(f"try {tries} failed")
            channel.basic_nack(message.delivery_tag, requeue=True)
            if tries > ARGUMENTS["x-retry-attempts-max"]:
                break
        channel.cancel()
        for _, properties, _ in channel.consume(GIVEN_UP, auto_ack=True):
            print("given up:", properties.headers["x-death"][0]["reason"])
            break


if __name__ == "__main__":
    main()
