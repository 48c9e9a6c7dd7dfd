"""basic.publish, basic.return and content (specification 1.8.3.7, 1.8.3.8, 2.3.5.2; RabbitMQ: CC, BCC, user-id)."""

from __future__ import annotations

import struct

import pytest
from pamqp.commands import Basic

from tests.conformance.conftest import Connect, Name
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import BODY, content_bytes, frame_bytes, header_bytes, method_bytes, table_bytes

AT_PUBLISH = (60, 40)
Properties = Basic.Properties

EVERY_TYPE = table_bytes(
    ("t", b"t\x01"),
    ("b", b"b\xff"),
    ("B", b"B\xff"),
    ("s", b"s\xff\xfe"),
    ("u", b"u\xff\xfe"),
    ("I", b"I\xff\xff\xff\xfe"),
    ("i", b"i\xff\xff\xff\xfe"),
    ("l", b"l\xff\xff\xff\xff\xff\xff\xff\xfe"),
    ("f", b"f\x3f\x80\x00\x00"),
    ("d", b"d\x3f\xf0\x00\x00\x00\x00\x00\x00"),
    ("D", b"D\x02\x00\x00\x01\x00"),
    ("S", b"S\x00\x00\x00\x03\xff\x00\xfe"),
    ("T", b"T\x00\x00\x00\x00\x65\x00\x00\x00"),
    ("V", b"V"),
    ("x", b"x\x00\x00\x00\x02\x00\xff"),
    ("A", b"A\x00\x00\x00\x08t\x00I\x00\x00\x00\x01V"),
    ("F", b"F" + table_bytes(("in", b"F" + table_bytes(("deep", b"t\x00"))))),
    ("", b"t\x01"),
)
EVERY_PROPERTY = struct.pack(">H", 0xFFFC) + b"".join(
    (
        b"\x0atext/plain",
        b"\x04gzip",
        EVERY_TYPE,
        b"\x02",
        b"\x07",
        b"\x04corr",
        b"\x05reply",
        b"\x0599999",
        b"\x03mid",
        struct.pack(">Q", 1_700_000_000),
        b"\x04type",
        b"\x05guest",
        b"\x03app",
        b"\x02cl",
    )
)


@pytest.mark.parametrize("frame_max", [4096, 8192, 131072])
@pytest.mark.parametrize("size", [0, 1, 4087, 4088, 4089, 131064, 131065, 400_000])
def test_a_body_of_any_size_arrives_unchanged(connect: Connect, name: Name, size: int, frame_max: int) -> None:
    channel, body = connect(frame_max=frame_max).channel(), (b"0123456789abcdef" * (size // 16 + 1))[:size]
    queue = channel.declare_queue(name("q")).queue
    channel.publish(queue, body)
    content = channel.get(queue)
    assert content is not None
    assert content.body == body
    assert all(part <= frame_max - 8 for part in content.frame_sizes)


def test_a_body_may_come_in_frames_of_any_size(channel: RawChannel, queue: str) -> None:
    body = bytes(range(256)) * 4
    channel.publish(queue, body, sizes=(1, 2, 3, 500))
    assert channel.drain(queue) == [body]


def test_contents_on_different_channels_may_interleave_frame_by_frame(channel: RawChannel, queue: str) -> None:
    channel.connection.channel(2)
    for frames in zip(
        *(
            [
                method_bytes(number, Basic.Publish(routing_key=queue)),
                header_bytes(number, 4),
                frame_bytes(BODY, number, text[:2]),
                frame_bytes(BODY, number, text[2:]),
            ]
            for number, text in ((1, b"aaaa"), (2, b"bbbb"))
        ),
        strict=True,
    ):
        channel.connection.send_raw(b"".join(frames))
    channel.consume(queue, no_ack=True)
    assert sorted(channel.bodies(2)) == [b"aaaa", b"bbbb"]


def test_every_property_and_every_table_type_comes_back_byte_for_byte(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"x", properties=EVERY_PROPERTY)
    content = channel.get(queue)
    assert content is not None
    assert content.header == struct.pack(">HHQ", 60, 0, 1) + EVERY_PROPERTY


def test_a_delivery_carries_properties_byte_for_byte_too(channel: RawChannel, queue: str) -> None:
    channel.consume(queue, no_ack=True)
    channel.publish(queue, b"x", properties=EVERY_PROPERTY)
    assert channel.deliveries(1)[0].header == struct.pack(">HHQ", 60, 0, 1) + EVERY_PROPERTY


def test_a_mandatory_message_that_finds_no_queue_comes_back_whole(channel: RawChannel, exchange: str) -> None:
    body = bytes(range(256)) * 1000
    channel.publish("nowhere", body, exchange, mandatory=True, properties=EVERY_PROPERTY)
    returned = channel.expect(Basic.Return)
    assert (returned.reply_code, returned.reply_text) == (312, "NO_ROUTE")
    assert (returned.exchange, returned.routing_key) == (exchange, "nowhere")
    assert returned.header[12:] == EVERY_PROPERTY
    assert returned.body == body


def test_an_empty_body_is_returned_too(channel: RawChannel) -> None:
    channel.publish("nowhere", mandatory=True)
    assert channel.expect(Basic.Return).body == b""


def test_a_message_that_finds_no_queue_is_dropped_without_mandatory(channel: RawChannel) -> None:
    channel.publish("nowhere", b"x")
    channel.expect_nothing()


def test_a_mandatory_message_that_finds_a_queue_does_not_come_back(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"x", mandatory=True)
    channel.expect_nothing()
    assert channel.drain(queue) == [b"x"]


def test_immediate_is_not_implemented(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"x", immediate=True)
    channel.connection.expect_close(540, "NOT_IMPLEMENTED - immediate=true", AT_PUBLISH)


def test_a_missing_exchange_closes_the_channel_only(channel: RawChannel, name: Name) -> None:
    other, missing = channel.connection.channel(), name("missing")
    channel.publish("k", b"x", missing)
    channel.expect_close(404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'", AT_PUBLISH)
    other.expect_nothing()


def test_order_is_kept_from_channel_to_queue(channel: RawChannel, queue: str) -> None:
    bodies = [b"%d" % number for number in range(500)]
    channel.consume(queue, no_ack=True)
    channel.publish_all(queue, bodies)
    assert channel.bodies(500) == bodies


@pytest.mark.parametrize(
    ("expiration", "reason"),
    [
        ("abc", "no_integer"),
        ("", "no_integer"),
        (" 5", "no_integer"),
        ("-1", "{value_negative,-1}"),
        ("1.5", '{leftover_string,".5"}'),
        ("5 ", '{leftover_string," "}'),
    ],
)
def test_an_expiration_that_is_no_number_is_a_406(channel: RawChannel, expiration: str, reason: str) -> None:
    channel.publish("k", properties=b"\x01\x00" + bytes([len(expiration)]) + expiration.encode())
    channel.expect_close(406, f"PRECONDITION_FAILED - invalid expiration '{expiration}': {reason}", AT_PUBLISH)


@pytest.mark.parametrize("expiration", ["0", "1000", "+5", "4294967295", "99999999999"])
def test_an_expiration_that_is_a_number_is_taken(channel: RawChannel, expiration: str) -> None:
    channel.publish("nowhere", properties=Properties(expiration=expiration), mandatory=True)
    assert channel.expect(Basic.Return).properties.expiration == expiration


def test_a_user_id_must_be_the_users_own(channel: RawChannel) -> None:
    channel.publish("nowhere", properties=Properties(user_id="guest"), mandatory=True)
    channel.expect(Basic.Return)
    channel.publish("nowhere", properties=Properties(user_id="bob"))
    channel.expect_close(406, "user_id property set to 'bob' but authenticated user was 'guest'", AT_PUBLISH)


def test_cc_and_bcc_add_keys_and_only_bcc_is_taken_away(channel: RawChannel, exchange: str, name: Name) -> None:
    queues = {key: channel.declare_queue(name(key)).queue for key in ("to", "cc", "bcc")}
    for key, queue in queues.items():
        channel.bind(queue, exchange, key)
    headers = {"CC": ["cc", "nowhere"], "BCC": ["bcc"], "other": 1}
    channel.publish("to", b"x", exchange, properties=Properties(headers=headers))  # type: ignore[arg-type]
    for queue in queues.values():
        content = channel.get(queue)
        assert content is not None
        assert content.routing_key == "to"
        assert content.properties.headers == {"CC": ["cc", "nowhere"], "other": 1}
        assert channel.get(queue) is None


def test_keys_that_meet_in_one_queue_make_one_copy(channel: RawChannel, queue: str) -> None:
    channel.publish(queue, b"x", properties=Properties(headers={"CC": [queue], "BCC": [queue]}))
    assert channel.drain(queue) == [b"x"]


def test_a_message_reached_by_cc_alone_is_not_returned(channel: RawChannel, queue: str) -> None:
    channel.publish("nowhere", b"x", mandatory=True, properties=Properties(headers={"CC": [queue]}))
    channel.expect_nothing()
    assert channel.drain(queue) == [b"x"]


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_cc_and_bcc_must_be_arrays(channel: RawChannel, header: str) -> None:
    channel.publish("k", properties=Properties(headers={header: "a"}))
    channel.expect_close(406, f'invalid message: {{unacceptable_type_in_header,"{header}",longstr}}', AT_PUBLISH)


@pytest.mark.parametrize("mode", [0, 3])
def test_a_delivery_mode_other_than_1_and_2_is_a_406(channel: RawChannel, queue: str, mode: int) -> None:
    channel.publish(queue, b"", properties=b"\x10\x00" + bytes([mode]))
    channel.expect_close(406, f"PRECONDITION_FAILED - invalid message: {{delivery_mode_unknown,{mode}}}", AT_PUBLISH)


def test_many_publishes_in_one_write_all_arrive(channel: RawChannel, queue: str) -> None:
    one = method_bytes(1, Basic.Publish(routing_key=queue))
    channel.connection.send_raw(b"".join(one + content_bytes(1, b"%d" % number) for number in range(200)))
    assert channel.drain(queue) == [b"%d" % number for number in range(200)]


def test_a_publish_split_anywhere_between_writes_arrives(channel: RawChannel, queue: str) -> None:
    data = method_bytes(1, Basic.Publish(routing_key=queue)) + content_bytes(1, b"body", sizes=(2,))
    for offset in range(1, len(data), 5):
        channel.connection.send_raw(data[:offset])
        channel.connection.send_raw(data[offset:])
    count = len(range(1, len(data), 5))
    assert channel.drain(queue) == [b"body"] * count


def test_priority_is_clamped_and_missing_means_0(channel: RawChannel, name: Name) -> None:
    queue = channel.declare_queue(name("q"), {"x-max-priority": 5}).queue
    for body, priority in ((b"none", None), (b"200", 200), (b"3", 3), (b"5", 5), (b"0", 0)):
        channel.publish(queue, body, properties=Properties(priority=priority))
    assert channel.drain(queue) == [b"200", b"5", b"3", b"none", b"0"]
