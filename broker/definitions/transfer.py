"""Definitions out of a broker and into it, as definitions.json. Must not: check who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from broker.config import Config
from broker.definitions.applying import Imported
from broker.definitions.export import Exported, export
from broker.definitions.importing import Steps, import_definitions


class TransferParts(Exported, Imported, Protocol):
    """The parts of a node that definitions come from and go to."""

    config: Config


class Transfer:
    """Export and import of a node's definitions."""

    def __init__(self, node: TransferParts) -> None:
        self._node = node

    def export(self, vhost: str | None = None) -> Iterator[bytes]:
        """The pieces of a definitions file; between two of them the broker may go on.

        Args: vhost chooses one vhost's definitions, without its name and without users and permissions.
        Raises: UnknownVhostError, at once.
        """
        node, config = self._node, self._node.config
        chosen = None if vhost is None else node.administration.vhost(vhost)
        return export(node, config.product, config.product_version, chosen)

    def load(self, data: bytes, vhost: str | None = None) -> Steps:
        """Imports a definitions file; between two steps the broker may go on, and has to where many queues come.

        Args: data as UTF-8; vhost takes everything that can be in a vhost into that one.
        Raises: UnknownVhostError; ValueError with a text for people, one reason a line.
        """
        return import_definitions(self._node, data, vhost)
