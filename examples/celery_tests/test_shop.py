"""What the shop sends, what its worker does, and what both do when the broker or the network has a bad day."""

import pytest
import shop

from broker.testing import Broker


def test_an_order_is_sent_to_be_charged(broker: Broker) -> None:
    shop.place_order("A-1", 1999)
    (message,) = broker.messages("orders")
    assert message.headers["task"] == "shop.charge"
    assert message.json()[0] == ["A-1", 1999]
    assert message.properties["delivery_mode"] == 2


@pytest.mark.usefixtures("worker")
def test_the_worker_charges_it(broker: Broker) -> None:
    shop.place_order("A-1", 1999)
    broker.wait_until_empty("orders")
    assert shop.PAID == {"A-1": 1999}


@pytest.mark.usefixtures("worker")
def test_the_worker_comes_back_when_the_link_breaks(broker: Broker) -> None:
    broker.faults.cut_connections()
    shop.place_order("A-1", 1999)
    shop.place_order("A-2", 500)
    broker.wait_until_empty("orders")
    assert shop.PAID == {"A-1": 1999, "A-2": 500}


def test_an_order_that_the_broker_refuses_is_kept(broker: Broker) -> None:
    broker.faults.nack_confirms(1, queue="orders")
    shop.place_order("A-1", 1999)
    shop.place_order("A-2", 500)
    assert shop.OUTBOX == [("A-1", 1999)]
    assert broker.depth("orders") == 1


def test_an_offer_that_nobody_took_in_time_is_gone(broker: Broker) -> None:
    shop.send_offer("Ada")
    broker.clock.advance(59 * 60)
    shop.send_offer("Grace")
    broker.clock.advance(2 * 60)
    assert [message.json()[0] for message in broker.messages("offers")] == [["Grace"]]


def test_orders_outlive_a_restart_of_the_broker(broker: Broker) -> None:
    shop.place_order("A-1", 1999)
    broker.restart()
    assert broker.depth("orders") == 1
