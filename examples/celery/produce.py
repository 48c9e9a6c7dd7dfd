"""Sends one of everything to the worker of app.py and prints what comes back; start that worker first.

    $ python examples/celery/produce.py
    direct: mail to ann came by example.direct mail
    topic: sales report came by example.topics report.sales.daily
    topic: stock report came by example.topics report.stock
    priorities: sent 1 9 5, ran 9 5 1
    retry: worked at try 3
    countdown: waited its second
    expires: did not run, it came too late
    rate limit: five tasks kept to 10/s
    acks_late: its process was killed, the task came again

BROKER_URL names another broker than the one on this machine.
"""

import time
from datetime import UTC, datetime, timedelta

from app import MAIL, app, crash_once, limited, make_report, send_mail, unreliable

PATIENCE_SECONDS = 30
PRIORITIES = (1, 9, 5)


def routing() -> None:
    """Tasks find their queue by a direct key, by a topic from the settings, and by a topic given here."""
    to_mail = {"exchange": "example.direct", "routing_key": "mail"}
    print("direct:", send_mail.apply_async(["ann"], **to_mail).get(timeout=PATIENCE_SECONDS))
    print("topic:", make_report.delay("sales").get(timeout=PATIENCE_SECONDS))
    to_stock = {"exchange": "example.topics", "routing_key": "report.stock"}
    print("topic:", make_report.apply_async(["stock"], **to_stock).get(timeout=PATIENCE_SECONDS))


def priorities() -> None:
    """While the worker looks away from the queue, three tasks pile up in it; they leave by priority."""
    app.control.cancel_consumer(MAIL, reply=True, timeout=PATIENCE_SECONDS, limit=1)
    with app.connection_for_read() as connection:  # it agrees first and stops then; the broker knows when
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while connection.default_channel.queue_declare(MAIL, passive=True).consumer_count:
            if time.monotonic() > patient_until:
                raise TimeoutError(f"somebody else consumes from {MAIL}")
            time.sleep(0.01)
    sent = {number: send_mail.apply_async(["bob"], priority=number) for number in PRIORITIES}
    app.control.add_consumer(MAIL, reply=True, timeout=PATIENCE_SECONDS, limit=1)
    for result in sent.values():
        result.get(timeout=PATIENCE_SECONDS)
    ran = sorted(sent, key=lambda number: sent[number].date_done)
    print("priorities: sent", *PRIORITIES, end=", ")
    print("ran", *ran)


def waiting() -> None:
    """A retry, a task for later, and one that is too old to run."""
    print("retry: worked at try", unreliable.delay().get(timeout=PATIENCE_SECONDS))

    started = time.monotonic()
    send_mail.apply_async(["cleo"], countdown=1).get(timeout=PATIENCE_SECONDS)
    print("countdown:", "waited its second" if time.monotonic() - started >= 1 else "came too early")

    # Too old already: the broker drops it, or the worker if that was quicker. The task behind it does run.
    late = send_mail.apply_async(["dan"], expires=datetime.now(UTC) - timedelta(minutes=1))
    send_mail.delay("eve").get(timeout=PATIENCE_SECONDS)
    print("expires:", "ran all the same" if late.successful() else "did not run, it came too late")


def rate_limit() -> None:
    """Five tasks at ten a second: the last one starts 0.4 s after the first."""
    started = time.monotonic()
    for result in [limited.delay(number) for number in range(5)]:
        result.get(timeout=PATIENCE_SECONDS)
    print("rate limit: five tasks", "kept to 10/s" if time.monotonic() - started >= 0.4 else "ran too fast")


def crash() -> None:
    """A task whose process dies under it is given back to the broker."""
    again = crash_once.delay().get(timeout=PATIENCE_SECONDS)
    print("acks_late: its process was killed,", "the task came again" if again else "the task was lost")


if __name__ == "__main__":
    routing()
    priorities()
    waiting()
    rate_limit()
    crash()
