"""Work queue: two workers share the tasks of one queue, and a busy worker gets no second one.

Worker 1 has a long task. It asked for one unacknowledged task at a time (prefetch 1), so worker 2 gets all the others.

    $ python examples/pika/work_queue.py
    worker 1 starts: long task
    worker 2 has done: short task A
    worker 2 has done: short task B
    worker 2 has done: short task C
    worker 1 has done: long task

BROKER_URL names another broker than the one on this machine.
"""

import os

import pika

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
QUEUE = "example.tasks"
PATIENCE_SECONDS = 10


def main() -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        worker_1, worker_2 = connection.channel(), connection.channel()
        worker_1.queue_declare(QUEUE, exclusive=True)
        for task in ("long task", "short task A", "short task B", "short task C"):
            worker_1.basic_publish(exchange="", routing_key=QUEUE, body=task.encode())

        worker_1.basic_qos(prefetch_count=1)
        long_task, _, body = next(worker_1.consume(QUEUE, inactivity_timeout=PATIENCE_SECONDS))
        print("worker 1 starts:", body.decode())

        worker_2.basic_qos(prefetch_count=1)
        tasks = worker_2.consume(QUEUE, inactivity_timeout=PATIENCE_SECONDS)
        for _ in range(3):
            short_task, _, body = next(tasks)
            print("worker 2 has done:", body.decode())
            worker_2.basic_ack(short_task.delivery_tag)

        print("worker 1 has done: long task")
        worker_1.basic_ack(long_task.delivery_tag)


if __name__ == "__main__":
    main()
