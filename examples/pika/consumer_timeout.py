"""Consumer timeout: what is not acknowledged in time goes to another consumer; the channel stays open.

    $ python examples/pika/consumer_timeout.py
    the slow worker has: task
    after its time another one gets it: task, redelivered
    the slow worker acknowledges late, and its channel is open: True

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.slow"
PATIENCE_SECONDS = 20


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        slow, other = connection.channel(), connection.channel()
        got = {"slow": [], "other": []}
        slow.queue_declare(QUEUE, exclusive=True, arguments={"x-consumer-timeout": 500})
        slow.basic_qos(prefetch_count=1)
        slow.basic_consume(QUEUE, lambda _channel, method, _properties, body: got["slow"].append((method, body)))
        other.basic_publish("", QUEUE, b"task")
        while not got["slow"]:
            connection.process_data_events(PATIENCE_SECONDS)
        print("the slow worker has:", got["slow"][0][1].decode())

        other.basic_consume(QUEUE, lambda _channel, method, _properties, body: got["other"].append((method, body)))
        while not got["other"]:
            connection.process_data_events(PATIENCE_SECONDS)
        method, body = got["other"][0]
        print("after its time another one gets it:", body.decode() + (", redelivered" if method.redelivered else ""))
        other.basic_ack(method.delivery_tag)

        slow.basic_ack(got["slow"][0][0].delivery_tag)
        slow.queue_declare(QUEUE, passive=True)
        print("the slow worker acknowledges late, and its channel is open:", slow.is_open)


if __name__ == "__main__":
    main()
