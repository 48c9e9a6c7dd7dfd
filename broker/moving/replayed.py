"""The headers of a dead letter that is replayed: it begins anew, and what it died of is kept under other names.

Must not: decode a header, or change the bytes of one that has nothing to do with death.

With `x-death` left in place the next death could be taken for a cycle and drop the message, and consumers that count
deaths would give up at once. `x-deaths-before-replay` has what `x-death` had, and `x-replays` counts.
"""

from __future__ import annotations

from typing import Final

from broker.moving.deaths import X_DEATH
from protocol.properties import Properties
from protocol.tables import entry_ranges

BEFORE: Final = "x-deaths-before-replay"
REPLAYS: Final = "x-replays"
_GONE: Final = frozenset(
    f"x-{which}-death-{what}".encode() for which in ("first", "last") for what in ("exchange", "queue", "reason")
)
_LONG: Final = b"l"
_LONG_BYTES: Final = 8
_COUNT_MAX: Final = 2**63 - 1


def _key(name: str) -> bytes:
    return bytes([len(name)]) + name.encode()


def fresh(properties: Properties) -> Properties:
    """The properties of a dead letter for its next life.

    Raises: ConnectionException 502 for a malformed table.
    """
    if not properties.headers_end:
        return properties
    raw, replays = properties.raw, 0
    kept: list[bytes] = []
    for start, end, key in entry_ranges(raw, properties.headers_start):
        value = raw[start + 1 + len(key) : end]
        if key == X_DEATH.encode():
            kept.append(_key(BEFORE) + value)
        elif key == REPLAYS.encode():
            replays = int.from_bytes(value[1:], "big") if value[:1] == _LONG else 0
        elif key != BEFORE.encode() and key not in _GONE:
            kept.append(raw[start:end])
    kept.append(_key(REPLAYS) + _LONG + min(replays + 1, _COUNT_MAX).to_bytes(_LONG_BYTES, "big"))
    table = b"".join(kept)
    size = len(table).to_bytes(4, "big")
    return Properties(raw[: properties.headers_start] + size + table + raw[properties.headers_end :])
