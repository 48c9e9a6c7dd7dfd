"""Connections, channels and consumers: listed, shown, closed. Must not: speak AMQP."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import ASGIApp

from broker.introspection.pages import ALL, Page
from broker.management import shapes, views
from broker.management.answers import answer, no_content
from broker.management.call import Call, not_found
from broker.management.endpoint import (
    ARRAY,
    FLAG,
    INTEGER,
    LISTING,
    NO_CONTENT,
    OBJECT,
    RANGES,
    SHOWING,
    TEXT,
    Endpoint,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_pages, listing
from broker.management.ranges import ranges_of

REASON_CHARACTERS_MAX: Final = 200
REASON: Final = "Closed via management plugin"  # as RabbitMQ words it
CONNECTION: Final = shape(
    "Connection", "name user vhost node state channels",
    name=TEXT, user=TEXT, vhost=TEXT, node=TEXT, protocol=TEXT, state=TEXT, channels=INTEGER, ssl=FLAG, peer_host=TEXT,
    peer_port=INTEGER, host=TEXT, port=INTEGER, channel_max=INTEGER, frame_max=INTEGER, timeout=INTEGER,
    connected_at=INTEGER, recv_oct=INTEGER, send_oct=INTEGER, client_properties=OBJECT, type=TEXT,
)  # fmt: skip
CHANNEL: Final = shape(
    "Channel", "name number user vhost node state",
    name=TEXT, number=INTEGER, user=TEXT, vhost=TEXT, node=TEXT, state=TEXT, confirm=FLAG, transactional=FLAG,
    consumer_count=INTEGER, messages_unacknowledged=INTEGER, messages_unconfirmed=INTEGER,
    messages_uncommitted=INTEGER, acks_uncommitted=INTEGER, prefetch_count=INTEGER, global_prefetch_count=INTEGER,
    message_stats=OBJECT, connection_details=OBJECT, consumer_details=ARRAY,
)  # fmt: skip
CONSUMER: Final = shape(
    "Consumer", "consumer_tag queue ack_required exclusive prefetch_count channel_details",
    consumer_tag=TEXT, queue=OBJECT, ack_required=FLAG, exclusive=FLAG, prefetch_count=INTEGER, active=FLAG,
    activity_status=TEXT, arguments=OBJECT, channel_details=OBJECT,
)  # fmt: skip


def _visible(call: Call, page: Page[Any], vhost: str | None = None, user: str | None = None) -> Page[Any]:
    """The connections on a page that whoever asks may see: of one vhost, or of one user, where that is asked for."""
    found = views.of_connections(call, page, lambda one: str(one.user))
    if user is not None:
        found.chosen = [one for one in found.chosen if one.user == user]
    if vhost is not None:
        found.chosen = [one for one in found.chosen if one.host.actor and one.host.actor.vhost.name == vhost]
    return found


async def connections(call: Call) -> ASGIApp:
    """The connections that whoever asks may see."""
    vhost = call.vhost if "vhost" in call.request.path_params else None
    page = _visible(call, call.api.window.connections(1, ALL), vhost)
    return await listing(call, await from_pages([page], shapes.connection))


async def of_user(call: Call) -> ASGIApp:
    """The connections of a user."""
    page = _visible(call, call.api.window.connections(1, ALL), user=call.part("user"))
    return await listing(call, await from_pages([page], shapes.connection))


def _connection(call: Call) -> Any:
    """The info of the connection in the path. Raises: Refused 404; NotAllowedError."""
    info = call.api.window.by_name.connection(call.part("connection"))
    if info is None:
        raise not_found()
    call.require("connection.see", owner=info.user)
    return info


async def connection(call: Call) -> ASGIApp:
    """One connection."""
    info = _connection(call)
    details = call.api.window.history.connection(info.name, ranges_of(call))
    return answer(cut(shapes.connection(info, details), columns_of(call)))


async def channels_of_connection(call: Call) -> ASGIApp:
    """The channels of a connection."""
    page = call.api.window.by_name.channels_of(_connection(call).name)
    return await listing(call, await from_pages([page], shapes.channel))


async def close(call: Call) -> ASGIApp:
    """Closes a connection; the client is told the X-Reason header."""
    found = call.api.window.by_name.connection_named(call.part("connection"))
    if found is None:
        raise not_found()
    call.require("connection.close", owner=found.user)
    reason = call.request.headers.get("x-reason", "")[:REASON_CHARACTERS_MAX] or REASON
    found.force_close(reason)
    return no_content()


async def close_of_user(call: Call) -> ASGIApp:
    """Closes the connections of a user."""
    user = call.part("user")
    call.require("connection.close", owner=user)
    reason = call.request.headers.get("x-reason", "")[:REASON_CHARACTERS_MAX] or REASON
    for found in call.api.window.connections(1, ALL).chosen:
        if found.user == user:
            found.force_close(reason)
    return no_content()


async def channels(call: Call) -> ASGIApp:
    """The channels that whoever asks may see."""
    page = views.of_connections(call, call.api.window.channels(1, ALL), lambda one: str(one[0].user))
    if "vhost" in call.request.path_params:
        vhost = call.vhost
        page.chosen = [one for one in page.chosen if one[1].actor.vhost.name == vhost]
    return await listing(call, await from_pages([page], shapes.channel))


async def channel(call: Call) -> ASGIApp:
    """One channel, with its consumers."""
    window = call.api.window
    info = window.by_name.channel(call.part("channel"))
    if info is None:
        raise not_found()
    call.require("connection.see", owner=info.user)
    fields = shapes.channel(info, call.api.window.history.channel(info.name, ranges_of(call)))
    consumers = window.consumers(1, ALL, info.vhost)
    own = [one for one in consumers.chosen if one[0][1].number == info.number and _named(one, info.connection_details)]
    fields["consumer_details"] = [shapes.consumer(consumers.copy(one), info.node) for one in own]
    return answer(cut(fields | {"publishes": [], "deliveries": []}, columns_of(call)))


def _named(chosen: Any, connection: Any) -> bool:
    return bool(chosen[0][0].name == connection.name)


async def consumers(call: Call) -> ASGIApp:
    """The consumers of a vhost, or of all vhosts that whoever asks sees."""
    node = call.api.window.node_name
    pages = views.of_vhosts(call, call.api.window.consumers)
    return await listing(call, await from_pages(pages, lambda info: shapes.consumer(info, node)))


ENDPOINTS: Final = rows(
    Endpoint("GET", "/connections", "overview.see", connections, "Connections; one's own, or all for who monitors",
             (*LISTING, *RANGES), answer=CONNECTION.listing()),
    Endpoint("GET", "/connections/{connection}", "connection.see", connection, "One connection", (*SHOWING, *RANGES),
             answer=CONNECTION),
    Endpoint("DELETE", "/connections/{connection}", "connection.close", close,
             "Close a connection, giving the X-Reason header as the reason", status=NO_CONTENT),
    Endpoint("GET", "/connections/{connection}/channels", "connection.see", channels_of_connection,
             "The channels of a connection", LISTING, answer=CHANNEL.listing()),
    Endpoint("GET", "/connections/username/{user}", "overview.see", of_user, "The connections of a user", LISTING,
             answer=CONNECTION.listing()),
    Endpoint("DELETE", "/connections/username/{user}", "connection.close", close_of_user,
             "Close the connections of a user", status=NO_CONTENT),
    Endpoint("GET", "/vhosts/{vhost}/connections", "vhost.see", connections, "The connections to a vhost",
             (*LISTING, *RANGES), answer=CONNECTION.listing()),
    Endpoint("GET", "/channels", "overview.see", channels, "Channels; one's own, or all for who monitors",
             (*LISTING, *RANGES), answer=CHANNEL.listing()),
    Endpoint("GET", "/channels/{channel}", "connection.see", channel, "One channel", (*SHOWING, *RANGES),
             answer=CHANNEL),
    Endpoint("GET", "/vhosts/{vhost}/channels", "vhost.see", channels, "The channels to a vhost", (*LISTING, *RANGES),
             answer=CHANNEL.listing()),
    Endpoint("GET", "/consumers", "overview.see", consumers, "The consumers of all vhosts", LISTING,
             answer=CONSUMER.listing()),
    Endpoint("GET", "/consumers/{vhost}", "vhost.see", consumers, "The consumers of a vhost", LISTING,
             answer=CONSUMER.listing()),
)  # fmt: skip
