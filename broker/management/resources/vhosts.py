"""Vhosts: listed, shown, made, deleted. Must not: know what a vhost holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.types import ASGIApp

from broker.introspection.infos import VhostInfo
from broker.introspection.pages import ALL
from broker.management import shapes
from broker.management.answers import answer, created, no_content, stored
from broker.management.call import Call, bad_request, flag_in, text_in
from broker.management.endpoint import (
    ANYTHING,
    ARRAY,
    CREATED,
    FLAG,
    INTEGER,
    LISTING,
    NO_CONTENT,
    OBJECT,
    RANGES,
    SHOWING,
    TEXT,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_pages, listing
from broker.management.ranges import ranges_of
from broker.model.vhost_metadata import VhostMetadata

UNDEFINED: Final = "undefined"
PRECONDITION_FAILED: Final = 412
PROTECTION: Final = "/vhosts/{vhost}/deletion/protection"
VHOST: Final = shape(
    "Vhost", "name", name=TEXT, description=TEXT, tags=ARRAY, messages=INTEGER, messages_ready=INTEGER,
    messages_unacknowledged=INTEGER, message_stats=OBJECT, cluster_state=OBJECT, default_queue_type=TEXT,
)  # fmt: skip
VHOST_WANTED: Final = shape(
    "VhostWanted", description=TEXT, tags=ANYTHING, default_queue_type=TEXT, protected_from_deletion=FLAG, tracing=FLAG
)


async def vhosts(call: Call) -> ASGIApp:
    """The vhosts that whoever asks sees."""
    window = call.api.window
    page = window.vhosts(1, ALL)
    page.chosen = [vhost for vhost in page.chosen if call.sees_vhost(vhost.name)]

    def shaped(info: VhostInfo) -> Json:
        return shapes.vhost(info, window.node_name)

    return await listing(call, await from_pages([page], shaped))


async def vhost(call: Call) -> ASGIApp:
    """One vhost."""
    info = call.api.window.by_name.vhost(call.vhost)
    fields = shapes.vhost(info, call.api.window.node_name, call.api.window.history.vhost(info.name, ranges_of(call)))
    return answer(cut(fields, columns_of(call)))


async def put(call: Call) -> ASGIApp:
    """Makes a vhost; 204 where it is there. Whoever makes one has every right in it, as RabbitMQ gives."""
    body, name, administration = await call.body(), call.vhost, call.api.administration
    is_new = administration.put_vhost(name, _metadata(body, call.api.node.vhosts.get(name)))
    if is_new and not call.subject.is_owner:
        administration.set_permissions(call.subject.user, name, ".*", ".*", ".*")
    await stored(administration)
    return created(is_new)


def _metadata(body: Mapping[str, Any], existing: Any) -> VhostMetadata:
    """What a body says of a vhost; what it does not say stays as it is. Raises: Refused 400; ValueError."""
    held = existing.metadata if existing is not None else VhostMetadata()
    tags = body.get("tags", held.tags)
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.split(",") if tag.strip()]
    if not (isinstance(tags, list | tuple) and all(isinstance(tag, str) for tag in tags)):
        raise bad_request("tags is neither a text nor a list of texts")
    kind = text_in(body, "default_queue_type", held.default_queue_type)
    return VhostMetadata(
        text_in(body, "description", held.description), tuple(tags), "" if kind == UNDEFINED else kind,
        flag_in(body, "protected_from_deletion", held.protected_from_deletion),
    )  # fmt: skip


async def protect(call: Call) -> ASGIApp:
    """Has a vhost refuse to be deleted."""
    return await _protected(call, True)


async def unprotect(call: Call) -> ASGIApp:
    """Lets a vhost be deleted again."""
    return await _protected(call, False)


async def _protected(call: Call, is_protected: bool) -> ASGIApp:
    call.api.administration.protect_vhost(call.vhost, is_protected)
    await stored(call.api.administration)
    return no_content()


async def start(call: Call) -> ASGIApp:
    """A vhost that is there runs."""
    call.api.administration.vhost(call.vhost)
    return no_content()


async def delete(call: Call) -> ASGIApp:
    """Deletes a vhost with everything in it."""
    call.api.administration.delete_vhost(call.vhost)
    await stored(call.api.administration)
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/vhosts", "overview.see", vhosts, "The vhosts that one sees", (*LISTING, *RANGES),
             answer=VHOST.listing()),
    Endpoint("GET", "/vhosts/{vhost}", "vhost.see", vhost, "One vhost", (*SHOWING, *RANGES), answer=VHOST),
    Endpoint("PUT", "/vhosts/{vhost}", "vhost.put", put, "Make a vhost", body=VHOST_WANTED, status=CREATED,
             others=(NO_CONTENT,)),
    Endpoint("DELETE", "/vhosts/{vhost}", "vhost.delete", delete, "Delete a vhost with everything in it",
             status=NO_CONTENT, others=(PRECONDITION_FAILED,)),
    Endpoint("POST", PROTECTION, "vhost.put", protect, "Have a vhost refuse to be deleted", status=NO_CONTENT),
    Endpoint("DELETE", PROTECTION, "vhost.put", unprotect, "Let a vhost be deleted again", status=NO_CONTENT),
    Endpoint("POST", "/vhosts/{vhost}/start/{node}", "vhost.put", start, "Start a vhost: it runs", status=NO_CONTENT),
)  # fmt: skip
