"""The history of a message's deaths in its headers, against a naive one in plain dicts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp.commands import Basic

from broker.model.message import Batch
from broker.queues.deaths import DEATHS_MAX, Death, DeathHistory, is_cycle
from broker.queues.parts import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED
from protocol.commands import Address, shortstr
from protocol.header_table import array_entry, rewritten, table_value, text_entry
from protocol.properties import NO_PROPERTIES, Properties

REASONS = (EXPIRED, REJECTED, MAXLEN, DELIVERY_LIMIT)
START_MS = 1_700_000_000_000
QUEUES = st.sampled_from(["a", "b", "c", "ü"])
STEPS = st.lists(st.tuples(QUEUES, st.sampled_from(REASONS), st.booleans()), min_size=1, max_size=12)


def batch_of(properties: Properties, exchange: str = "x", key: str = "k") -> Batch:
    """One message."""
    return Batch(Address(exchange, key, False, False, shortstr(exchange) + shortstr(key)), properties, [b""], -1)


def properties_of(**fields: Any) -> Properties:
    return Properties(Basic.Properties(**fields).marshal())


def die(
    properties: Properties, queue: str, reason: str, now_ms: int = START_MS, is_anew: bool = False, **how: Any
) -> tuple[Properties, list[Death]]:
    """The properties of the dead letter, and its deaths."""
    batch = batch_of(properties, **{name: how[name] for name in ("exchange", "key") if name in how})
    history = DeathHistory(properties)
    is_first = not history.deaths
    history.add(batch, queue, reason, now_ms, is_anew)
    return history.encode(batch.address.exchange, is_first, how.get("keeps_copies", True)), history.deaths


class Naive:
    """What RabbitMQ's documentation says, told with dicts."""

    def __init__(self) -> None:
        self.deaths: list[dict[str, Any]] = []
        self.top: dict[str, Any] = {}

    def die(self, queue: str, reason: str, now_ms: int, expiration: str | None) -> None:
        found = [one for one in self.deaths if (one["queue"], one["reason"]) == (queue, reason)]
        if not self.deaths:
            self.top = {"x-first-death-queue": queue, "x-first-death-reason": reason, "x-first-death-exchange": "x"}
        entry: dict[str, Any] = found[0] if found else {
            "count": 0, "queue": queue, "reason": reason, "exchange": "x", "routing-keys": ["k", "copy"],
            "time": datetime.fromtimestamp(now_ms // 1000, UTC),
        } | ({"original-expiration": expiration} if expiration else {})  # fmt: skip
        entry["count"] += 1
        self.deaths = [entry] + [one for one in self.deaths if one is not entry]
        self.top |= {"x-last-death-queue": queue, "x-last-death-reason": reason, "x-last-death-exchange": "x"}


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_deaths_are_merged_counted_and_the_newest_stands_first(steps: list[tuple[str, str, bool]]) -> None:
    naive, now_ms, expiration = Naive(), START_MS, "60000"
    properties = properties_of(headers={"own": 1, "CC": ["copy"]}, expiration=expiration)
    for number, (queue, reason, _) in enumerate(steps):
        now_ms += 700
        naive.die(queue, reason, now_ms, expiration if not number else None)
        properties, _ = die(properties, queue, reason, now_ms)
    assert properties.headers() == {"own": 1, "CC": ["copy"], "x-death": naive.deaths} | naive.top
    assert properties.expiration is None


@settings(max_examples=40, deadline=None)
@given(STEPS, QUEUES)
def test_a_cycle_is_a_death_in_the_target_with_no_rejection_since(
    steps: list[tuple[str, str, bool]], target: str
) -> None:
    properties, deaths = NO_PROPERTIES, []
    order: list[tuple[str, str]] = []
    for queue, reason, _ in steps:
        properties, deaths = die(properties, queue, reason)
        order = [(queue, reason)] + [one for one in order if one != (queue, reason)]
    until = next((at for at, (queue, _) in enumerate(order) if queue == target), None)
    expected = until is not None and all(reason != REJECTED for _, reason in order[: until + 1])
    assert is_cycle(deaths, target) is expected


def test_what_was_published_once_more_has_no_cycle_with_its_past() -> None:
    properties, _ = die(NO_PROPERTIES, "d1", EXPIRED)
    properties, deaths = die(properties, "d0", EXPIRED)
    assert is_cycle(deaths, "d1")
    properties, deaths = die(properties, "d2", EXPIRED, is_anew=True)
    assert not is_cycle(deaths, "d1")
    assert is_cycle(deaths, "d2"), "from there on it is one way"
    properties, deaths = die(properties, "d1", EXPIRED)
    assert is_cycle(deaths, "d2")
    assert not is_cycle(deaths, "d0")
    counts = {death["queue"]: death["count"] for death in properties.headers()["x-death"]}  # type: ignore[attr-defined]
    assert counts == {"d0": 1, "d1": 2, "d2": 1}


def test_the_mark_of_a_new_beginning_goes_with_the_next_death_of_the_same_kind() -> None:
    properties, _ = die(NO_PROPERTIES, "a", EXPIRED)
    properties, deaths = die(properties, "b", EXPIRED, is_anew=True)
    properties, deaths = die(properties, "c", EXPIRED)
    properties, deaths = die(properties, "b", EXPIRED)
    assert is_cycle(deaths, "c")
    assert not any(death.is_anew for death in deaths)


def test_a_rejected_message_needs_no_mark() -> None:
    properties, _ = die(NO_PROPERTIES, "a", EXPIRED)
    rejected, _ = die(properties, "b", REJECTED, is_anew=True)
    again, _ = die(rejected, "c", EXPIRED, is_anew=True)
    for one in (rejected, again):
        assert all("republished" not in death for death in one.headers()["x-death"])  # type: ignore[attr-defined]


def test_copies_go_where_another_key_counts() -> None:
    properties = properties_of(headers={"CC": ["one", "two"], "k": 1})
    letter, deaths = die(properties, "q", EXPIRED, keeps_copies=False)
    assert "CC" not in letter.headers()
    assert letter.headers()["x-death"][0]["routing-keys"] == ["k", "one", "two"]  # type: ignore[index]
    assert len(deaths) == 1


def test_what_a_client_sends_as_deaths_is_counted_on_in_any_integer_type() -> None:
    sent = {"x-death": [{"queue": "q", "reason": REJECTED, "count": 7, "time": 5, "note": "kept"}]}
    letter, _ = die(properties_of(headers=sent), "q", REJECTED)
    assert letter.headers()["x-death"] == [{"queue": "q", "reason": REJECTED, "count": 8, "time": 5, "note": "kept"}]
    assert "x-first-death-queue" not in letter.headers()


def test_deaths_alike_are_one_and_others_keep_their_bytes() -> None:
    one = {"queue": "q", "reason": EXPIRED, "count": 2}
    other = {"queue": "other", "reason": EXPIRED, "count": "many", "x": [1, {"y": 2}]}
    letter, _ = die(properties_of(headers={"x-death": [one, other, one, {"queue": "no reason"}]}), "new", MAXLEN)
    found = letter.headers()["x-death"]
    assert [death["queue"] for death in found] == ["new", "q", "other", "no reason"]  # type: ignore[attr-defined]
    assert found[1]["count"] == 4  # type: ignore[index]
    assert found[2] == other  # type: ignore[index]


def test_an_x_death_that_is_none_counts_as_no_death() -> None:
    for nonsense in ("text", 5, {"a": 1}, [1, "x"], []):
        letter, deaths = die(properties_of(headers={"x-death": nonsense}), "q", EXPIRED)
        assert len(deaths) == 1
        assert letter.headers()["x-first-death-queue"] == "q"


@given(st.binary(min_size=1, max_size=80))
def test_any_header_table_gets_a_history_that_can_be_read(table: bytes) -> None:
    letter, deaths = die(rewritten(NO_PROPERTIES, table), "q", EXPIRED)
    again, more = die(letter, "q", EXPIRED)
    assert DeathHistory(again).deaths[0].count == deaths[0].count + 1 == more[0].count


@given(st.lists(st.binary(max_size=12).map(table_value) | st.binary(max_size=12), max_size=4).map(b"".join))
def test_any_x_death_gets_a_history_that_can_be_read(array: bytes) -> None:
    letter, deaths = die(rewritten(NO_PROPERTIES, array_entry(b"x-death", array)), "q", EXPIRED)
    assert DeathHistory(letter).deaths[0].queue == b"q"
    assert deaths[0].count >= 1


def test_the_oldest_death_of_very_many_is_forgotten() -> None:
    deaths = b"".join(
        table_value(text_entry(b"queue", b"%d" % number) + text_entry(b"reason", b"expired"))
        for number in range(DEATHS_MAX + 50)
    )
    letter, found = die(rewritten(NO_PROPERTIES, array_entry(b"x-death", deaths)), "q", EXPIRED)
    assert len(found) == DEATHS_MAX
    assert len(letter.headers()["x-death"]) == DEATHS_MAX  # type: ignore[arg-type]
