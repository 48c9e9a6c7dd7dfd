"""What is wrong with TLS as it is configured. Must not: know any setting."""

from __future__ import annotations


class TlsError(Exception):
    """TLS cannot be served as it is configured; the text is one line for the user."""
