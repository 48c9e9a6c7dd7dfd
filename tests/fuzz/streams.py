"""Byte streams for the fuzz tests: valid ones, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from pamqp import commands
from pamqp.commands import Basic
from pamqp.frame import marshal

from protocol.constants import PROTOCOL_HEADER
from protocol.errors import ConnectionException
from tests.support.sansio import publish_frames

HANDSHAKE = PROTOCOL_HEADER + b"".join(
    marshal(frame, 0)
    for frame in (
        commands.Connection.StartOk({"product": "fuzz"}, "PLAIN", "\0guest\0guest", "en_US"),
        commands.Connection.TuneOk(2047, 4096, 0),
        commands.Connection.Open("/"),
    )
)
OPEN = b"".join(marshal(commands.Channel.Open(), number) for number in (1, 2))
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
METHODS = (
    commands.Queue.Declare(queue="q", arguments={"x-max-priority": 3, "l": [1, {"a": True}]}),
    commands.Queue.Declare(queue="own", exclusive=True),
    commands.Queue.Bind(queue="q", exchange="amq.topic", routing_key="a.#"),
    commands.Queue.Purge(queue="q"),
    commands.Exchange.Declare(exchange="e", exchange_type="headers"),
    Basic.Qos(0, 3, False),
    Basic.Consume(queue="q"),
    Basic.Consume(queue="own", no_ack=True),
    Basic.Get(queue="q"),
    Basic.Nack(1, False, True),
    Basic.Reject(2, False),
    Basic.Recover(True),
    commands.Confirm.Select(),
    commands.Tx.Select(),
)

channels = st.sampled_from((1, 2))
methods = st.builds(marshal, st.sampled_from(METHODS), channels)
properties = st.builds(
    Basic.Properties, priority=st.sampled_from((None, 0, 9)), expiration=st.sampled_from((None, "0", "100")),
    headers=st.sampled_from((None, {"CC": ["q"]}, {"a": 1})), delivery_mode=st.sampled_from((None, 2)),
)  # fmt: skip
contents = st.builds(
    lambda channel, body, props, count: publish_frames(channel, "", "q", body, props, frame_max=4096) * count,
    channels, st.sampled_from((b"", b"x", b"\xce" * 30, b"y" * 9000)), properties, st.integers(1, 4),
)  # fmt: skip
acks = st.builds(
    lambda channel, first, count, multiple: b"".join(
        marshal(Basic.Ack(tag, multiple), channel) for tag in range(first, first + count)
    ),
    channels, st.integers(0, 5), st.integers(1, 4), st.booleans(),
)  # fmt: skip
bodies = st.lists(st.one_of(methods, contents, acks, st.just(HEARTBEAT)), max_size=12).map(b"".join)
valid = bodies.map(lambda rest: HANDSHAKE + OPEN + rest)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A valid stream with some bytes changed, cut out or put in, behind the handshake or in it."""
    data = bytearray(draw(valid))
    start = draw(st.sampled_from((8, len(HANDSHAKE), len(HANDSHAKE), len(HANDSHAKE) + len(OPEN))))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(start, max(start, len(data) - 1)))
        piece = draw(st.one_of(st.binary(max_size=4), st.sampled_from((b"\xff" * 4, b"\x00" * 8, b"\xce", HEARTBEAT))))
        data[at : at + draw(st.integers(0, 4))] = piece
    return bytes(data)


def is_refused(codes: tuple[int, ...], call: Callable[..., object], *arguments: object) -> bool:
    """Whether a call raises a ConnectionException, which must have one of these codes; nothing else may come out."""
    try:
        call(*arguments)
    except ConnectionException as error:
        if error.code not in codes:
            raise
        return True
    return False
