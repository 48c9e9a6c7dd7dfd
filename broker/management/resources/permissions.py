"""Permissions and topic permissions: listed, shown, given, taken away. Must not: decide what one allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp

from broker.auth.permissions import Permission
from broker.auth.topic_permissions import TopicPermission
from broker.management.answers import answer, as_dict, created, no_content, stored
from broker.management.call import Call, bad_request, not_found, text_in
from broker.management.endpoint import CREATED, LISTING, NO_CONTENT, SHOWING, TEXT, Endpoint, rows, shape
from broker.management.lists import columns_of, cut, from_values, listing

KINDS: Final = ("configure", "write", "read")
TOPIC_KINDS: Final = ("exchange", "write", "read")
PERMISSION: Final = shape(
    "Permission", "user vhost configure write read", user=TEXT, vhost=TEXT, configure=TEXT, write=TEXT, read=TEXT
)
PERMISSION_WANTED: Final = shape("PermissionWanted", "configure write read", configure=TEXT, write=TEXT, read=TEXT)
TOPIC_PERMISSION: Final = shape(
    "TopicPermission", "user vhost exchange write read", user=TEXT, vhost=TEXT, exchange=TEXT, write=TEXT, read=TEXT
)
TOPIC_WANTED: Final = shape("TopicPermissionWanted", "exchange write read", exchange=TEXT, write=TEXT, read=TEXT)


def _listed(of: Callable[[Call], list[Any]]) -> Callable[[Call], Any]:
    """A handler that lists those of a store that the path chooses, by vhost or by user."""

    async def listed(call: Call) -> ASGIApp:
        parts = call.request.path_params
        found = of(call)
        if "vhost" in parts:
            vhost = call.api.administration.vhost(call.vhost).name
            found = [one for one in found if one.vhost == vhost]
        if "user" in parts:
            name = call.api.users.get(call.part("user")).name
            found = [one for one in found if one.user == name]
        return await listing(call, await from_values(found, as_dict))

    return listed


def _permissions(call: Call) -> list[Permission]:
    return call.api.permissions.all()


def _topic_permissions(call: Call) -> list[TopicPermission]:
    return call.api.topic_permissions.all()


def _both(call: Call) -> tuple[str, str]:
    """User and vhost of the path. Raises: Refused 400, as RabbitMQ does, where one of them is not there."""
    try:
        return call.api.users.get(call.part("user")).name, call.api.administration.vhost(call.vhost).name
    except LookupError as error:
        raise bad_request(str(error)) from None


async def permission(call: Call) -> ASGIApp:
    """A user's permission in a vhost."""
    found = call.api.permissions.get(call.part("user"), call.vhost)
    if found is None:
        raise not_found()
    return answer(cut(as_dict(found), columns_of(call)))


async def put(call: Call) -> ASGIApp:
    """Gives a user rights in a vhost."""
    body = await call.body(*KINDS)
    user, vhost = _both(call)
    is_new = call.api.administration.set_permissions(user, vhost, *(text_in(body, kind) for kind in KINDS))
    await stored(call.api.administration)
    return created(is_new)


async def delete(call: Call) -> ASGIApp:
    """Takes a user's rights in a vhost away."""
    if not call.api.administration.clear_permissions(call.part("user"), call.vhost):
        raise not_found()
    await stored(call.api.administration)
    return no_content()


async def topic_permission(call: Call) -> ASGIApp:
    """What is said about a user's routing keys in a vhost, at all exchanges or at one; a list, as RabbitMQ says it."""
    user, vhost, parts = call.part("user"), call.vhost, call.request.path_params
    exchange = call.part("exchange") if "exchange" in parts else None
    found = [
        one for one in call.api.topic_permissions.all()
        if (one.user, one.vhost) == (user, vhost) and exchange in (None, one.exchange)
    ]  # fmt: skip
    if not found:
        raise not_found()
    return await listing(call, await from_values(found, as_dict))


async def put_topic(call: Call) -> ASGIApp:
    """Says which routing keys a user may use at an exchange."""
    body = await call.body(*TOPIC_KINDS)
    user, vhost = _both(call)
    is_new = call.api.administration.set_topic_permissions(user, vhost, *(text_in(body, kind) for kind in TOPIC_KINDS))
    await stored(call.api.administration)
    return created(is_new)


async def delete_topic(call: Call) -> ASGIApp:
    """Forgets what was said, about all exchanges or about one."""
    exchange = call.part("exchange") if "exchange" in call.request.path_params else ""
    if not call.api.administration.clear_topic_permissions(call.part("user"), call.vhost, exchange):
        raise not_found()
    await stored(call.api.administration)
    return no_content()


permissions, topic_permissions = _listed(_permissions), _listed(_topic_permissions)
ONE: Final = "/permissions/{vhost}/{user}"
TOPIC: Final = "/topic-permissions/{vhost}/{user}"
ENDPOINTS: Final = rows(
    Endpoint("GET", "/permissions", "permission.see", permissions, "All permissions", LISTING,
             answer=PERMISSION.listing()),
    Endpoint("GET", "/vhosts/{vhost}/permissions", "permission.see", permissions, "The permissions in a vhost", LISTING,
             answer=PERMISSION.listing()),
    Endpoint("GET", "/users/{user}/permissions", "permission.see", permissions, "The permissions of a user", LISTING,
             answer=PERMISSION.listing()),
    Endpoint("GET", ONE, "permission.see", permission, "A user's permission in a vhost", SHOWING, answer=PERMISSION),
    Endpoint("PUT", ONE, "permission.put", put, "Give a user rights in a vhost", body=PERMISSION_WANTED, status=CREATED,
             others=(NO_CONTENT,)),
    Endpoint("DELETE", ONE, "permission.delete", delete, "Take a user's rights in a vhost away", status=NO_CONTENT),
    Endpoint("GET", "/topic-permissions", "permission.see", topic_permissions, "All topic permissions", LISTING,
             answer=TOPIC_PERMISSION.listing()),
    Endpoint("GET", "/vhosts/{vhost}/topic-permissions", "permission.see", topic_permissions,
             "The topic permissions in a vhost", LISTING, answer=TOPIC_PERMISSION.listing()),
    Endpoint("GET", "/users/{user}/topic-permissions", "permission.see", topic_permissions,
             "The topic permissions of a user", LISTING, answer=TOPIC_PERMISSION.listing()),
    Endpoint("GET", TOPIC, "permission.see", topic_permission, "A user's topic permissions in a vhost", LISTING,
             answer=TOPIC_PERMISSION.listing()),
    Endpoint("PUT", TOPIC, "permission.put", put_topic, "Say which routing keys a user may use at a topic exchange",
             body=TOPIC_WANTED, status=CREATED, others=(NO_CONTENT,)),
    Endpoint("DELETE", TOPIC, "permission.delete", delete_topic, "Forget a user's topic permissions in a vhost",
             status=NO_CONTENT),
    Endpoint("GET", TOPIC + "/{exchange}", "permission.see", topic_permission,
             "A user's topic permission at one exchange", LISTING, answer=TOPIC_PERMISSION.listing()),
    Endpoint("DELETE", TOPIC + "/{exchange}", "permission.delete", delete_topic,
             "Forget a user's topic permission at one exchange", status=NO_CONTENT),
)  # fmt: skip
