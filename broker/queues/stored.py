"""A message as the journal has it: its head is exchange, routing key and the property list; its item the body.

Behind the property list stands what of it is hidden from consumers, where something is.

Must not: decode what is only passed on; heads that are alike are looked at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.model.message import Batch
from protocol.commands import Address, text_of
from protocol.properties import Properties, list_end
from storage.journal import Loaded


def encode_head(batch: Batch) -> bytes:
    """What the journal keeps beside the bodies: the address's two short strings, the property list, what is hidden."""
    properties = batch.properties
    return batch.address.tail + properties.raw + properties.hidden


def split_head(head: bytes) -> tuple[bytes, bytes]:
    """The address's two short strings, and the raw property list with what stands behind it."""
    middle = 1 + head[0]
    end = middle + 1 + head[middle]
    return head[:end], head[end:]


def stored_properties(data: bytes) -> Properties:
    """A property list with what stands behind it."""
    try:
        end = list_end(data)
    except IndexError:
        end = len(data)
    return Properties(data[:end], data[end:])


def decode_tail(tail: bytes) -> tuple[str, str]:
    """Exchange and routing key."""
    middle = 1 + tail[0]
    return text_of(tail[1:middle]), text_of(tail[middle + 1 :])


class HeadReader:
    """Makes batches of what a queue loads; remembers the last head, since messages often share one."""

    __slots__ = ("_address", "_head", "_properties")

    def __init__(self) -> None:
        self._head = b""
        self._address: Address | None = None
        self._properties: Properties | None = None

    def batch(self, loaded: Loaded) -> Batch:
        """Loaded messages as a batch of their own."""
        address, properties = self._address, self._properties
        if address is None or properties is None or loaded.head != self._head:
            tail, raw = split_head(loaded.head)
            if address is None or address.tail != tail:
                address = self._address = Address(*decode_tail(tail), False, False, tail)
            properties = self._properties = stored_properties(raw)
            self._head = loaded.head
        batch = Batch(address, properties, _bodies(loaded.items), -1)
        batch.share_bytes = loaded.share_bytes
        batch.stamp_ms = loaded.stamp_ms
        return batch


def _bodies(items: Sequence[bytes]) -> list[bytes]:
    return items if isinstance(items, list) else list(items)
