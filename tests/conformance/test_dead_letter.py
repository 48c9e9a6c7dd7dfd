"""Dead letter exchanges: RabbitMQ's extension, its headers literally; 3.13's `x-last-death-…` stand beside 3.10's."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from pamqp import decode
from pamqp.commands import Basic, Queue

from tests.conformance.conftest import Name
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Content

DEADLINE_SECONDS = 10.0
LAST_DEATH = ("x-last-death-exchange", "x-last-death-queue", "x-last-death-reason")


def arrived(channel: RawChannel, queue: str) -> Content:
    """The next message of a queue, waited for."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (content := channel.get(queue)) is None:
        assert time.monotonic() < deadline, f"nothing came to {queue}"
    return content


def headers(content: Content) -> dict[str, Any]:
    """The headers but those that RabbitMQ has from 3.13 on."""
    return {key: value for key, value in (content.properties.headers or {}).items() if key not in LAST_DEATH}


def table_bytes(content: Content) -> bytes:
    """The header table as it came: its entries."""
    at = 12 + 2  # class, weight, body size; flags
    (size,) = struct.unpack_from(">I", content.header, at)
    return content.header[at + 4 : at + 4 + size]


def value_types(table: bytes) -> dict[str, str]:
    """The type letter of each entry of a table."""
    found: dict[str, str] = {}
    at = 0
    while at < len(table):
        key_end = at + 1 + table[at]
        consumed, _ = decode.embedded_value(table[key_end:])
        found[table[at + 1 : key_end].decode()] = chr(table[key_end])
        at = key_end + consumed
    return found


class Pair:
    """A queue and the one that its dead letters go to."""

    def __init__(self, channel: RawChannel, name: Name, arguments: dict[str, Any], **flags: bool) -> None:
        self.channel = channel
        self.dead = str(channel.declare_queue(name("dead")).queue)
        where = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.dead}
        self.work = str(channel.declare_queue(name("work"), where | arguments, **flags).queue)

    def publish(self, body: bytes, **properties: Any) -> None:
        """A message for the queue."""
        self.channel.publish(self.work, body, properties=Basic.Properties(**properties))

    def reject(self) -> None:
        """Takes the next message and refuses it for good."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (content := self.channel.get(self.work, no_ack=False)) is None:
            assert time.monotonic() < deadline, "nothing to reject"
        self.channel.send(Basic.Reject(content.delivery_tag, False))

    def letter(self) -> Content:
        """The next dead letter."""
        return arrived(self.channel, self.dead)

    def death(self, reason: str, count: int = 1, **more: Any) -> dict[str, Any]:
        """An entry of x-death but its time."""
        return {
            "count": count,
            "reason": reason,
            "queue": self.work,
            "exchange": "",
            "routing-keys": [self.work],
            **more,
        }


def without_time(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of x-death but its time, which has to be now."""
    assert abs(entry["time"].timestamp() - time.time()) < 60
    return {key: value for key, value in entry.items() if key != "time"}


def first_death(queue: str, reason: str) -> dict[str, str]:
    return {"x-first-death-exchange": "", "x-first-death-queue": queue, "x-first-death-reason": reason}


def expire(pair: Pair) -> None:
    pair.publish(b"1", expiration="20", headers={"own": "kept", "CC": ["nobody"]})


def overflow(pair: Pair) -> None:
    pair.publish(b"1", headers={"own": "kept", "CC": ["nobody"]})
    pair.publish(b"2")


def refuse(pair: Pair) -> None:
    pair.publish(b"1", headers={"own": "kept", "CC": ["nobody"]})
    pair.reject()


@pytest.mark.parametrize(
    ("reason", "how", "arguments"),
    [("rejected", refuse, {}), ("expired", expire, {}), ("maxlen", overflow, {"x-max-length": 1})],
    ids=["rejected", "expired", "maxlen"],
)
def test_a_letter_says_why_where_and_when(
    channel: RawChannel, name: Name, reason: str, how: Callable[[Pair], None], arguments: dict[str, Any]
) -> None:
    pair = Pair(channel, name, arguments)
    how(pair)
    letter = pair.letter()
    assert (letter.exchange, letter.routing_key, letter.redelivered, letter.body) == ("", pair.dead, False, b"1")
    found = headers(letter)
    death = pair.death(reason, **({"original-expiration": "20"} if reason == "expired" else {}))
    death["routing-keys"].append("nobody")
    assert [without_time(entry) for entry in found.pop("x-death")] == [death]
    assert found == {"own": "kept"} | first_death(pair.work, reason), "CC is gone, since another key counts"
    assert letter.properties.expiration is None


def test_the_types_on_the_wire(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    refuse(pair)
    table = table_bytes(pair.letter())
    types = {key: kind for key, kind in value_types(table).items() if key not in LAST_DEATH}
    assert types == {"own": "S", "x-death": "A"} | dict.fromkeys(first_death("", ""), "S")
    assert list(types) == sorted(types), "the table is sorted"
    array = table[table.index(b"\x07x-deathA") + 13 :]
    assert array[:1] == b"F"
    (size,) = struct.unpack_from(">I", array, 1)
    assert value_types(array[5 : 5 + size]) == {
        "count": "l", "reason": "S", "queue": "S", "time": "T", "exchange": "S", "routing-keys": "A",
    }  # fmt: skip


def test_all_other_properties_stay(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    given: dict[str, Any] = {
        "content_type": "a/b", "content_encoding": "c", "delivery_mode": 2, "priority": 7, "correlation_id": "d",
        "reply_to": "e", "message_id": "f", "message_type": "g", "app_id": "h",
    }  # fmt: skip
    pair.publish(b"1", expiration="600000", **given)
    pair.reject()
    letter = pair.letter()
    assert {key: getattr(letter.properties, key) for key in given} == given
    assert letter.properties.expiration is None


def test_without_a_key_a_letter_keeps_its_own_and_its_copies(channel: RawChannel, name: Name, exchange: str) -> None:
    dead, copy = (channel.declare_queue(name(label)).queue for label in ("dead", "copy"))
    work = channel.declare_queue(name("work"), {"x-dead-letter-exchange": exchange}).queue
    channel.bind(dead, exchange, work)
    channel.bind(copy, exchange, "copy-key")
    channel.publish(work, b"1", properties=Basic.Properties(headers={"CC": ["copy-key"]}))
    content = channel.get(work, no_ack=False)
    assert content is not None
    channel.send(Basic.Reject(content.delivery_tag, False))
    for queue in (dead, copy):
        letter = arrived(channel, queue)
        assert (letter.exchange, letter.routing_key) == (exchange, work)
        assert headers(letter)["CC"] == ["copy-key"]
        assert headers(letter)["x-death"][0]["routing-keys"] == [work, "copy-key"]


def test_hidden_copies_follow_too_and_are_not_told(channel: RawChannel, name: Name, exchange: str) -> None:
    hidden = channel.declare_queue(name("hidden")).queue
    work = channel.declare_queue(name("work"), {"x-dead-letter-exchange": exchange}, durable=True).queue
    channel.bind(hidden, exchange, "hidden-key")
    channel.publish(work, b"1", properties=Basic.Properties(headers={"BCC": ["hidden-key"], "k": 1}, delivery_mode=2))
    content = channel.get(work, no_ack=False)
    assert content is not None
    assert content.properties.headers == {"k": 1}
    channel.send(Basic.Reject(content.delivery_tag, False))
    letter = arrived(channel, hidden)
    assert headers(letter)["x-death"][0]["routing-keys"] == [work]
    assert "BCC" not in headers(letter)


def test_one_death_more_is_counted_and_the_newest_stands_first(channel: RawChannel, name: Name) -> None:
    wait, work = name("wait"), name("work")
    to_wait = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait}
    channel.declare_queue(work, to_wait)
    channel.declare_queue(wait, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work, "x-message-ttl": 20})
    channel.publish(work, b"1")
    for count in (1, 2):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (content := channel.get(work, no_ack=False)) is None:
            assert time.monotonic() < deadline
        if count == 2:
            break
        channel.send(Basic.Reject(content.delivery_tag, False))
    found = headers(content)
    assert [(death["queue"], death["reason"], death["count"]) for death in found["x-death"]] == [
        (wait, "expired", 1), (work, "rejected", 1),
    ]  # fmt: skip
    channel.send(Basic.Reject(content.delivery_tag, False))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (content := channel.get(work)) is None:
        assert time.monotonic() < deadline
    found = headers(content)
    assert [(death["queue"], death["reason"], death["count"]) for death in found["x-death"]] == [
        (wait, "expired", 2), (work, "rejected", 2),
    ]  # fmt: skip
    assert {key: found[key] for key in first_death("", "")} == first_death(work, "rejected")


def test_deaths_that_a_client_sends_back_are_counted_on(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    pair.publish(b"1", headers={"k": 1})
    for count in (1, 2, 3):
        pair.reject()
        letter = pair.letter()
        assert [death["count"] for death in headers(letter)["x-death"]] == [count]
        pair.publish(b"1", headers=letter.properties.headers)


@pytest.mark.parametrize("nonsense", ["text", 5, {"a": 1}], ids=["text", "number", "table"])
def test_an_x_death_of_another_type_is_replaced(channel: RawChannel, name: Name, nonsense: object) -> None:
    pair = Pair(channel, name, {})
    pair.publish(b"1", headers={"x-death": nonsense})
    pair.reject()
    assert [without_time(death) for death in headers(pair.letter())["x-death"]] == [pair.death("rejected")]


def test_deaths_that_nobody_can_have_written_stay_as_they_are(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    sent = [{"queue": "x", "reason": "expired", "count": "many"}]
    pair.publish(b"1", headers={"x-death": sent})
    pair.reject()
    assert headers(pair.letter())["x-death"][1:] == sent


def test_a_cycle_without_a_rejection_ends(channel: RawChannel, name: Name) -> None:
    """a → b → a by expiry: what comes back to a is dropped."""
    a, b, seen = name("a"), name("b"), channel.declare_queue(name("seen")).queue
    channel.declare_queue(a, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": b, "x-message-ttl": 10})
    channel.declare_queue(b, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": a, "x-message-ttl": 10})
    channel.confirm_select()
    channel.publish(a, b"1")
    channel.expect_confirms(1, 1)
    channel.publish(seen, b"clock", properties=Basic.Properties(expiration="400"))
    channel.expect_confirms(2, 2)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while channel.declare_queue(seen, passive=True).message_count:
        assert time.monotonic() < deadline
    assert channel.declare_queue(a, passive=True).message_count == 0
    assert channel.declare_queue(b, passive=True).message_count == 0


def test_in_a_cycle_only_the_way_back_is_closed(channel: RawChannel, name: Name) -> None:
    exchange, other = name("x"), channel.declare_queue(name("other")).queue
    channel.declare_exchange(exchange, "fanout")
    one = channel.declare_queue(name("one"), {"x-dead-letter-exchange": exchange, "x-message-ttl": 10}).queue
    for queue in (one, other):
        channel.bind(queue, exchange)
    channel.publish(one, b"1")
    assert arrived(channel, other).body == b"1"
    assert channel.get(one) is None


def test_a_dead_letter_exchange_may_come_later(channel: RawChannel, name: Name) -> None:
    exchange, dead = name("x"), channel.declare_queue(name("dead")).queue
    work = channel.declare_queue(name("work"), {"x-dead-letter-exchange": exchange}).queue
    for body in (b"gone", b"sent"):
        channel.publish(work, body)
        content = channel.get(work, no_ack=False)
        assert content is not None
        channel.send(Basic.Reject(content.delivery_tag, False))
        channel.expect_nothing(work)
        channel.declare_exchange(exchange, "fanout")
        channel.bind(dead, exchange)
    assert arrived(channel, dead).body == b"sent"
    assert channel.get(dead) is None


def test_nacks_of_many_are_letters_in_order(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    channel.publish_all(pair.work, [b"1", b"2", b"3"])
    channel.consume(pair.work)
    last = channel.deliveries(3)[-1]
    channel.send(Basic.Nack(last.delivery_tag, True, False))
    assert [pair.letter().body for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_purged_or_deleted_message_is_no_letter(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    pair.publish(b"1")
    channel.expect_nothing(pair.work)
    channel.call(Queue.Purge(queue=pair.work), Queue.PurgeOk)
    pair.publish(b"2")
    channel.expect_nothing(pair.work)
    channel.call(Queue.Delete(queue=pair.work), Queue.DeleteOk)
    assert channel.get(pair.dead) is None


@pytest.mark.ours  # RabbitMQ writes them from 3.13 on
def test_the_last_death_stands_beside_the_first(channel: RawChannel, name: Name) -> None:
    pair = Pair(channel, name, {})
    channel.publish(pair.work, b"1")
    pair.reject()
    last = {key: value for key, value in pair.letter().properties.headers.items() if key in LAST_DEATH}
    assert last == {"x-last-death-exchange": "", "x-last-death-queue": pair.work, "x-last-death-reason": "rejected"}
