"""Hold until: any message can say when it is to come, without an exchange or a queue made for that.

    $ python examples/pika/hold_until.py
    at once: nothing there
    when it is due: hello

BROKER_URL names another broker than the one on this machine.
"""

import os
from datetime import UTC, datetime, timedelta

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.held"
SECONDS = 2


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, exclusive=True)
        due = datetime.now(UTC) + timedelta(seconds=SECONDS)
        properties = pika.BasicProperties(headers={"x-hold-until": due.isoformat()})
        channel.basic_publish("", QUEUE, b"hello", properties)
        message, _, _ = channel.basic_get(QUEUE, auto_ack=True)
        print("at once:", "nothing there" if message is None else "it is there too early")
        for _message, _properties, body in channel.consume(QUEUE, auto_ack=True):
            is_due = datetime.now(UTC) >= due
            print("when it is due:" if is_due else "too early:", body.decode())
            break


if __name__ == "__main__":
    main()
