"""The table of doctor's checks of a broker, and what they need to know. Must not: print."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from broker.cli.doctor import doors, machine, traffic
from broker.cli.doctor.findings import Facts, Finding
from broker.cli.exits import RefusedError

if TYPE_CHECKING:
    from broker.cli.client import Client

Check = Callable[[Facts], Iterator[Finding]]
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("no alarm is on", machine.alarms),
    ("there is memory", machine.memory),
    ("there is disk space", machine.disk),
    ("files can be opened", machine.open_files),
    ("connections are below their limit", machine.connection_limit),
    ("the log is whole and safe", machine.log),
    ("definitions can be stored", machine.definitions),
    ("the event loop runs freely", machine.event_loop),
    ("clocks agree", machine.clock),
    ("default passwords are gone", doors.guest),
    ("nothing outside is without TLS", doors.plain_text),
    ("certificates hold for a month", doors.certificates),
    ("users have rights", doors.idle_users),
    ("queues have readers", traffic.unread),
    ("consumers keep up", traffic.slow),
    ("messages are acknowledged", traffic.unsettled),
    ("no queues are left behind", traffic.left_behind),
    ("connections have heartbeats", traffic.heartbeats),
    ("channels are few and limited", traffic.leaks),
    ("connections last", traffic.churn),
    ("publishers are not held up", traffic.blocked),
    ("messages find queues", traffic.unroutable),
)
THINGS_MAX: Final = 10_000  # queues, connections and channels that are looked at
MS_PER_S: Final = 1000
CHECK_FAILED: Final = 503
NOT_FOUND: Final = 404


def ask(client: Client) -> Facts:
    """Everything the checks need, in a handful of requests. Raises: what the client raises for the first of them."""
    overview = client.get("/api/overview")
    untold: list[str] = []

    def told(path: str, otherwise: Any) -> Any:
        try:
            return client.get(path)
        except RefusedError as error:
            if error.status != NOT_FOUND:
                untold.append(path)
            return otherwise

    def many(path: str) -> list[dict[str, Any]]:
        try:
            return list(islice(client.pages(path), THINGS_MAX))
        except RefusedError:
            untold.append(path)
            return []

    return Facts(
        overview,
        told("/api/nodes", [{}])[0],
        told("/api/config/effective", {}),
        queues=many("/api/queues"),
        queue_count=overview.get("object_totals", {}).get("queues", 0),
        connections=many("/api/connections"),
        channels=many("/api/channels"),
        vhosts=frozenset(one["name"] for one in many("/api/vhosts")),
        users=frozenset(one["name"] for one in many("/api/users")),
        permissions=many("/api/permissions"),
        users_without_permissions=[one["name"] for one in told("/api/users/without-permissions", [])],
        with_guest=authenticates(client, "guest", "guest"),
        expiring=_expiring(client),
        now_ms=int(time.time() * MS_PER_S),
        broker_ms=told("/api/leveret/clock", {}).get("time_ms"),
        untold=untold,
    )


def authenticates(client: Client, user: str, password: str) -> bool | None:
    """Whether a user can log in with this password; None where that cannot be found out."""
    try:
        answer = client.post("/api/leveret/authenticate", {"username": user, "password": password})
    except RefusedError:
        return None
    return bool(answer["authenticated"])


def _expiring(client: Client) -> list[dict[str, Any]]:
    try:
        client.get("/api/health/checks/certificate-expiration/1/months")
    except RefusedError as error:
        return [{"name": str(error)}] if error.status == CHECK_FAILED else []
    return []


def run(facts: Facts) -> dict[str, list[Finding]]:
    """What each check has found, by what it makes sure of."""
    unknown = doors.guest if facts.with_guest is None else None
    return {name: list(check(facts)) for name, check in CHECKS if check is not unknown}
