"""Messages that a queue's policy holds by a header, and `x-hold-until` on any message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pamqp import commands
from pamqp.commands import Basic, Confirm

from broker.holding.times import HOLD_MS_MAX, NO_TIME, UNREADABLE, time_of
from protocol.properties import Properties
from tests.broker.holding.support import Home, declare, got, headers_of, send
from tests.support.sansio import START_MS, SansClient

NOW = datetime.fromtimestamp(START_MS / 1000, UTC)
DUE_MS = START_MS + 90_000
DUE = NOW + timedelta(seconds=90)
FORMS: list[object] = [
    DUE.isoformat(), DUE.replace(tzinfo=None).isoformat(), DUE.strftime("%Y-%m-%dT%H:%M:%SZ"), DUE_MS, DUE_MS // 1000,
    str(DUE_MS), str(DUE_MS // 1000), f"{DUE_MS // 1000}.0", DUE,
    DUE.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
]  # fmt: skip


def raw(**headers: object) -> Properties:
    return Properties(bytes(Basic.Properties(headers=headers).marshal()))


@pytest.fixture
def client() -> SansClient:
    made = Home().client()
    declare(made, "q", x_hold_header="eta")
    return made


def declare_held(client: SansClient, queue: str = "q", **arguments: object) -> None:
    client.call(1, commands.Queue.Declare(queue=queue, durable=True, arguments={"x-hold-header": "eta", **arguments}))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_time_is_read(form: object) -> None:
    assert time_of(raw(eta=form), b"eta") == DUE_MS


@pytest.mark.parametrize("form", ["tomorrow", "", True, [1], {"a": 1}, None, "2026-13-01", float("nan"), "inf", "nan"])
def test_what_is_no_time_is_not_read(form: object) -> None:
    assert time_of(raw(eta=form), b"eta") == (NO_TIME if form in ("", None) else UNREADABLE)


def test_fractions_of_a_millisecond_are_rounded_up() -> None:
    early = DUE + timedelta(microseconds=1)
    assert time_of(raw(eta=early.isoformat()), b"eta") == DUE_MS + 1


def test_a_time_before_the_epoch_is_a_time() -> None:
    assert time_of(raw(eta="1969-01-01T00:00:00"), b"eta") > 0


@pytest.fixture
def holding() -> SansClient:
    made = Home().client()
    declare_held(made)
    return made


def test_a_task_with_an_eta_is_held_until_then(holding: SansClient) -> None:
    assert send(holding, "late", exchange="", eta=DUE.isoformat()) == []
    send(holding, "now", exchange="", eta=None)
    assert got(holding) == ["now"]
    holding.broker.advance(89_999)
    assert got(holding) == []
    holding.broker.advance(1)
    assert got(holding) == ["late"]


@pytest.mark.parametrize("form", [(NOW - timedelta(days=1)).isoformat(), "nonsense", START_MS, 5])
def test_what_is_overdue_or_unreadable_comes_in_at_once(holding: SansClient, form: object) -> None:
    send(holding, "x", exchange="", eta=form)
    assert got(holding) == ["x"]
    assert holding.broker.vhost.holding.store.counters.unreadable == (form == "nonsense")


def test_a_policy_turns_it_on_and_off_while_the_queue_lives() -> None:
    client = Home().client()
    client.call(1, commands.Queue.Declare(queue="q", durable=True))
    send(client, "before", exchange="", eta=DUE_MS)
    policies = client.broker.node.policies
    policies.set("/", "hold", "^q$", {"hold-header": "eta"}, 0, "queues")
    client.broker.turn()
    send(client, "held", exchange="", eta=DUE_MS)
    policies.clear("/", "hold")
    client.broker.turn()
    send(client, "after", exchange="", eta=DUE_MS)
    assert got(client) == ["before", "after"]
    client.broker.advance(90_000)
    assert got(client) == ["held"]


def test_only_the_queue_with_the_policy_holds_its_copy(holding: SansClient) -> None:
    holding.call(1, commands.Queue.Declare(queue="plain", durable=True))
    for queue in ("q", "plain"):
        holding.call(1, commands.Queue.Bind(queue=queue, exchange="amq.fanout"))
    holding.call(1, Confirm.Select())
    assert [one.name for one in send(holding, "x", exchange="amq.fanout", mandatory=True, eta=DUE_MS)] == ["Basic.Ack"]
    assert got(holding, "plain") == ["x"]
    holding.broker.advance(90_000)
    assert (got(holding), got(holding, "plain")) == (["x"], [])


def test_a_mandatory_message_that_is_held_is_not_returned(holding: SansClient) -> None:
    holding.call(1, Confirm.Select())
    assert [one.name for one in send(holding, "x", exchange="", mandatory=True, eta=DUE_MS)] == ["Basic.Ack"]


def test_its_time_to_live_begins_when_it_is_due(holding: SansClient) -> None:
    properties = Basic.Properties(headers={"eta": DUE_MS}, delivery_mode=2, expiration="1000")
    holding.publish(1, "", "q", b"x", properties)
    holding.broker.advance(90_000)
    queue = holding.broker.vhost.queues["q"]
    assert queue.ready.count == 1
    holding.broker.advance(999)
    assert queue.ready.count == 1
    holding.broker.advance(1)
    assert queue.ready.count == 0


@pytest.mark.parametrize("form", FORMS)
def test_any_message_can_say_until_when_it_is_held(form: object) -> None:
    client = Home().client()
    client.call(1, commands.Queue.Declare(queue="q"))
    send(client, "x", exchange="", x_hold_until=form)
    client.broker.advance(89_999)
    assert got(client) == []
    client.broker.advance(1)
    assert got(client) == ["x"]


def test_held_until_or_not_what_nobody_takes_is_returned() -> None:
    client = Home().client()
    client.call(1, Confirm.Select())
    names = [one.name for one in send(client, "x", key="nobody", exchange="", mandatory=True, x_hold_until=DUE_MS)]
    assert names == ["Basic.Return", "Basic.Ack"]


def test_nothing_is_held_for_longer_than_a_hundred_years(holding: SansClient) -> None:
    send(holding, "x", exchange="", eta="9999-01-01T00:00:00")
    first = holding.broker.vhost.holding.store.index.first()
    assert first is not None
    assert first[0] == START_MS + HOLD_MS_MAX


@pytest.mark.parametrize("durable", [True, False])
def test_a_queue_of_the_same_name_inherits_nothing(durable: bool) -> None:
    client = Home().client()
    arguments = {"x-hold-header": "eta"}
    client.call(1, commands.Queue.Declare(queue="q", durable=durable, arguments=arguments))
    send(client, "x", exchange="", eta=DUE_MS)
    holding = client.broker.vhost.holding
    assert holding.held_for(client.broker.vhost.queues["q"]) == 1
    client.call(1, commands.Queue.Delete(queue="q"))
    client.call(1, commands.Queue.Declare(queue="q", durable=durable, arguments=arguments))
    assert holding.held_for(client.broker.vhost.queues["q"]) == 0
    client.broker.advance(90_000)
    assert got(client) == []
    assert holding.store.counters.dropped == 1


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    client = home.client()
    declare_held(client)
    client.call(1, Confirm.Select())
    send(client, "x", exchange="", eta=DUE_MS)
    send(client, "until", exchange="", x_hold_until=DUE_MS + 1)
    home.restart(after_ms=1000)
    client = home.client()
    client.broker.advance(0)
    vhost = client.broker.vhost
    assert vhost.holding.held_for(vhost.queues["q"]) == 1
    client.broker.advance(88_999)
    assert got(client) == []
    client.broker.advance(1)
    assert got(client) == ["x"]
    client.broker.advance(1)
    assert got(client) == ["until"]
    assert vhost.holding.held_for(vhost.queues["q"]) == 0


def test_what_is_let_go_early_says_no_time_any_more(holding: SansClient) -> None:
    send(holding, "x", exchange="", eta=DUE.isoformat(), task="t")
    inventory = holding.broker.vhost.holding.inventory
    (entry,) = inventory.page(0, 1)
    inventory.fetch([entry], lambda found, _lost: inventory.release(entry, found[entry[1]], lambda _is_done: None))
    holding.broker.advance(20)
    answer = holding.call(1, Basic.Get(queue="q", no_ack=True))[-1]
    assert headers_of(answer) == {"eta": None, "task": "t"}
