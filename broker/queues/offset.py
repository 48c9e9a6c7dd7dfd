"""Where a consumer of a stream begins: what x-stream-offset may say. Must not: look for the place; the stream does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from broker.model.arguments import INTERVAL, Arguments
from broker.model.settings import interval_ms
from broker.queues.stream_filter import Filter
from protocol.constants import PRECONDITION_FAILED
from protocol.errors import ChannelException

NAME: Final = "x-stream-offset"
CONSUMER_NAME: Final = "x-stream-consumer-name"
FIRST: Final = "first"
LAST: Final = "last"
NEXT: Final = "next"
TIME: Final = "time"
OFFSET: Final = "offset"
LABEL_BYTES_MAX: Final = 255
FILTERS_MAX: Final = 1000  # values that one consumer may want


class Start(NamedTuple):
    """What a consumer begins with: FIRST, LAST or NEXT; or, at TIME or OFFSET, the first message from `value` on."""

    word: str
    value: int = 0  # milliseconds since 1970, or an offset


def start_of(arguments: Arguments, now_ms: int, resource: str) -> Start:
    """Where the arguments of a consumer say that it begins; without a word of it, behind everything there is.

    Raises: ChannelException 406.
    """
    value = arguments.get(NAME)
    if NAME not in arguments.values:
        return Start(NEXT)
    if isinstance(value, str) and value in (FIRST, LAST, NEXT):
        return Start(value)
    if isinstance(value, str) and INTERVAL.fullmatch(value):
        return Start(TIME, now_ms - interval_ms(value))
    if isinstance(value, datetime):
        return Start(TIME, int(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000))
    if isinstance(value, int) and not isinstance(value, bool):
        return Start(OFFSET, max(0, value))
    shown = f'<<"{value}">>' if isinstance(value, str) else _shown(value)
    text = f"invalid arg '{NAME}' for {resource}: {{invalid_stream_offset_arg,{{{arguments.type_name(NAME)},{shown}}}}}"
    raise ChannelException(PRECONDITION_FAILED, text)


def _shown(value: Any) -> str:
    if value is None:
        return "undefined"
    return "[]" if isinstance(value, Mapping | list) else str(value).lower()


def label_of(arguments: Arguments, resource: str) -> str:
    """The name that the broker keeps the consumer's offset under; an empty text for none.

    Raises: ChannelException 406 for one that is empty or too long.
    """
    if CONSUMER_NAME not in arguments.values:
        return ""
    name = str(arguments.get(CONSUMER_NAME))
    if not 0 < len(name.encode("utf-8", "surrogateescape")) <= LABEL_BYTES_MAX:
        text = f"invalid arg '{CONSUMER_NAME}' for {resource}: a name has 1 to {LABEL_BYTES_MAX} bytes"
        raise ChannelException(PRECONDITION_FAILED, text)
    return name


def filter_of(arguments: Arguments, resource: str) -> Filter | None:
    """What the consumer wants of the stream; None for everything. Other things than texts in a list count for nothing.

    Raises: ChannelException 406 for too many values.
    """
    value = arguments.get("x-stream-filter")
    values = value if isinstance(value, list) else [value]
    if not isinstance(value, list | str):
        return None
    if len(values) > FILTERS_MAX:
        text = f"invalid arg 'x-stream-filter' for {resource}: more than {FILTERS_MAX} values"
        raise ChannelException(PRECONDITION_FAILED, text)
    unfiltered = arguments.get("x-stream-match-unfiltered") is True
    return Filter((one for one in values if isinstance(one, str)), unfiltered)
