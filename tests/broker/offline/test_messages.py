"""Stored messages in plain words, whatever their bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pamqp.commands import Basic

from broker.offline.messages import describe_body, describe_head, iso_time


def head(properties: Basic.Properties, exchange: bytes = b"ex", key: bytes = b"rk") -> bytes:
    return bytes([len(exchange)]) + exchange + bytes([len(key)]) + key + properties.marshal()


def test_every_property_is_decoded() -> None:
    properties = Basic.Properties(
        content_type="text/plain", content_encoding="utf-8", headers={"a": 1, "b": {"c": [True, None]}},
        delivery_mode=2, priority=3, correlation_id="c", reply_to="r", expiration="1000", message_id="m",
        timestamp=datetime(2024, 1, 2, tzinfo=UTC), message_type="t", user_id="guest", app_id="app",
    )  # fmt: skip
    assert describe_head(head(properties)) == {
        "exchange": "ex",
        "routing_key": "rk",
        "properties": {
            "content_type": "text/plain", "content_encoding": "utf-8",
            "headers": {"a": 1, "b": {"table": {"c": [True, None]}}}, "delivery_mode": 2, "priority": 3,
            "correlation_id": "c", "reply_to": "r", "expiration": "1000", "message_id": "m",
            "timestamp": "2024-01-02T00:00:00+00:00", "message_type": "t", "user_id": "guest", "app_id": "app",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    "raw", [b"", b"\x00", b"\xff\xff", b"\x20\x00\x00\x00\x00\x05\x01aQ", b"\x80\x00\x09text", b"\x80\x00\x01\xff"]
)
def test_properties_that_cannot_be_decoded_are_given_raw(raw: bytes) -> None:
    described = describe_head(b"\x00\x01k" + raw)
    assert described["routing_key"] == "k"
    assert "properties_raw" in described
    assert "properties" not in described


@pytest.mark.parametrize("broken", [b"", b"\x05a", b"\x01\xff\x00\x00\x00"])
def test_a_head_that_is_none_is_given_raw(broken: bytes) -> None:
    assert list(describe_head(broken)) == ["head"]


def test_bodies_are_digests_text_or_base64() -> None:
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert describe_body(b"hello", False) == {"bytes": 5, "sha256": digest}
    assert describe_body(b"hello", True) == {"bytes": 5, "sha256": digest, "text": "hello"}
    assert describe_body(b"\xff", True)["base64"] == "/w=="


def test_times() -> None:
    assert iso_time(1_700_000_000_123) == "2023-11-14T22:13:20.123+00:00"
    assert iso_time(2**62) is None
