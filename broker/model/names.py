"""How things are named in reply texts, and which names are reserved. Must not: look anything up."""

from __future__ import annotations

import base64
import os
from typing import Final

RESERVED_PREFIX: Final = "amq."
REPLY_TO: Final = "amq.rabbitmq.reply-to"
REPLY_TO_PREFIX: Final = "amq.rabbitmq.reply-to."
GENERATED_BYTES: Final = 16


def clean(name: str) -> str:
    """A name as a client sent it, without the line breaks that RabbitMQ strips too."""
    return name.replace("\r", "").replace("\n", "") if "\n" in name or "\r" in name else name


def rs(kind: str, name: str, vhost: str) -> str:
    """A resource as reply texts name it: `queue 'q' in vhost '/'`."""
    return f"{kind} '{name}' in vhost '{vhost}'"


def queue_rs(name: str, vhost: str) -> str:
    """A queue as reply texts name it."""
    return rs("queue", name, vhost)


def exchange_rs(name: str, vhost: str) -> str:
    """An exchange as reply texts name it; the default exchange is `default exchange`."""
    return rs("exchange", name, vhost) if name else f"default exchange in vhost '{vhost}'"


def generated(prefix: str) -> str:
    """A name nobody else has: the prefix and 22 URL-safe characters."""
    return prefix + base64.urlsafe_b64encode(os.urandom(GENERATED_BYTES)).decode().rstrip("=")
