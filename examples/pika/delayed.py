"""Delayed messages: an exchange holds each one for as long as its header x-delay says, then routes it.

    $ python examples/pika/delayed.py
    sent: long, short, none
    received: none
    received: short, delayed for 200 ms
    received: long, delayed for 400 ms

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
EXCHANGE = "example.delayed"
QUEUE = "example.delayed"
DELAYS_MS = {"long": 400, "short": 200, "none": 0}


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "x-delayed-message", arguments={"x-delayed-type": "direct"})
        channel.queue_declare(QUEUE, exclusive=True)
        channel.queue_bind(QUEUE, EXCHANGE, QUEUE)
        for name, delay_ms in DELAYS_MS.items():
            properties = pika.BasicProperties(headers={"x-delay": delay_ms})
            channel.basic_publish(EXCHANGE, QUEUE, name.encode(), properties)
        print("sent:", ", ".join(DELAYS_MS))
        left = len(DELAYS_MS)
        for _message, properties, body in channel.consume(QUEUE, auto_ack=True):
            delay_ms = -properties.headers["x-delay"]  # negated in what was delayed
            print(f"received: {body.decode()}" + (f", delayed for {delay_ms} ms" if delay_ms else ""))
            left -= 1
            if not left:
                break
        channel.exchange_delete(EXCHANGE)


if __name__ == "__main__":
    main()
