"""Which methods are legal when, as tables: the connection's states and the channel's.

Must not: read bytes or act on a method.
"""

from __future__ import annotations

from typing import Final

from protocol import commands as c
from protocol.constants import CHANNEL_ERROR
from protocol.errors import ConnectionException

AWAIT_HEADER: Final = "handshake"
AWAIT_START_OK: Final = "starting"
AWAIT_SECURE_OK: Final = "securing"
AWAIT_TUNE_OK: Final = "tuning"
AWAIT_OPEN: Final = "opening"
OPEN: Final = "running"
CLOSING: Final = "closing"  # we sent close: everything but close and close-ok is dropped
CLOSED: Final = "closed"

# state → legal methods on channel 0 → next state
TRANSITIONS: Final[dict[str, dict[int, str]]] = {
    AWAIT_START_OK: {c.CONNECTION_START_OK: AWAIT_TUNE_OK},
    AWAIT_SECURE_OK: {c.CONNECTION_SECURE_OK: AWAIT_TUNE_OK},
    AWAIT_TUNE_OK: {c.CONNECTION_TUNE_OK: AWAIT_OPEN},
    AWAIT_OPEN: {c.CONNECTION_OPEN: OPEN},
    OPEN: {c.CONNECTION_CLOSE: CLOSED, c.CONNECTION_UPDATE_SECRET: OPEN},
    CLOSING: {c.CONNECTION_CLOSE: CLOSED, c.CONNECTION_CLOSE_OK: CLOSED},
}


def next_state(state: str, index: int) -> str:
    """The connection's state after a legal method on channel 0.

    Raises: ConnectionException 504 for a method that the state does not allow.
    Spec: 1.4 (connection grammar).
    """
    after = TRANSITIONS.get(state, {}).get(index)
    if after is None:
        text = f"unexpected method in connection state {state}"
        raise ConnectionException(CHANNEL_ERROR, text, index >> 16, index & 0xFFFF)
    return after


def check_channel_method(is_open: bool, index: int) -> None:
    """Raises ConnectionException 504 for a method on a channel that is not open, or a second open.

    Spec: 1.5 (channel grammar).
    """
    if is_open and index == c.CHANNEL_OPEN:
        raise ConnectionException(CHANNEL_ERROR, "second 'channel.open' seen", 20, 10)
    if not is_open and index != c.CHANNEL_OPEN:
        raise ConnectionException(CHANNEL_ERROR, "expected 'channel.open'", index >> 16, index & 0xFFFF)
