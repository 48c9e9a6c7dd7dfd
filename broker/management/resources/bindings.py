"""Bindings: listed, shown, made, deleted. Must not: decide which are the same (`routing.binding`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import ASGIApp

from broker.http_pieces import in_steps
from broker.introspection.infos import BindingInfo
from broker.introspection.pages import Page
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

DestinationKind = Literal["queue", "exchange"]
KINDS: Final[dict[str, DestinationKind]] = {"q": "queue", "e": "exchange"}
KEY_BYTES_MAX: Final = 255
BINDING: Final = shape(
    "Binding", "source vhost destination destination_type routing_key arguments properties_key",
    source=TEXT, vhost=TEXT, destination=TEXT, destination_type=TEXT, routing_key=TEXT, arguments=OBJECT,
    properties_key=TEXT,
)  # fmt: skip
BINDING_WANTED: Final = shape("BindingWanted", routing_key=TEXT, arguments=OBJECT)
PATH: Final = "/bindings/{vhost}/e/{source}/{kind}/{destination}"


Ends = tuple[str | None, str | None, DestinationKind | None]  # source, destination and its kind, where it matters


async def _page(call: Call, ends: Ends, vhosts: Sequence[str] | None = None) -> Page[BindingInfo]:
    """The bindings with these ends: in the vhost of the path, or in others."""
    return await in_steps(call.api.window.by_name.bindings_of([call.vhost] if vhosts is None else vhosts, *ends))


async def _listed(call: Call, ends: Ends) -> ASGIApp:
    return await listing(call, await from_pages([await _page(call, ends)], plain_fields))


async def bindings(call: Call) -> ASGIApp:
    """The bindings of a vhost, or of all vhosts that whoever asks sees."""
    vhosts = None if "vhost" in call.request.path_params else views.visible_vhosts(call)
    page = await _page(call, (None, None, None), vhosts)
    return await listing(call, await from_pages([page], plain_fields))


async def of_queue(call: Call) -> ASGIApp:
    """The bindings that lead to a queue."""
    return await _listed(call, (None, queue_info(call).name, "queue"))


async def from_exchange(call: Call) -> ASGIApp:
    """The bindings that lead from an exchange."""
    return await _listed(call, (exchange_info(call).name, None, None))


async def to_exchange(call: Call) -> ASGIApp:
    """The bindings that lead to an exchange."""
    return await _listed(call, (None, exchange_info(call).name, "exchange"))


def _ends(call: Call) -> tuple[str, str, DestinationKind]:
    """Source, destination and its kind in the path. Raises: Refused 404."""
    kind = KINDS.get(call.part("kind"))
    if kind is None:
        raise not_found()
    destination = call.part("destination") if kind == "queue" else exchange_name(call, "destination")
    return exchange_name(call, "source"), destination, kind


async def between(call: Call) -> ASGIApp:
    """The bindings between an exchange and a queue or another exchange."""
    return await _listed(call, _ends(call))


async def _binding(call: Call) -> BindingInfo:
    """The binding in the path. Raises: Refused 404."""
    key, page = call.part("props"), await _page(call, _ends(call))
    for one in page.chosen:
        if one[1].properties_key == key:
            return page.copy(one)
    raise not_found()


async def binding(call: Call) -> ASGIApp:
    """One binding, by its properties_key."""
    return answer(cut(plain_fields(await _binding(call)), columns_of(call)))


async def bind(call: Call) -> ASGIApp:
    """Makes a binding, unless it is there; says where it is."""
    body, (source, destination, kind) = await call.body(), _ends(call)
    key, arguments = text_in(body, "routing_key"), arguments_of(object_in(body, "arguments"))
    if len(key.encode("utf-8", "surrogateescape")) > KEY_BYTES_MAX:
        raise bad_request(f"a routing key has at most {KEY_BYTES_MAX} bytes")
    actor, operations = call.actor(), call.api.operations
    if kind == "queue":
        operations.bind_queue(actor, destination, source, key, arguments)
    else:
        operations.bind_exchange(actor, destination, source, key, arguments)
    await stored(call.api.administration)
    return Response(status_code=CREATED, headers={"location": await _location(call, key, arguments)})


async def _location(call: Call, key: str, arguments: Arguments) -> str:
    """Where the binding is found, relative to the path, as RabbitMQ says it."""
    for _, one in (await _page(call, _ends(call))).chosen:
        if one.routing_key == key and one.arguments == arguments.values:
            return f"{quote(call.part('destination'), safe='')}/{quote(one.properties_key, safe='~')}"
    return ""  # somebody has unbound it meanwhile


async def unbind(call: Call) -> ASGIApp:
    """Deletes a binding, by its properties_key."""
    info = await _binding(call)
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
