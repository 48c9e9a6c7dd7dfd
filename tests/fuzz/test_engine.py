"""The engine on any bytes: the same commands however they are cut, and only errors with an AMQP code."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands
from pamqp.frame import marshal

from broker.auth.mechanisms import parse_response
from protocol import lifecycle
from protocol.commands import Ack, Method, Publish
from protocol.constants import FRAME_OVERHEAD_BYTES
from protocol.engine import Engine, ProtocolMismatch
from protocol.errors import ChannelException, ConnectionException
from protocol.methods import METHODS, decode_method
from protocol.properties import Properties
from protocol.tables import TABLE_DEPTH_MAX, TABLE_ENTRIES_MAX, check_table, decode_table, entry_ranges
from tests.fuzz.streams import is_refused, spoiled, valid

BODY_MAX = 1 << 20
quick = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def flat(command: object) -> list[tuple[object, ...]]:
    """A command as single messages and tags, for where runs are cut differently."""
    if isinstance(command, Publish):
        address = command.address
        head = ("publish", command.channel, address.exchange, address.routing_key, command.properties.raw)
        return [(*head, body) for body in command.bodies]
    if isinstance(command, Ack):
        return [("ack", command.channel, tag, command.multiple) for tag in range(command.first, command.last + 1)]
    if isinstance(command, Method):
        return [("method", command.channel, command.frame.name, str(dict(command.frame)), str(command.types))]
    return [(type(command).__name__,)]


def parse(pieces: list[bytes]) -> list[tuple[object, ...]]:
    """All commands of a stream, and the error it ends with."""
    engine = Engine(BODY_MAX)
    found: list[tuple[object, ...]] = []
    for piece in pieces:
        engine.receive(piece)
        try:
            while (command := engine.next_command()) is not None:
                found += flat(command)
                if isinstance(command, Method) and isinstance(command.frame, commands.Channel.Open):
                    engine.open_channel(command.channel)
                if isinstance(command, Method) and isinstance(command.frame, commands.Connection.TuneOk):
                    engine.frame_max = max(4096, command.frame.frame_max)
        except (ConnectionException, ChannelException) as error:
            return [*found, ("error", type(error).__name__, error.code)]
        except ProtocolMismatch:
            return [*found, ("mismatch",)]
        kept = len(engine._data) - engine._pos
        assert kept < max(engine.frame_max, 8192) + FRAME_OVERHEAD_BYTES, "more than a frame is kept back"
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces that end at these places."""
    marks = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


@quick
@given(data=valid, places=st.lists(st.integers(0, 100_000), max_size=12))
def test_any_split_gives_the_same_commands(data: bytes, places: list[int]) -> None:
    whole = parse([data])
    assert len(whole) >= 6  # greeting, handshake, channels
    assert whole[-1][0] != "error"
    assert parse(cut(data, places)) == whole


@settings(quick, max_examples=30)
@given(data=valid)
def test_byte_by_byte_gives_the_same_commands(data: bytes) -> None:
    assert parse([data[at : at + 1] for at in range(len(data))]) == parse([data])


@quick
@given(data=spoiled(), places=st.lists(st.integers(0, 100_000), max_size=6))
def test_spoiled_streams_give_the_same_errors_however_cut(data: bytes, places: list[int]) -> None:
    assert parse(cut(data, places)) == parse([data])


@quick
@given(data=st.binary(max_size=200), pieces=st.integers(1, 5))
def test_random_bytes_behind_any_start(data: bytes, pieces: int) -> None:
    for start in (b"", b"AMQP\x00\x00\x09\x01"):
        assert parse(cut(start + data, list(range(0, 200, pieces)))) == parse([start + data])


@settings(quick, max_examples=60)
@given(data=st.binary(max_size=60), ends=st.binary(max_size=8))
def test_every_method_takes_any_arguments_or_says_why_not(data: bytes, ends: bytes) -> None:
    for index in METHODS:
        for arguments in (data, ends, b"\0" * len(data), data + marshal(commands.Queue.Declare(), 1)[11:-1]):
            is_refused((501, 502, 503), decode_method, 1, index, arguments)


@quick
@given(frame=st.sampled_from((commands.Queue.Declare(queue="q", arguments={"a": [1, {"b": 2.5}], "t": True}),
                              commands.Basic.Consume(queue="q", arguments={"x-priority": 3}))),
       at=st.integers(0, 60), octet=st.integers(0, 255))  # fmt: skip
def test_a_changed_octet_in_a_table_is_taken_or_refused(frame: commands.Queue.Declare, at: int, octet: int) -> None:
    arguments = bytearray(marshal(frame, 1)[11:-1])
    arguments[at % len(arguments)] = octet
    is_refused((501, 502), decode_method, 1, frame.index, bytes(arguments))


def read_properties(data: bytes) -> None:
    """Everything a broker reads of a property list."""
    properties = Properties(data)
    properties.headers()
    if properties.headers_end:
        properties.hiding("BCC")


@quick
@given(raw=st.binary(max_size=80), flags=st.integers(0, 0xFFFF))
def test_properties_of_any_bytes(raw: bytes, flags: int) -> None:
    for data in (raw, flags.to_bytes(2, "big") + raw):
        is_refused((502,), read_properties, data)


@quick
@given(data=st.binary(max_size=80))
def test_tables_of_any_bytes(data: bytes) -> None:
    for table in (data, len(data).to_bytes(4, "big") + data):
        for use in (check_table, entry_ranges, decode_table):
            is_refused((502,), use, table, 0)


def nested(depth: int, kind: bytes) -> bytes:
    """A table with tables or arrays in it, this deep."""
    inner = b""
    for level in range(depth - 1):
        value = kind + len(inner).to_bytes(4, "big") + inner
        inner = value if kind == b"A" and level < depth - 2 else b"\x01k" + value
    return len(inner).to_bytes(4, "big") + inner


def refused(data: bytes) -> bool:
    """Whether a table is refused with 502."""
    return is_refused((502,), decode_table, data)


def test_nesting_is_bounded() -> None:
    for kind in (b"F", b"A"):
        assert not refused(nested(TABLE_DEPTH_MAX, kind))
        assert refused(nested(TABLE_DEPTH_MAX + 1, kind))
        assert refused(nested(20_000, kind))


def test_entries_are_bounded() -> None:
    for count, is_too_many in ((TABLE_ENTRIES_MAX, False), (TABLE_ENTRIES_MAX + 1, True)):
        entries = b"\x01kV" * count
        assert refused(len(entries).to_bytes(4, "big") + entries) is is_too_many


def test_a_table_cut_short_is_refused_everywhere() -> None:
    table = b"\x01aS\x00\x00\x00\x03abc\x01bF\x00\x00\x00\x04\x01ct\x01"
    whole = len(table).to_bytes(4, "big") + table
    assert not refused(whole)
    assert all(refused(whole[:end]) for end in range(len(whole)))


@quick
@given(response=st.binary(max_size=80))
def test_login_responses_of_any_bytes(response: bytes) -> None:
    field = b"\x05LOGINS\x00\x00\x00\x01a\x08PASSWORD"
    for mechanism in ("PLAIN", "AMQPLAIN", "EXTERNAL"):
        for data in (response, b"\0" + response, field + response):
            is_refused((502, 503), parse_response, mechanism, data)


def test_a_closing_engine_drops_what_comes() -> None:
    engine = Engine(BODY_MAX)
    engine.state = lifecycle.CLOSED
    engine.receive(b"anything")
    assert engine.next_command() is None
