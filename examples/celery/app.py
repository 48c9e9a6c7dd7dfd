"""The Celery application of this example: two queues, direct and topic routing, and one task for each thing to show.

    $ celery --workdir examples/celery -A app worker -B -l INFO

starts a worker for both queues, and beat inside it. You see its banner with the queues example.mail and
example.reports, then "ready", then every two seconds "Task app.tick[...] succeeded": beat's task. Leave it running
and start produce.py in another terminal. Ctrl+C ends it.

BROKER_URL names another broker than the one on this machine.
"""

import os
import signal

from celery import Celery
from kombu import Exchange, Queue

URL = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//")
MAIL = "example.mail"
REPORTS = "example.reports"

mail_exchange = Exchange("example.direct", type="direct")
topic_exchange = Exchange("example.topics", type="topic")

app = Celery("app", broker=URL, backend="rpc://")
app.conf.update(
    task_queues=[
        Queue(MAIL, mail_exchange, routing_key="mail", queue_arguments={"x-max-priority": 10}),
        Queue(REPORTS, topic_exchange, routing_key="report.#"),
    ],
    task_default_queue=MAIL,
    task_default_exchange=mail_exchange.name,
    task_default_routing_key="mail",
    task_routes={"app.make_report": {"exchange": topic_exchange.name, "routing_key": "report.sales.daily"}},
    # One task at a time and none fetched ahead: priorities then decide as late as they can.
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    beat_scheduler="celery.beat:Scheduler",  # keeps its schedule in memory, not in a file
    beat_schedule={"every two seconds": {"task": "app.tick", "schedule": 2}},
    broker_transport_options={"confirm_publish": True},  # sending a task waits until the broker has it
    broker_connection_retry_on_startup=True,
)


def route(task) -> str:
    """The exchange and routing key by which a running task came."""
    info = task.request.delivery_info
    return f"{info['exchange']} {info['routing_key']}"


@app.task(bind=True)
def send_mail(self, to: str) -> str:
    return f"mail to {to} came by {route(self)}"


@app.task(bind=True)
def make_report(self, kind: str) -> str:
    return f"{kind} report came by {route(self)}"


@app.task(bind=True, max_retries=3)
def unreliable(self) -> int:
    """Fails twice; returns the number of the try that worked."""
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    return self.request.retries + 1


@app.task(rate_limit="10/s")
def limited(number: int) -> int:
    return number


@app.task(bind=True, reject_on_worker_lost=True)
def crash_once(self) -> bool:
    """Kills its own process the first time; acks_late lets the broker deliver it again, marked as redelivered."""
    if not self.request.delivery_info["redelivered"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return True


@app.task(ignore_result=True)
def tick() -> None:
    """What beat sends."""
