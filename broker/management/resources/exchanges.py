"""Exchanges: listed, shown, declared, deleted. Must not: publish (`messages`)."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.introspection.infos import ExchangeInfo
from broker.management import shapes, views
from broker.management.answers import answer, created, no_content, stored
from broker.management.call import Call, bad_request, flag_in, not_found, object_in, text_in
from broker.management.endpoint import (
    ANYTHING,
    CREATED,
    FLAG,
    LISTING,
    NO_CONTENT,
    OBJECT,
    RANGES,
    SHOWING,
    TEXT,
    Endpoint,
    Query,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_pages, listing
from broker.management.ranges import ranges_of
from broker.management.tables import arguments_of
from broker.requests import ExchangeRequest

DEFAULT: Final = "amq.default"  # the default exchange, whose name is empty, in a path
NAME_BYTES_MAX: Final = 255
EXCHANGE: Final = shape(
    "Exchange", "name vhost type durable auto_delete internal arguments",
    name=TEXT, vhost=TEXT, type=TEXT, durable=FLAG, auto_delete=FLAG, internal=FLAG, arguments=OBJECT, policy=ANYTHING,
    message_stats=OBJECT, deduplication=OBJECT, user_who_performed_action=TEXT,
)  # fmt: skip
EXCHANGE_WANTED: Final = shape(
    "ExchangeWanted", type=TEXT, durable=FLAG, auto_delete=FLAG, internal=FLAG, arguments=OBJECT
)
IF_UNUSED: Final = (Query("if-unused", FLAG, "Only where nothing is bound to it"),)


def exchange_name(call: Call, part: str = "exchange") -> str:
    """The name of the exchange in the path."""
    name = call.part(part)
    return "" if name == DEFAULT else name


def exchange_info(call: Call) -> ExchangeInfo:
    """The exchange in the path. Raises: Refused 404."""
    info = call.api.window.by_name.exchange(call.vhost, exchange_name(call))
    if info is None:
        raise not_found()
    return info


async def exchanges(call: Call) -> ASGIApp:
    """The exchanges of a vhost, or of all vhosts that whoever asks sees."""
    return await listing(call, await from_pages(views.of_vhosts(call, call.api.window.exchanges), shapes.exchange))


async def exchange(call: Call) -> ASGIApp:
    """One exchange."""
    info = exchange_info(call)
    fields = shapes.exchange(info, call.api.window.history.exchange(info.vhost, info.name, ranges_of(call)))
    return answer(cut(fields | {"incoming": [], "outgoing": []}, columns_of(call)))


async def declare(call: Call) -> ASGIApp:
    """Declares an exchange; 204 where it is there and the same."""
    body, name = await call.body(), exchange_name(call)
    if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise bad_request(f"an exchange's name has at most {NAME_BYTES_MAX} bytes")
    actor = call.actor()
    is_new = name not in actor.vhost.table.exchanges
    durable, auto_delete, internal = (flag_in(body, key) for key in ("durable", "auto_delete", "internal"))
    kind, arguments = text_in(body, "type", "direct"), arguments_of(object_in(body, "arguments"))
    request = ExchangeRequest(name, kind, durable, auto_delete, internal, arguments)
    call.api.operations.declare_exchange(actor, request)
    await stored(call.api.administration)
    return created(is_new)


async def delete(call: Call) -> ASGIApp:
    """Deletes an exchange."""
    info = exchange_info(call)
    call.api.operations.delete_exchange(call.actor(), info.name, call.flag("if-unused"))
    await stored(call.api.administration)
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/exchanges", "overview.see", exchanges, "The exchanges of all vhosts", (*LISTING, *RANGES),
             answer=EXCHANGE.listing()),
    Endpoint("GET", "/exchanges/{vhost}", "vhost.see", exchanges, "The exchanges of a vhost", (*LISTING, *RANGES),
             answer=EXCHANGE.listing()),
    Endpoint("GET", "/exchanges/{vhost}/{exchange}", "vhost.see", exchange,
             "One exchange; `amq.default` is the default one", (*SHOWING, *RANGES), answer=EXCHANGE),
    Endpoint("PUT", "/exchanges/{vhost}/{exchange}", "vhost.use", declare, "Declare an exchange", body=EXCHANGE_WANTED,
             status=CREATED, others=(NO_CONTENT,)),
    Endpoint("DELETE", "/exchanges/{vhost}/{exchange}", "vhost.use", delete, "Delete an exchange", IF_UNUSED,
             status=NO_CONTENT),
)  # fmt: skip
