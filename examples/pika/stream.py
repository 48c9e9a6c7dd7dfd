"""A stream: messages stay, every consumer reads them for itself, and one with a name goes on where it was.

    $ python examples/pika/stream.py
    audit reads everything: order 0, order 1, order 2, order 3, order 4
    billing reads three: order 0, order 1, order 2
    billing goes on: order 3, order 4
    replay from offset 3: order 3, order 4
    only eu: order 1, order 3

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

STREAM = "example.orders"
PATIENCE_SECONDS = 10


def read(connection, count, **arguments):
    """The first `count` messages that a consumer with these arguments gets; each is acknowledged."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)  # a stream's consumers need one; hundreds are usual
    found = []

    def take(_channel, method, _properties, body):
        if len(found) < count:
            found.append(body.decode())
            channel.basic_ack(method.delivery_tag)

    given = {f"x-stream-{name.replace('_', '-')}": value for name, value in arguments.items()}
    channel.basic_consume(STREAM, take, arguments=given)
    while len(found) < count:
        connection.process_data_events(time_limit=PATIENCE_SECONDS)
    channel.close()
    return ", ".join(found)


def main():
    parameters = pika.URLParameters(os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F"))
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(STREAM, durable=True, arguments={"x-queue-type": "stream", "x-max-age": "7D"})
        for number in range(5):
            headers = {"x-stream-filter-value": "eu" if number % 2 else "us"}
            channel.basic_publish("", STREAM, f"order {number}", pika.BasicProperties(headers=headers))

        print("audit reads everything:", read(connection, 5, offset="first"))
        print("billing reads three:", read(connection, 3, offset="first", consumer_name="billing"))
        print("billing goes on:", read(connection, 2, offset="first", consumer_name="billing"))
        print("replay from offset 3:", read(connection, 2, offset=3))
        print("only eu:", read(connection, 2, offset="first", filter="eu"))
        channel.queue_delete(STREAM)


if __name__ == "__main__":
    main()
