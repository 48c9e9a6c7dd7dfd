"""A shop that charges orders in the background, and keeps in an outbox what the broker did not take."""

from celery import shared_task
from kombu.exceptions import OperationalError

PAID: dict[str, int] = {}  # stands for the shop's database
OUTBOX: list[tuple[str, int]] = []
OFFER_VALID_MS = 60 * 60 * 1000


@shared_task(acks_late=True)
def charge(order: str, cents: int) -> str:
    PAID[order] = cents
    return f"{order} is paid"


@shared_task
def offer(customer: str) -> str:
    return f"{customer} knows"


def place_order(order: str, cents: int) -> None:
    """Has an order charged; where the broker does not confirm that it has it, it is tried again later."""
    try:
        charge.apply_async((order, cents), queue="orders", retry=False)
    except OperationalError:
        OUTBOX.append((order, cents))


def send_offer(customer: str) -> None:
    """Tells a customer of an offer; nobody wants to hear of one that has ended."""
    offer.apply_async((customer,), queue="offers", expiration=OFFER_VALID_MS / 1000)
