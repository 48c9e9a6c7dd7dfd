"""A message's properties in JSON, and as AMQP has them. Must not: act on one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pamqp.commands import Basic

from broker.management.call import bad_request
from broker.management.endpoint import Json
from broker.management.tables import table_of
from protocol.properties import CLUSTER_ID, Properties

TEXTS: Final = (
    "content_type", "content_encoding", "correlation_id", "reply_to", "expiration", "message_id", "user_id", "app_id",
)  # fmt: skip
NUMBERS: Final = {"delivery_mode": 255, "priority": 255, "timestamp": 2**40}
SHORT_BYTES_MAX: Final = 255


def properties_of(values: Mapping[str, Any]) -> Properties:
    """Properties that a message is published with; names nobody knows are passed over, as RabbitMQ does.

    Raises: Refused 400.
    """
    found: dict[str, Any] = {}
    for name in (*TEXTS, "type"):
        if name in values:
            found["message_type" if name == "type" else name] = _text(name, values[name])
    for name, most in NUMBERS.items():
        if name in values:
            found[name] = _number(name, values[name], most)
    if "timestamp" in found:
        found["timestamp"] = datetime.fromtimestamp(found["timestamp"], UTC)
    headers = values.get("headers")
    if headers:
        if not isinstance(headers, dict):
            raise bad_request("headers is not an object")
        found["headers"] = table_of(headers)
    try:
        raw = bytes(Basic.Properties(**found).marshal())
        if "cluster_id" in values:  # the last of them, which pamqp takes for a mistake
            cluster = _text("cluster_id", values["cluster_id"]).encode("utf-8", "surrogateescape")
            flags = int.from_bytes(raw[:2], "big") | CLUSTER_ID
            raw = flags.to_bytes(2, "big") + raw[2:] + bytes([len(cluster)]) + cluster
    except (ValueError, TypeError, OverflowError) as error:
        raise bad_request(f"properties: {error}") from None
    return Properties(raw)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise bad_request(["not_string", name])
    if len(value.encode("utf-8", "surrogateescape")) > SHORT_BYTES_MAX:
        raise bad_request(f"{name} has at most {SHORT_BYTES_MAX} bytes")
    return value


def _number(name: str, value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(["not_int", name])
    if not 0 <= value <= most:
        raise bad_request(f"{name} is a number from 0 to {most}")
    return value


def as_json(properties: Properties) -> Json:
    """The properties of a message, those that it has; bytes that are no text come as Base64."""
    decoded = Basic.Properties()
    flags = int.from_bytes(properties.raw[:2], "big")
    decoded.unmarshal(flags, properties.raw[2:])
    found: Json = {}
    for name in (*TEXTS, *NUMBERS, "headers"):
        value = getattr(decoded, name)
        if value is not None:
            found[name] = int(value.timestamp()) if isinstance(value, datetime) else value
    if decoded.message_type is not None:
        found["type"] = decoded.message_type
    return found


def payload_of(text: str, encoding: str) -> bytes:
    """A body as it was sent in JSON. Raises: Refused 400."""
    if encoding == "string":
        return text.encode("utf-8", "surrogateescape")
    if encoding != "base64":
        raise bad_request(["unsupported_encoding", encoding])
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise bad_request(["not_base64", text[:100]]) from None


def payload_as_json(body: bytes, is_auto: bool) -> Json:
    """A body for JSON: text where it is text and nobody wants otherwise, else Base64."""
    if is_auto:
        try:
            return {"payload": body.decode(), "payload_encoding": "string"}
        except UnicodeDecodeError:
            pass
    return {"payload": base64.b64encode(body).decode(), "payload_encoding": "base64"}
