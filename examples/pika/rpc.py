"""RPC: a caller sends requests through a queue and waits for each reply in a queue of its own.

    $ python examples/pika/rpc.py
    fibonacci(10) = 55
    fibonacci(20) = 6765
    fibonacci(30) = 832040

BROKER_URL names another broker than the one on this machine.
"""

import os
import threading
import uuid

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.fibonacci"
NUMBERS = (10, 20, 30)
PATIENCE_SECONDS = 10


def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def serve(requests: int) -> None:
    """Answers that many requests, on a connection of its own as a server elsewhere would."""
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        waiting = channel.consume(QUEUE, inactivity_timeout=PATIENCE_SECONDS)
        for _ in range(requests):
            method, request, body = next(waiting)
            reply = pika.BasicProperties(correlation_id=request.correlation_id)
            channel.basic_publish("", request.reply_to, str(fibonacci(int(body))).encode(), reply)
            channel.basic_ack(method.delivery_tag)


def call(channel, replies, reply_queue: str, n: int) -> int:
    """Asks the server and waits for the reply that carries the request's id."""
    request_id = str(uuid.uuid4())
    request = pika.BasicProperties(reply_to=reply_queue, correlation_id=request_id)
    channel.basic_publish("", QUEUE, str(n).encode(), request)
    while True:
        _, properties, body = next(replies)
        if properties.correlation_id == request_id:
            return int(body)


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, auto_delete=True)  # goes away when the server stops consuming
        server = threading.Thread(target=serve, args=[len(NUMBERS)], daemon=True)
        server.start()

        reply_queue = channel.queue_declare("", exclusive=True).method.queue
        replies = channel.consume(reply_queue, auto_ack=True, inactivity_timeout=PATIENCE_SECONDS)
        for n in NUMBERS:
            print(f"fibonacci({n}) =", call(channel, replies, reply_queue, n))
        server.join()


if __name__ == "__main__":
    main()
