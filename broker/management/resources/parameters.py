"""Runtime parameters, global parameters, limits and the cluster's name. Must not: decide what a value does."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import ASGIApp

from broker.management.answers import answer, as_dict, created, no_content, stored
from broker.management.call import Call, bad_request, text_in
from broker.management.endpoint import (
    ANYTHING,
    CREATED,
    LISTING,
    NO_CONTENT,
    OBJECT,
    SHOWING,
    TEXT,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_values, listing
from broker.management.resources.policies import shaped as policy_shaped
from broker.policies.limits import LimitStore
from broker.policies.parameters import CLUSTER_NAME
from broker.policies.policy import POLICY

PARAMETER: Final = shape(
    "Parameter", "component vhost name value", component=TEXT, vhost=TEXT, name=TEXT, value=ANYTHING
)
PARAMETER_WANTED: Final = shape("ParameterWanted", "value", value=ANYTHING)
GLOBAL: Final = shape("GlobalParameter", "name value", name=TEXT, value=ANYTHING)
NAME: Final = shape("ClusterName", "name", name=TEXT)
VHOST_LIMIT: Final = shape("VhostLimits", "vhost value", vhost=TEXT, value=OBJECT)
USER_LIMIT: Final = shape("UserLimits", "user value", user=TEXT, value=OBJECT)
ONE: Final = "/parameters/{component}/{vhost}/{name}"


async def parameters(call: Call) -> ASGIApp:
    """The parameters of all components and vhosts, of one component, or of one vhost in it."""
    parts = call.request.path_params
    component = call.part("component") if "component" in parts else None
    vhost = call.vhost if "vhost" in parts else None
    found = [as_dict(one) for one in call.api.rules.parameters.all(component, vhost)]
    if component in (None, POLICY):  # as RabbitMQ shows them
        found += [_as_parameter(one) for one in map(policy_shaped, call.api.rules.policies.all(vhost))]
    seen = [one for one in found if call.allows("parameter.see", one["vhost"])]
    return await listing(call, await from_values(seen, lambda it: it))


def _as_parameter(policy: Json) -> Json:
    value = {key: held for key, held in policy.items() if key not in ("vhost", "name")}
    return {"component": POLICY, "vhost": policy["vhost"], "name": policy["name"], "value": value}


async def parameter(call: Call) -> ASGIApp:
    """One parameter."""
    component, vhost, name = call.part("component"), call.vhost, call.part("name")
    rules = call.api.rules
    if component == POLICY:
        found = _as_parameter(policy_shaped(rules.policies.get(vhost, name)))
    else:
        found = as_dict(rules.parameters.get(component, vhost, name))
    return answer(cut(found, columns_of(call)))


async def put(call: Call) -> ASGIApp:
    """Sets a parameter."""
    value = (await call.body("value"))["value"]
    component = call.part("component")
    _require_operator(call, component)
    is_new = call.api.rules.parameters.set(component, call.vhost, call.part("name"), value)
    await stored(call.api.administration)
    return created(is_new)


async def delete(call: Call) -> ASGIApp:
    """Clears a parameter."""
    component = call.part("component")
    _require_operator(call, component)
    call.api.rules.parameters.clear(component, call.vhost, call.part("name"))
    await stored(call.api.administration)
    return no_content()


def _require_operator(call: Call, component: str) -> None:
    """What has an endpoint of its own asks for what that asks. Raises: NotAllowedError."""
    needed = {"operator_policy": "operator_policy.put", "vhost-limits": "limit.put"}.get(component)
    if needed is not None:
        call.require(needed, call.vhost)


# ---- global parameters


async def global_parameters(call: Call) -> ASGIApp:
    """All global parameters."""
    found = [{"name": name, "value": value} for name, value in call.api.rules.global_parameters.all().items()]
    return await listing(call, await from_values(found, lambda it: it))


async def global_parameter(call: Call) -> ASGIApp:
    """One global parameter."""
    name = call.part("name")
    return answer(cut({"name": name, "value": call.api.rules.global_parameters.get(name)}, columns_of(call)))


async def put_global(call: Call) -> ASGIApp:
    """Sets a global parameter."""
    value = (await call.body("value"))["value"]
    is_new = call.api.rules.global_parameters.set(call.part("name"), value)
    await stored(call.api.administration)
    return created(is_new)


async def delete_global(call: Call) -> ASGIApp:
    """Clears a global parameter."""
    call.api.rules.global_parameters.clear(call.part("name"))
    await stored(call.api.administration)
    return no_content()


async def cluster_name(call: Call) -> ASGIApp:
    """The name of this broker."""
    return answer({"name": call.api.node.cluster_name})


async def put_cluster_name(call: Call) -> ASGIApp:
    """Gives this broker a name, for tools and for connections that are opened from now on."""
    name = text_in(await call.body("name"), "name")
    call.api.rules.global_parameters.set(CLUSTER_NAME, name)
    await stored(call.api.administration)
    return no_content()


# ---- limits


def _limits_of(call: Call, owner: str) -> LimitStore:
    rules = call.api.rules
    return rules.vhost_limits if owner == "vhost" else rules.user_limits


def _limit_endpoints(owner: str, shaped_as: Any) -> tuple[Endpoint, ...]:
    """The endpoints of the limits of vhosts, or of users."""

    async def limits(call: Call) -> ASGIApp:
        name = call.part(owner) if owner in call.request.path_params else None
        found: list[Json] = [{owner: one, "value": dict(of)} for one, of in _limits_of(call, owner).all(name).items()]
        if owner == "vhost":
            found = [one for one in found if call.sees_vhost(one["vhost"])]
        else:
            found = [one for one in found if call.allows("user.see") or one["user"] == call.subject.user]
        return await listing(call, await from_values(found, lambda it: it))

    async def put_limit(call: Call) -> ASGIApp:
        value = (await call.body("value"))["value"]
        if isinstance(value, str) and value.lstrip("-").isdigit() and len(value) < 16:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad_request("a limit is a whole number; below 0 means no limit")
        _limits_of(call, owner).set_one(call.part(owner), call.part("name"), value)
        await stored(call.api.administration)
        return no_content()

    async def delete_limit(call: Call) -> ASGIApp:
        _limits_of(call, owner).clear_one(call.part(owner), call.part("name"))
        await stored(call.api.administration)
        return no_content()

    path, one = f"/{owner}-limits", f"/{owner}-limits/{{{owner}}}"
    return rows(
        Endpoint("GET", path, "limit.see", limits, f"Limits of {owner}s", LISTING, answer=shaped_as.listing()),
        Endpoint("GET", one, "limit.see", limits, f"Limits of a {owner}", LISTING, answer=shaped_as.listing()),
        Endpoint("PUT", one + "/{name}", "limit.put", put_limit, f"Set a limit of a {owner}", body=PARAMETER_WANTED,
                 status=NO_CONTENT),
        Endpoint("DELETE", one + "/{name}", "limit.delete", delete_limit, f"Clear a limit of a {owner}",
                 status=NO_CONTENT),
    )  # fmt: skip


ENDPOINTS: Final = rows(
    Endpoint("GET", "/parameters", "global_parameter.see", parameters, "The parameters of all vhosts", LISTING,
             answer=PARAMETER.listing()),
    Endpoint("GET", "/parameters/{component}", "global_parameter.see", parameters, "The parameters of a component",
             LISTING, answer=PARAMETER.listing()),
    Endpoint("GET", "/parameters/{component}/{vhost}", "parameter.see", parameters,
             "The parameters of a component in a vhost", LISTING, answer=PARAMETER.listing()),
    Endpoint("GET", ONE, "parameter.see", parameter, "One parameter", SHOWING, answer=PARAMETER),
    Endpoint("PUT", ONE, "parameter.put", put, "Set a parameter", body=PARAMETER_WANTED, status=CREATED,
             others=(NO_CONTENT,)),
    Endpoint("DELETE", ONE, "parameter.delete", delete, "Clear a parameter", status=NO_CONTENT),
    Endpoint("GET", "/global-parameters", "global_parameter.see", global_parameters, "Global parameters", LISTING,
             answer=GLOBAL.listing()),
    Endpoint("GET", "/global-parameters/{name}", "global_parameter.see", global_parameter, "One global parameter",
             SHOWING, answer=GLOBAL),
    Endpoint("PUT", "/global-parameters/{name}", "global_parameter.put", put_global, "Set a global parameter",
             body=PARAMETER_WANTED, status=CREATED, others=(NO_CONTENT,)),
    Endpoint("DELETE", "/global-parameters/{name}", "global_parameter.delete", delete_global,
             "Clear a global parameter", status=NO_CONTENT),
    Endpoint("GET", "/cluster-name", "http.enter", cluster_name, "The name of this broker", answer=NAME),
    Endpoint("PUT", "/cluster-name", "global_parameter.put", put_cluster_name, "Give this broker a name", body=NAME,
             status=NO_CONTENT),
    *_limit_endpoints("vhost", VHOST_LIMIT),
    *_limit_endpoints("user", USER_LIMIT),
)  # fmt: skip
