"""What tests of policies share. Must not: decide what is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.definitions.plain import arguments_of
from broker.model.arguments import Arguments


def arguments(values: Mapping[str, Any]) -> Arguments:
    """Arguments as a client would send them."""
    return arguments_of(dict(values))
