"""Which messages of a stream a reader wants, by the filter value that their publisher gave them.

Must not: look at a message where no reader has a filter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.model.message import Batch
from protocol.errors import ConnectionException
from protocol.properties import Properties

HEADER: Final = "x-stream-filter-value"


class FilterValues:
    """Reads filter values; remembers the last property list, since messages often share one."""

    __slots__ = ("_properties", "_value")

    def __init__(self) -> None:
        self._properties: Properties | None = None
        self._value: str | None = None

    def of(self, batch: Batch) -> str | None:
        """The filter value of a batch's messages; None where they have none."""
        if batch.properties is not self._properties:
            self._properties = batch.properties
            self._value = _read(batch.properties)
        return self._value


def _read(properties: Properties) -> str | None:
    if HEADER.encode() not in properties.raw:
        return None
    try:
        found = properties.headers().get(HEADER)
    except ConnectionException:  # a table that is passed on as it is
        return None
    return found if isinstance(found, str) else None


class Filter:
    """The values that one reader wants, and whether it wants messages without one too."""

    __slots__ = ("_unfiltered", "_values")

    def __init__(self, values: Iterable[str], unfiltered: bool) -> None:
        self._values = frozenset(values)
        self._unfiltered = unfiltered

    def wants(self, value: str | None) -> bool:
        """Whether messages of this filter value are to be delivered."""
        return self._unfiltered if value is None else value in self._values
