"""How many logins succeeded and failed, by protocol. Must not: know names or passwords."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.auth.accounts import Attempts
from broker.management.answers import no_content
from broker.management.call import Call
from broker.management.endpoint import INTEGER, LISTING, NO_CONTENT, TEXT, Endpoint, Json, rows, shape
from broker.management.lists import from_values, listing
from broker.management.resources.nodes import check_name

ATTEMPTS: Final = shape(
    "LoginAttempts", "protocol auth_attempts auth_attempts_failed auth_attempts_succeeded",
    protocol=TEXT, auth_attempts=INTEGER, auth_attempts_failed=INTEGER, auth_attempts_succeeded=INTEGER,
)  # fmt: skip
NODE: Final = "/auth/attempts/{node}"


def _shaped(of: tuple[str, Attempts]) -> Json:
    protocol, attempts = of
    return {
        "protocol": protocol, "auth_attempts": attempts.succeeded + attempts.failed,
        "auth_attempts_failed": attempts.failed, "auth_attempts_succeeded": attempts.succeeded,
    }  # fmt: skip


async def attempts(call: Call) -> ASGIApp:
    """Logins since the start, or since they were set back."""
    check_name(call)
    return await listing(call, await from_values(list(call.api.accounts.attempts.items()), _shaped))


async def by_source(call: Call) -> ASGIApp:
    """RabbitMQ keeps them by address where that is turned on; here failures are limited by address, and not kept."""
    check_name(call)
    return await listing(call, [])


async def reset(call: Call) -> ASGIApp:
    """Sets the counts back."""
    check_name(call)
    for one in call.api.accounts.attempts.values():
        one.succeeded = one.failed = 0
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", NODE, "login.see", attempts, "Logins by protocol", LISTING, answer=ATTEMPTS.listing()),
    Endpoint("GET", NODE + "/source", "login.see", by_source, "Logins by address: not kept", LISTING,
             answer=ATTEMPTS.listing()),
    Endpoint("DELETE", NODE, "login.reset", reset, "Set the counts back", status=NO_CONTENT),
    Endpoint("DELETE", NODE + "/source", "login.reset", reset, "Set the counts back", status=NO_CONTENT),
)  # fmt: skip
