"""Every connection state knows every method of the connection class: legal with a next state, or 504."""

from __future__ import annotations

import pytest
from pamqp import commands as pamqp_commands

from protocol import commands as c
from protocol import lifecycle as life
from protocol import methods
from protocol.errors import ConnectionException

STATES = (
    life.AWAIT_HEADER, life.AWAIT_START_OK, life.AWAIT_SECURE_OK, life.AWAIT_TUNE_OK, life.AWAIT_OPEN, life.OPEN,
    life.CLOSING, life.CLOSED,
)  # fmt: skip
CONNECTION_METHODS = sorted(index for index in pamqp_commands.INDEX_MAPPING if index >> 16 == 10)
CHANNEL_METHODS = sorted(index for index in methods.FROM_CLIENTS if index >> 16 != 10)
# Spec 1.4's grammar, with RabbitMQ's update-secret
LEGAL = {
    ("starting", 11): "tuning",
    ("securing", 21): "tuning",
    ("tuning", 31): "opening",
    ("opening", 40): "running",
    ("running", 50): "closed",
    ("running", 70): "running",
    ("closing", 50): "closed",
    ("closing", 51): "closed",
}
EVERY = [(state, index) for state in STATES for index in CONNECTION_METHODS]


def test_the_table_below_is_of_every_state_and_method() -> None:
    assert len(set(STATES)) == 8
    methods = {index & 0xFFFF for index in CONNECTION_METHODS}
    assert methods == {10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 70, 71}
    assert set(life.TRANSITIONS) <= set(STATES)


@pytest.mark.parametrize(("state", "index"), [pair for pair in EVERY if (pair[0], pair[1] & 0xFFFF) in LEGAL])
def test_a_legal_method_leads_on(state: str, index: int) -> None:
    assert life.next_state(state, index) == LEGAL[state, index & 0xFFFF]


@pytest.mark.parametrize(("state", "index"), [pair for pair in EVERY if (pair[0], pair[1] & 0xFFFF) not in LEGAL])
def test_an_illegal_method_is_refused_by_name(state: str, index: int) -> None:
    with pytest.raises(ConnectionException) as raised:
        life.next_state(state, index)
    error = raised.value
    assert (error.code, error.class_id, error.method_id) == (504, 10, index & 0xFFFF)
    assert error.text == f"unexpected method in connection state {state}"


@pytest.mark.parametrize("state", STATES)
def test_a_channel_method_is_never_legal_on_channel_0(state: str) -> None:
    for index in CHANNEL_METHODS:
        with pytest.raises(ConnectionException) as raised:
            life.next_state(state, index)
        assert raised.value.code == 504


@pytest.mark.parametrize("index", CHANNEL_METHODS)
def test_an_open_channel_takes_everything_but_a_second_open(index: int) -> None:
    if index != c.CHANNEL_OPEN:
        life.check_channel_method(True, index)
        return
    with pytest.raises(ConnectionException) as raised:
        life.check_channel_method(True, index)
    error = raised.value
    assert (error.code, error.text) == (504, "second 'channel.open' seen")
    assert (error.class_id, error.method_id) == (20, 10)


@pytest.mark.parametrize("index", CHANNEL_METHODS)
def test_a_channel_that_is_not_open_takes_open_only(index: int) -> None:
    if index == c.CHANNEL_OPEN:
        life.check_channel_method(False, index)
        return
    with pytest.raises(ConnectionException) as raised:
        life.check_channel_method(False, index)
    error = raised.value
    assert (error.code, error.text) == (504, "expected 'channel.open'")
    assert (error.class_id, error.method_id) == (index >> 16, index & 0xFFFF)
