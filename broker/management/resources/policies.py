"""Policies and operator policies: listed, shown, set, cleared. Must not: decide what one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp

from broker.management.answers import answer, created, no_content, stored
from broker.management.call import Call, bad_request, object_in, text_in
from broker.management.endpoint import (
    CREATED,
    LISTING,
    NO_CONTENT,
    NUMBER,
    OBJECT,
    SHOWING,
    TEXT,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_values, listing
from broker.policies.policy import Policy
from broker.policies.store import PolicyStore

POLICY: Final = shape(
    "Policy", "vhost name pattern definition priority apply-to",
    vhost=TEXT, name=TEXT, pattern=TEXT, definition=OBJECT, priority=NUMBER, apply__to=TEXT,
)  # fmt: skip
POLICY_WANTED: Final = shape(
    "PolicyWanted", "pattern definition", pattern=TEXT, definition=OBJECT, priority=NUMBER, apply__to=TEXT
)
Store = Callable[[Call], PolicyStore]


def shaped(policy: Policy) -> Json:
    """One policy."""
    return {
        "vhost": policy.vhost, "name": policy.name, "pattern": policy.pattern, "apply-to": policy.apply_to,
        "definition": dict(policy.definition), "priority": policy.priority,
    }  # fmt: skip


def priority_in(body: Json) -> int | float:
    """The priority in a body. Raises: Refused 400."""
    value: Any = body.get("priority", 0)
    if isinstance(value, str) and value.lstrip("-").isdigit() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request("priority is not a number")
    return value


def _endpoints(path: str, kind: str, what: str, store_of: Store) -> tuple[Endpoint, ...]:
    """The endpoints of policies of one kind."""

    async def policies(call: Call) -> ASGIApp:
        vhost = call.vhost if "vhost" in call.request.path_params else None
        found = [one for one in store_of(call).all(vhost) if call.allows(f"{kind}.see", one.vhost)]
        return await listing(call, await from_values(found, shaped))

    async def policy(call: Call) -> ASGIApp:
        return answer(cut(shaped(store_of(call).get(call.vhost, call.part("name"))), columns_of(call)))

    async def put(call: Call) -> ASGIApp:
        body = await call.body("pattern", "definition")
        is_new = store_of(call).set(
            call.vhost, call.part("name"), text_in(body, "pattern"), object_in(body, "definition"),
            priority_in(body), text_in(body, "apply-to", "all"),
        )  # fmt: skip
        await stored(call.api.administration)
        return created(is_new)

    async def delete(call: Call) -> ASGIApp:
        store_of(call).clear(call.vhost, call.part("name"))
        await stored(call.api.administration)
        return no_content()

    of_vhost, one = path + "/{vhost}", path + "/{vhost}/{name}"
    return rows(
        Endpoint("GET", path, "overview.see", policies, f"{what} of all vhosts", LISTING, answer=POLICY.listing()),
        Endpoint("GET", of_vhost, f"{kind}.see", policies, f"{what} of a vhost", LISTING, answer=POLICY.listing()),
        Endpoint("GET", one, f"{kind}.see", policy, f"One of the {what.lower()}", SHOWING, answer=POLICY),
        Endpoint("PUT", one, f"{kind}.put", put, f"Set one of the {what.lower()}", body=POLICY_WANTED, status=CREATED,
                 others=(NO_CONTENT,)),
        Endpoint("DELETE", one, f"{kind}.delete", delete, f"Clear one of the {what.lower()}", status=NO_CONTENT),
    )  # fmt: skip


ENDPOINTS: Final = rows(
    *_endpoints("/policies", "policy", "Policies", lambda call: call.api.rules.policies),
    *_endpoints(
        "/operator-policies", "operator_policy", "Operator policies", lambda call: call.api.rules.operator_policies
    ),
)
