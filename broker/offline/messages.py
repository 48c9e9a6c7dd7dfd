"""A stored message in plain words: where it was published to, its properties, its body. Must not: know records."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pamqp.commands import Basic

from broker.definitions.fields import table_to_json, to_json
from broker.holding.ticket import REASONS, decode_ticket
from broker.queues.stored import decode_tail, split_head, stored_properties
from protocol.errors import AmqpError
from protocol.properties import CLUSTER_ID, Properties

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def base64_text(data: bytes) -> str:
    """Bytes as text."""
    return b64encode(data).decode("ascii")


def iso_time(time_ms: int) -> str | None:
    """A time in ISO 8601, UTC; None for one that no calendar has."""
    try:
        return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds")
    except OverflowError:
        return None


def describe_head(head: bytes) -> dict[str, object]:
    """Exchange, routing key and properties; what is not understood as `head` or `properties_raw`, in base64."""
    try:
        tail, raw = split_head(head)
        exchange, routing_key = decode_tail(tail)
    except (IndexError, AmqpError):
        return {"head": base64_text(head)}
    return {"exchange": exchange, "routing_key": routing_key, **_properties(raw)}


def describe_held(head: bytes) -> dict[str, object]:
    """The same of a message that is held until it expires from its stream: why, and for which queue, beside it."""
    try:
        ticket, at = decode_ticket(head)
    except (ValueError, IndexError, AmqpError):
        return {"head": base64_text(head)}
    held = {"reason": REASONS[ticket.reason], "queue": ticket.queue or None, "deliveries": ticket.deliveries}
    return {"held": held, **describe_head(head[at:])}


def _properties(raw: bytes) -> dict[str, object]:
    try:
        raw = stored_properties(raw).raw
        Properties(raw).headers()  # within the broker's bounds
        decoded = Basic.Properties()
        flags = int.from_bytes(raw[:2], "big")
        decoded.unmarshal(flags, raw[2:])
        named = {
            name: _plain(value) for name, value in decoded
            if value is not None and (name != "cluster_id" or flags & CLUSTER_ID)  # pamqp has "" where there is none
        }  # fmt: skip
    except (AmqpError, ValueError, LookupError, TypeError, OverflowError) as error:
        return {"properties_raw": base64_text(raw), "properties_unreadable": str(error)}
    return {"properties": named}


def _plain(value: object) -> object:
    """A property as JSON has it; what stands in the header table keeps its type, as definitions do."""
    if isinstance(value, datetime):
        return value.isoformat()
    return table_to_json(value) if isinstance(value, dict) else to_json(value)


def describe_body(body: bytes, is_whole: bool) -> dict[str, object]:
    """Size and digest of a body; where it is asked for whole, itself too, as text or, where it is none, in base64."""
    facts: dict[str, object] = {"bytes": len(body), "sha256": sha256(body).hexdigest()}
    if is_whole:
        try:
            facts["text"] = body.decode("utf-8")
        except UnicodeDecodeError:
            facts["base64"] = base64_text(body)
    return facts
