"""What RabbitMQ writes into the headers of a dead letter: `x-death`, and the first and the last death beside it.

A death is one (queue, reason), counted; the newest stands first. Everything else in the headers keeps its bytes.
Must not: publish or settle anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from broker.model.message import Batch
from broker.queues.parts import REJECTED
from protocol.header_table import (
    ARRAY,
    TABLE,
    TEXT,
    Entry,
    array_entry,
    bool_entry,
    header_entries,
    joined,
    long_entry,
    read_entries,
    read_values,
    rewritten,
    table_value,
    text_entry,
    text_value,
    timestamp_entry,
)
from protocol.properties import Properties

DEATHS_MAX: Final = 256  # kept of one message; the oldest is forgotten
X_DEATH: Final = b"x-death"
_FIRST: Final = (b"x-first-death-exchange", b"x-first-death-queue", b"x-first-death-reason")
_LAST: Final = (b"x-last-death-exchange", b"x-last-death-queue", b"x-last-death-reason")
_REJECTED: Final = REJECTED.encode()
_COUNT: Final = b"count"
_ANEW: Final = b"republished"  # only where RabbitMQ before 4.0 would see a cycle that is none
_CC: Final = b"CC"


class Death:
    """How often a message died in one queue for one reason; `rest` is all of its entry but what stands here.

    `is_anew` says that it was the first death after somebody had published the message once more, deaths and all. `raw`
    is the whole entry as it came, where nothing has changed.
    """

    __slots__ = ("count", "is_anew", "queue", "raw", "reason", "rest")

    def __init__(self, queue: bytes | None, reason: bytes | None, rest: bytes, raw: bytes | None = None) -> None:
        self.queue = queue
        self.reason = reason
        self.rest = rest
        self.raw = raw
        self.count = 0
        self.is_anew = False

    def add(self, count: int, is_anew: bool) -> None:
        """So many more."""
        self.count += count
        self.is_anew = is_anew
        self.raw = None

    def encode(self) -> bytes:
        """Its entry in the array."""
        if self.raw is not None:
            return table_value(self.raw)
        anew = bool_entry(_ANEW, True) if self.is_anew else b""
        return table_value(long_entry(_COUNT, self.count) + self.rest + anew)


def _read_death(table: bytes) -> Death | None:
    try:
        entries = read_entries(table)
    except (ValueError, IndexError):
        return None
    death = Death(None, None, b"", table)
    rest = []
    for entry in entries:
        if entry.key == _COUNT:
            death.count = max(0, entry.integer() or 0)
        elif entry.key == _ANEW:
            death.is_anew = True
        else:
            rest.append(entry.raw)
            if entry.key == b"queue":
                death.queue = entry.text()
            elif entry.key == b"reason":
                death.reason = entry.text()
    death.rest = b"".join(rest)
    return death


def _read_deaths(entry: Entry) -> list[Death] | None:
    """The deaths of an `x-death`, newest first, those alike as one; None where it is no array that can be read."""
    if entry.kind != ARRAY:
        return None
    try:
        tables = read_values(entry.value[4:], TABLE)
    except (ValueError, IndexError):
        return None
    deaths: dict[tuple[bytes | None, bytes | None], Death] = {}
    for table in tables[:DEATHS_MAX]:
        death = _read_death(table)
        if death is None:
            continue
        known = deaths.setdefault((death.queue, death.reason), death)
        if known is not death:
            known.add(death.count, known.is_anew)
    return list(deaths.values())


class DeathHistory:
    """The headers of a message that is about to die once more, taken apart; a table nobody can read counts as none."""

    __slots__ = ("_entries", "deaths", "properties")

    def __init__(self, properties: Properties) -> None:
        self.properties = properties
        self.deaths: list[Death] = []  # the newest first
        self._entries: list[Entry] = []
        for entry in header_entries(properties) or ():
            if entry.key == X_DEATH:
                self.deaths = self.deaths or _read_deaths(entry) or []
            else:
                self._entries.append(entry)

    def add(self, batch: Batch, queue: str, reason: str, now_ms: int, is_anew: bool) -> None:
        """It dies in a queue now; the same death as before is counted, and becomes the newest.

        Args: is_anew says that it did not come to this queue by its last death.
        """
        name, why = queue.encode(), reason.encode()
        deaths = self.deaths
        at = 0
        while at < len(deaths) and (deaths[at].queue != name or deaths[at].reason != why):
            at += 1
        death = deaths.pop(at) if at < len(deaths) else Death(name, why, self._entry(batch, name, why, now_ms))
        death.add(1, is_anew and why != _REJECTED and bool(deaths) and deaths[0].reason != _REJECTED)
        deaths.insert(0, death)
        del deaths[DEATHS_MAX:]

    def _entry(self, batch: Batch, queue: bytes, reason: bytes, now_ms: int) -> bytes:
        """What is written down of a death besides its count."""
        keys = [batch.address.routing_key.encode(), *self.copy_keys()]
        entry = text_entry(b"reason", reason) + text_entry(b"queue", queue)
        entry += timestamp_entry(b"time", now_ms // 1000) + text_entry(b"exchange", batch.address.exchange.encode())
        entry += array_entry(b"routing-keys", b"".join([text_value(key) for key in keys]))
        expiration = self.properties.expiration
        return entry if expiration is None else entry + text_entry(b"original-expiration", expiration)

    def copy_keys(self) -> list[bytes]:
        """The routing keys in the header CC."""
        return next((_texts(entry) for entry in self._entries if entry.key == _CC), [])

    def hidden_keys(self) -> list[bytes]:
        """The routing keys that stood in the header BCC."""
        return [key for entry in read_entries(self.properties.hidden) for key in _texts(entry)]

    def encode(self, exchange: str, is_first: bool, keeps_copies: bool) -> Properties:
        """The dead letter's properties: without expiration, and without CC where another key counts.

        Args: exchange is where the message was published before it died; is_first says that it never died before.
        """
        newest = self.deaths[0]
        ours = (exchange.encode(), newest.queue or b"", newest.reason or b"")
        names = (*_FIRST, *_LAST) if is_first else _LAST
        written = {key: text_entry(key, text) for key, text in zip(names, ours * 2, strict=False)}
        written[X_DEATH] = array_entry(X_DEATH, b"".join([death.encode() for death in self.deaths]))
        kept = [
            (entry.key, entry.raw)
            for entry in self._entries
            if entry.key not in written and (keeps_copies or entry.key != _CC)
        ]
        return rewritten(self.properties, joined([*kept, *written.items()]), False, keeps_copies)


def _texts(entry: Entry) -> list[bytes]:
    """The long strings in an array; none where it is anything else."""
    if entry.kind != ARRAY:
        return []
    try:
        return read_values(entry.value[4:], TEXT)
    except (ValueError, IndexError):
        return []


def is_cycle(deaths: Sequence[Death], queue: str) -> bool:
    """Whether a message comes back to a queue by itself: it died there, and nobody has rejected it since.

    Spec: RabbitMQ's dead-letter cycle detection.
    """
    name = queue.encode()
    for death in deaths:
        if death.reason == _REJECTED:
            return False
        if death.queue == name:
            return True
        if death.is_anew:
            return False
    return False
