"""RabbitMQ's reply text of a refused redeclaration, on RabbitMQ and here: ours goes on with a sentence of advice.

Must not: be used for other texts; those are the same to the last character.
"""

from __future__ import annotations

import re
from typing import Any

from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Method, method_id

ADVICE = re.compile(r"\. (Declare it as it is|To change it in place|This cannot be changed)[^\n]*\Z")


def literal(close: Any) -> str:
    """The text without the advice, if there is some."""
    return ADVICE.sub("", str(close.reply_text))


def refuses_alike(channel: RawChannel, method: Method, text: str) -> None:
    """The redeclaration closes the channel with 406 and, advice aside, exactly this text; the channel is open again."""
    channel.send(method)
    close = channel.expect_close(406, "", method_id(method))
    assert literal(close) == f"PRECONDITION_FAILED - {text}"
    assert len(close.reply_text.encode()) <= 255
    channel.open()
