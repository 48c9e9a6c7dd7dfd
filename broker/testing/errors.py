"""What can go wrong in a test that uses the broker, each with a text that says what was seen. Must not: act."""

from __future__ import annotations


class WaitTimeoutError(AssertionError):
    """Something did not come true in time; the text says what was seen last. A test that meets it has failed."""


class QueueNotFoundError(LookupError):
    """There is no queue of that name in the vhost; the text names those that there are."""


class RefusedError(Exception):
    """The broker refused what a helper asked for; the text is the broker's."""


class BrokerGoneError(Exception):
    """The broker could not start, has ended, or does not answer."""


class NotInThisModeError(Exception):
    """The broker's form cannot do this; the text says which one can."""


class UnclosedConnectionWarning(UserWarning):
    """A test has left connections open."""
