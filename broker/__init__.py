"""Leveret's broker: everything above the wire protocol and the storage. Must not: hold code of its own here."""

__version__ = "0.1.0"
