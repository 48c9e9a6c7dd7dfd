"""The names and values the machine draws from: few, so that things meet. Must not: know either broker."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

QUEUES: dict[str, dict[str, Any]] = {
    "plain": {},
    "durable": {"durable": True},
    "levels": {"priority_max": 3},
    "ttl": {"ttl_ms": 50},
    "auto": {"auto_delete": True},
    "mine": {"owner": 0},
    "all": {"durable": True, "priority_max": 2, "ttl_ms": 200},
}
DURABLE_QUEUES: dict[str, dict[str, Any]] = {
    **QUEUES,
    "plain": {"durable": True},
    "levels": {"durable": True, "priority_max": 3},
    "ttl": {"durable": True, "ttl_ms": 50},
}
KEYS = ("a", "a", "a", "a.b", "plain", "durable", "levels", "ttl", "auto", "mine", "all")
BINDING_KEYS = ("a", "a.b", "a.*", "#", "#.b", "*")
EXCHANGES = ("amq.direct", "amq.fanout", "amq.topic")
CHANNEL_NUMBERS = (1, 2)
UNKNOWN_TAG = 9999
LIVES = (None, None, None, 0, 20, 100)
RARELY = 25  # of so many picks, one leads to an error, or to something that ends a great deal

picks = st.integers(1, 10_000)
queue_names = st.sampled_from(sorted(QUEUES))


def arguments_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a declare."""
    names = {"ttl_ms": "x-message-ttl", "priority_max": "x-max-priority"}
    return {names[key]: value for key, value in spec.items() if key in names}
