"""Bindings: listed, shown, made, deleted. Must not: decide which are the same (`routing.binding`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import ASGIApp

from broker.introspection.infos import BindingInfo
from broker.introspection.pages import ALL
from broker.management import views
from broker.management.answers import answer, no_content, stored
from broker.management.call import Call, bad_request, not_found, object_in, text_in
from broker.management.endpoint import CREATED, LISTING, NO_CONTENT, OBJECT, SHOWING, TEXT, Endpoint, rows, shape
from broker.management.lists import columns_of, cut, from_pages, listing
from broker.management.resources.exchanges import exchange_info, exchange_name
from broker.management.resources.queues import queue_info
from broker.management.shapes import plain_fields
from broker.management.tables import arguments_of
from broker.model.arguments import Arguments
from broker.requests import Actor

KINDS: Final = {"q": "queue", "e": "exchange"}
KEY_BYTES_MAX: Final = 255
BINDING: Final = shape(
    "Binding", "source vhost destination destination_type routing_key arguments properties_key",
    source=TEXT, vhost=TEXT, destination=TEXT, destination_type=TEXT, routing_key=TEXT, arguments=OBJECT,
    properties_key=TEXT,
)  # fmt: skip
BINDING_WANTED: Final = shape("BindingWanted", routing_key=TEXT, arguments=OBJECT)
PATH: Final = "/bindings/{vhost}/e/{source}/{kind}/{destination}"


async def bindings(call: Call) -> ASGIApp:
    """The bindings of a vhost, or of all vhosts that whoever asks sees."""
    return await listing(call, from_pages(views.of_vhosts(call, call.api.window.bindings), plain_fields))


async def _chosen(call: Call, fits: Callable[[Any], bool]) -> ASGIApp:
    """Those bindings of the vhost in the path that fit."""
    page = call.api.window.bindings(1, ALL, call.vhost)
    page.chosen = [one for one in page.chosen if fits(one[1])]
    return await listing(call, from_pages([page], plain_fields))


async def of_queue(call: Call) -> ASGIApp:
    """The bindings that lead to a queue."""
    name = queue_info(call).name
    return await _chosen(call, lambda one: one.destination_kind == "queue" and one.destination == name)


async def from_exchange(call: Call) -> ASGIApp:
    """The bindings that lead from an exchange."""
    name = exchange_info(call).name
    return await _chosen(call, lambda one: one.source == name)


async def to_exchange(call: Call) -> ASGIApp:
    """The bindings that lead to an exchange."""
    name = exchange_info(call).name
    return await _chosen(call, lambda one: one.destination_kind == "exchange" and one.destination == name)


def _ends(call: Call) -> tuple[str, str, str]:
    """Source, kind of destination and destination in the path. Raises: Refused 404."""
    kind = KINDS.get(call.part("kind"))
    if kind is None:
        raise not_found()
    destination = call.part("destination") if kind == "queue" else exchange_name(call, "destination")
    return exchange_name(call, "source"), kind, destination


def _between(call: Call) -> Callable[[Any], bool]:
    ends = _ends(call)
    return lambda one: (one.source, one.destination_kind, one.destination) == ends


async def between(call: Call) -> ASGIApp:
    """The bindings between an exchange and a queue or another exchange."""
    return await _chosen(call, _between(call))


def _binding(call: Call) -> BindingInfo:
    """The binding in the path. Raises: Refused 404."""
    key, fits, page = call.part("props"), _between(call), call.api.window.bindings(1, ALL, call.vhost)
    found = [page.copy(one) for one in page.chosen if fits(one[1])]
    for one in found:
        if one.properties_key == key:
            return one
    raise not_found()


async def binding(call: Call) -> ASGIApp:
    """One binding, by its properties_key."""
    return answer(cut(plain_fields(_binding(call)), columns_of(call)))


async def bind(call: Call) -> ASGIApp:
    """Makes a binding, unless it is there; says where it is."""
    body, (source, kind, destination) = await call.body(), _ends(call)
    key, arguments = text_in(body, "routing_key"), arguments_of(object_in(body, "arguments"))
    if len(key.encode("utf-8", "surrogateescape")) > KEY_BYTES_MAX:
        raise bad_request(f"a routing key has at most {KEY_BYTES_MAX} bytes")
    actor, operations = call.actor(), call.api.operations
    if kind == "queue":
        operations.bind_queue(actor, destination, source, key, arguments)
    else:
        operations.bind_exchange(actor, destination, source, key, arguments)
    await stored(call.api.administration)
    return Response(status_code=CREATED, headers={"location": _location(call, actor, key, arguments)})


def _location(call: Call, actor: Actor, key: str, arguments: Arguments) -> str:
    """Where the binding is found, relative to the path, as RabbitMQ says it."""
    fits, page = _between(call), call.api.window.bindings(1, ALL, actor.vhost.name)
    for one in page.chosen:
        if fits(one[1]) and one[1].routing_key == key and one[1].arguments == arguments.values:
            found = quote(one[1].properties_key, safe="~")
            return f"{quote(call.part('destination'), safe='')}/{found}"
    return ""


async def unbind(call: Call) -> ASGIApp:
    """Deletes a binding, by its properties_key."""
    info = _binding(call)
    arguments = arguments_of(dict(info.arguments))
    undo = call.api.operations.unbind_queue if info.destination_type == "queue" else call.api.operations.unbind_exchange
    undo(call.actor(), info.destination, info.source, info.routing_key, arguments)
    await stored(call.api.administration)
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/bindings", "overview.see", bindings, "The bindings of all vhosts", LISTING,
             answer=BINDING.listing()),
    Endpoint("GET", "/bindings/{vhost}", "vhost.see", bindings, "The bindings of a vhost", LISTING,
             answer=BINDING.listing()),
    Endpoint("GET", PATH, "vhost.see", between,
             "The bindings between an exchange and a queue (kind q) or an exchange (kind e)", LISTING,
             answer=BINDING.listing()),
    Endpoint("POST", PATH, "vhost.use", bind, "Bind; the Location header says where the binding is",
             body=BINDING_WANTED, status=CREATED),
    Endpoint("GET", PATH + "/{props}", "vhost.see", binding, "One binding, by its properties_key", SHOWING,
             answer=BINDING),
    Endpoint("DELETE", PATH + "/{props}", "vhost.use", unbind, "Delete a binding", status=NO_CONTENT),
    Endpoint("GET", "/queues/{vhost}/{queue}/bindings", "vhost.see", of_queue, "The bindings that lead to a queue",
             LISTING, answer=BINDING.listing()),
    Endpoint("GET", "/exchanges/{vhost}/{exchange}/bindings/source", "vhost.see", from_exchange,
             "The bindings that lead from an exchange", LISTING, answer=BINDING.listing()),
    Endpoint("GET", "/exchanges/{vhost}/{exchange}/bindings/destination", "vhost.see", to_exchange,
             "The bindings that lead to an exchange", LISTING, answer=BINDING.listing()),
)  # fmt: skip
