"""What whoever asks may see: the pages that a list is made of, as RabbitMQ chooses them by tags and vhosts.

Must not: write answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker.introspection.pages import ALL, Page
from broker.management.call import Call

Listed = Callable[[int, int, str | None], Page[Any]]


def of_vhosts(call: Call, listed: Listed) -> list[Page[Any]]:
    """Everything of one kind: in the vhost of the path, else in all vhosts that whoever asks sees."""
    if "vhost" in call.request.path_params:
        return [listed(1, ALL, call.vhost)]
    if call.sees_all_vhosts:
        return [listed(1, ALL, None)]
    return [listed(1, ALL, name) for name in visible_vhosts(call)]


def visible_vhosts(call: Call) -> list[str]:
    """The names of the vhosts that whoever asks sees."""
    names = [vhost.name for vhost in call.api.window.vhosts(1, ALL).chosen]
    return [name for name in names if call.sees_vhost(name)]


def of_connections(call: Call, page: Page[Any], user_of: Callable[[Any], str]) -> Page[Any]:
    """A page of connections, or of what belongs to them, with those that whoever asks may see.

    Args: user_of says whose a chosen thing is.
    """
    if call.allows("connection.see"):
        return page
    page.chosen = [thing for thing in page.chosen if user_of(thing) == call.subject.user]
    page.total_count = len(page.chosen)
    return page
