"""The `expiration` property, as RabbitMQ reads it."""

from __future__ import annotations

import pytest

from broker.connections.publisher import parse_expiration_ms
from broker.model.arguments import TIMER_MS_MAX
from protocol.errors import ChannelException


@pytest.mark.parametrize(
    ("text", "value"), [(b"0", 0), (b"60000", 60000), (b"+5", 5), (b"007", 7), (b"%d" % TIMER_MS_MAX, TIMER_MS_MAX)]
)
def test_milliseconds(text: bytes, value: int) -> None:
    assert parse_expiration_ms(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no_integer"), (b"abc", "no_integer"), (b" 1", "no_integer"), (b"\xd9\xa3", "no_integer"),
        (b"-1", "{value_negative,-1}"), (b"5.5", '{leftover_string,".5"}'), (b"5 ", '{leftover_string," "}'),
        (b"%d" % (TIMER_MS_MAX + 1), f"{{value_too_large,{TIMER_MS_MAX + 1}}}"),
    ],
)  # fmt: skip
def test_refusals(text: bytes, why: str) -> None:
    with pytest.raises(ChannelException) as raised:
        parse_expiration_ms(text)
    assert raised.value.code == 406
    assert raised.value.text == f"invalid expiration '{text.decode()}': {why}"
