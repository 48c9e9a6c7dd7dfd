"""Single active consumer: one of several gets all messages, in order; when it goes, the next one does.

    $ python examples/pika/single_active_consumer.py
    the first gets everything: 0, 1, 2
    it goes, and the second goes on: 3, 4

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.ledger"
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        publisher, first, second = (connection.channel() for _ in range(3))
        publisher.queue_declare(QUEUE, exclusive=True, arguments={"x-single-active-consumer": True})
        got = {"first": [], "second": []}

        def start(name, channel):
            def on_message(channel, method, _properties, body):
                got[name].append(body.decode())
                channel.basic_ack(method.delivery_tag)

            return channel.basic_consume(QUEUE, on_message)

        def publish(numbers, name):
            for number in numbers:
                publisher.basic_publish("", QUEUE, str(number).encode())
            while len(got[name]) < len(numbers):
                connection.process_data_events(PATIENCE_SECONDS)

        tag = start("first", first)
        start("second", second)
        publish(range(3), "first")
        print("the first gets everything:", ", ".join(got["first"]))

        first.basic_cancel(tag)
        publish(range(3, 5), "second")
        print("it goes, and the second goes on:", ", ".join(got["second"]))


if __name__ == "__main__":
    main()
