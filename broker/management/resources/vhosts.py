"""Vhosts: listed, shown, made, deleted. Must not: know what a vhost holds."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.introspection.infos import VhostInfo
from broker.introspection.pages import ALL
from broker.management import shapes
from broker.management.answers import answer, created, no_content, stored
from broker.management.call import Call
from broker.management.endpoint import (
    ARRAY,
    CREATED,
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

VHOST: Final = shape(
    "Vhost", "name", name=TEXT, description=TEXT, tags=ARRAY, messages=INTEGER, messages_ready=INTEGER,
    messages_unacknowledged=INTEGER, message_stats=OBJECT, cluster_state=OBJECT, default_queue_type=TEXT,
)  # fmt: skip
VHOST_WANTED: Final = shape("VhostWanted")


async def vhosts(call: Call) -> ASGIApp:
    """The vhosts that whoever asks sees."""
    window = call.api.window
    page = window.vhosts(1, ALL)
    page.chosen = [vhost for vhost in page.chosen if call.sees_vhost(vhost.name)]

    def shaped(info: VhostInfo) -> Json:
        return shapes.vhost(info, window.node_name)

    return await listing(call, from_pages([page], shaped))


async def vhost(call: Call) -> ASGIApp:
    """One vhost."""
    info = call.api.window.vhost(call.vhost)
    fields = shapes.vhost(info, call.api.window.node_name, call.api.window.history.vhost(info.name, ranges_of(call)))
    return answer(cut(fields, columns_of(call)))


async def put(call: Call) -> ASGIApp:
    """Makes a vhost; 204 where it is there. Whoever makes one has every right in it, as RabbitMQ gives."""
    await call.body()
    name = call.vhost
    administration = call.api.administration
    is_new = administration.add_vhost(name)
    if is_new and not call.subject.is_owner:
        administration.set_permissions(call.subject.user, name, ".*", ".*", ".*")
    await stored(administration)
    return created(is_new)


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
             status=NO_CONTENT),
)  # fmt: skip
