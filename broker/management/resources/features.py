"""Feature flags and deprecated features: what clients ask for before they use something. Must not: switch anything."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.management.answers import no_content
from broker.management.call import Call, bad_request
from broker.management.endpoint import LISTING, NO_CONTENT, TEXT, Endpoint, Json, rows, shape
from broker.management.lists import from_values, listing

# The flags of RabbitMQ 3.13 whose behaviour is there.
ENABLED: Final = {
    "classic_mirrored_queue_version": "Support setting version for classic mirrored queues",
    "classic_queue_type_delivery_support": "Bug fix for classic queue deliveries using mixed versions",
    "direct_exchange_routing_v2": "v2 direct exchange routing implementation",
    "drop_unroutable_metric": "Count unroutable publishes to be dropped in stats",
    "empty_basic_get_metric": "Count AMQP basic.get on empty queues in stats",
    "feature_flags_v2": "Feature flags subsystem V2",
    "implicit_default_bindings": "Default bindings are now implicit, instead of being stored in the database",
    "maintenance_mode_status": "Maintenance mode status",
    "message_containers": "Message containers",
    "restart_streams": "Support for restarting streams with optional preferred next leader argument",
    "tracking_records_in_ets": "Store tracking records in ETS instead of Mnesia",
    "user_limits": "Configure connection and channel limits for a user",
    "virtual_host_metadata": "Virtual host metadata (description, tags, etc)",
}
FLAG: Final = shape(
    "FeatureFlag", "name state", name=TEXT, state=TEXT, desc=TEXT, stability=TEXT, provided_by=TEXT, doc_url=TEXT
)
DEPRECATED: Final = shape("DeprecatedFeature", "name", name=TEXT, deprecation_phase=TEXT, provided_by=TEXT, desc=TEXT)


async def flags(call: Call) -> ASGIApp:
    """The flags, which are all on."""
    found: list[Json] = [
        {"name": name, "desc": desc, "state": "enabled", "stability": "stable", "provided_by": "rabbit", "doc_url": ""}
        for name, desc in ENABLED.items()
    ]
    return await listing(call, await from_values(found, lambda it: it))


async def enable(call: Call) -> ASGIApp:
    """A flag that is known is on."""
    if call.part("name") not in ENABLED:
        raise bad_request("unsupported")
    return no_content()


async def deprecated(call: Call) -> ASGIApp:
    """Nothing of what is there is deprecated."""
    return await listing(call, [])


async def rebalance(call: Call) -> ASGIApp:
    """One node has all queues already."""
    await call.body()
    return no_content()


ENDPOINTS: Final = rows(
    Endpoint("GET", "/feature-flags", "vhost.all", flags, "Feature flags, all of them on", LISTING,
             answer=FLAG.listing()),
    Endpoint("PUT", "/feature-flags/{name}/enable", "vhost.put", enable, "Enable a flag: it is on", status=NO_CONTENT),
    Endpoint("GET", "/deprecated-features", "vhost.all", deprecated, "Deprecated features: none", LISTING,
             answer=DEPRECATED.listing()),
    Endpoint("GET", "/deprecated-features/used", "vhost.all", deprecated, "Deprecated features in use: none", LISTING,
             answer=DEPRECATED.listing()),
    Endpoint("POST", "/rebalance/queues", "vhost.put", rebalance, "Spread queues over nodes: there is one",
             status=NO_CONTENT),
)  # fmt: skip
