"""The table of everything the API offers, resource by resource. Must not: say anything twice."""

from __future__ import annotations

from typing import Final

from broker.management.endpoint import Endpoint
from broker.management.resources import (
    bindings,
    browse,
    celery,
    changes,
    connections,
    dead_letter_queues,
    deduplication,
    definitions,
    described,
    exchanges,
    features,
    health,
    held,
    known_arguments,
    leveret,
    logins,
    messages,
    moving,
    nodes,
    offsets,
    operators,
    overview,
    parameters,
    permissions,
    policies,
    queues,
    trace,
    users,
    vhosts,
)

RESOURCES: Final = (
    overview, nodes, vhosts, users, permissions, queues, changes, exchanges, bindings, deduplication, messages, browse,
    moving, held, offsets, celery, connections, policies, parameters, definitions, logins, health, features,
    leveret, known_arguments, dead_letter_queues, operators, trace, described,
)  # fmt: skip
ENDPOINTS: Final[tuple[Endpoint, ...]] = tuple(one for resource in RESOURCES for one in resource.ENDPOINTS)


def by_path() -> dict[str, dict[str, Endpoint]]:
    """Endpoints by path and method, in the order in which paths are to be tried: words before names."""
    found: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        methods = found.setdefault(endpoint.path, {})
        assert endpoint.method not in methods, f"{endpoint.method} {endpoint.path} is there twice"
        methods[endpoint.method] = endpoint
    return dict(sorted(found.items(), key=lambda item: [part.startswith("{") for part in item[0].split("/")]))
