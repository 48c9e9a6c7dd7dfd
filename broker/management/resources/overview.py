"""GET /api/overview, /version, /whoami, /extensions, /cluster-name: the broker as a whole. Must not: list things."""

from __future__ import annotations

import platform
from typing import Any, Final

from starlette.types import ASGIApp

from broker.http_pieces import in_steps
from broker.introspection.pages import ALL
from broker.management import shapes, views
from broker.management.answers import answer, as_dict
from broker.management.call import Call
from broker.management.endpoint import (
    ANY_OBJECT,
    ARRAY,
    INTEGER,
    OBJECT,
    RANGES,
    SHOWING,
    TEXT,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut
from broker.management.ranges import ranges_of

TYPES: Final = {
    **{
        name: f"AMQP {name} exchange, as per the AMQP specification"
        for name in ("direct", "fanout", "headers", "topic")
    },
    "x-consistent-hash": "Consistent Hashing Exchange",
    "x-delayed-message": "Delayed Message Exchange: what has the header x-delay waits, then goes its way",
    "x-message-deduplication": "Message Deduplication Exchange: a message whose like came before is not taken",
    "x-modulus-hash": "Modulus Hashing Exchange",
    "x-random": "AMQP random exchange. Like a direct exchange, but randomly chooses who to route to.",
}
EXCHANGE_TYPES: Final = [{"name": name, "description": text, "enabled": True} for name, text in TYPES.items()]
RETENTION: Final = {"global": [600, 3600, 28_800, 86_400], "basic": [600, 3600], "detailed": [600]}
STATS: Final = (*shapes.STATS_OF_VHOST, "consumer_timeout", "publish_confirm", "routed")
OVERVIEW: Final = shape(
    "Overview", "rabbitmq_version cluster_name node object_totals queue_totals message_stats listeners",
    rabbitmq_version=TEXT, management_version=TEXT, product_name=TEXT, product_version=TEXT, leveret_version=TEXT,
    leveret_form=TEXT, cluster_name=TEXT, node=TEXT, uptime=INTEGER, object_totals=OBJECT, queue_totals=OBJECT,
    message_stats=OBJECT, churn_rates=OBJECT, listeners=ARRAY, contexts=ARRAY, exchange_types=ARRAY,
)  # fmt: skip
WHO: Final = shape("Who", "name tags", name=TEXT, tags=ARRAY)
NAME: Final = shape("Name", "name", name=TEXT)
VERSION: Final = shape("Version", "rabbitmq_version leveret_version", rabbitmq_version=TEXT, leveret_version=TEXT)


async def overview(call: Call) -> ASGIApp:
    """The broker as a whole, as far as whoever asks sees it."""
    window = call.api.window
    info = await in_steps(window.overview())
    details = call.api.window.history.overview(ranges_of(call))
    found: Json = {**as_dict(info), **_constants(call)}
    found.pop("rates", None)
    totals = as_dict(info.queue_totals)
    found["queue_totals"] = shapes.with_details(totals, shapes.LENGTHS, details)
    found["message_stats"] = shapes.message_stats(info.message_stats, STATS, details) | {
        "disk_reads": 0, "disk_reads_details": {"rate": 0.0}, "disk_writes": 0, "disk_writes_details": {"rate": 0.0},
    }  # fmt: skip
    churn = as_dict(info.churn_rates)
    found["churn_rates"] = shapes.with_details(churn, tuple(churn), details)
    found["object_totals"] = as_dict(info.object_totals)
    found["listeners"] = [shapes.listener(one, info.node) for one in info.listeners]
    if not call.sees_all_vhosts:
        found |= _visible(call)
    return answer(cut(found, columns_of(call)))


def _constants(call: Call) -> Json:
    """What RabbitMQ says of itself, and what does not change."""
    return {
        "management_version": call.api.config.product_version,
        "rates_mode": "basic",
        "sample_retention_policies": RETENTION,
        "exchange_types": EXCHANGE_TYPES,
        "erlang_version": "",
        "erlang_full_version": f"none: Python {platform.python_version()}",
        "release_series_support_status": "supported",
        "disable_stats": False,
        "enable_queue_totals": False,
        "is_op_policy_updating_enabled": True,
        "statistics_db_event_queue": 0,
        "contexts": [],
    }


def _visible(call: Call) -> Json:
    """Totals of the vhosts that whoever asks sees, and of nothing else."""
    window, names = call.api.window, views.visible_vhosts(call)
    vhosts = [info for info in window.vhosts(1, ALL).items if info.name in names]
    connections = views.of_connections(call, window.connections(1, ALL), lambda one: str(one.user))
    own_channels = sum(len(one.channels) for one in connections.chosen)
    totals: dict[str, Any] = {name: sum(getattr(one, name) for one in vhosts) for name in shapes.LENGTHS}
    return {
        "queue_totals": shapes.with_details(totals, shapes.LENGTHS, {}),
        "message_stats": {},
        "churn_rates": {},
        "object_totals": {
            "connections": len(connections.chosen),
            "channels": own_channels,
            "exchanges": sum(window.exchanges(1, ALL, name).total_count for name in names),
            "queues": sum(window.queues(1, ALL, name).total_count for name in names),
            "consumers": sum(window.consumers(1, ALL, name).total_count for name in names),
        },
        "listeners": [],
        "contexts": [],
    }


async def whoami(call: Call) -> ASGIApp:
    """Who asks; the owner of the broker has every right and no name."""
    subject = call.subject
    tags = ["administrator"] if subject.is_owner else sorted(subject.tags)
    return answer({"name": subject.user, "tags": tags, "is_internal_user": not subject.is_owner})


async def version(call: Call) -> ASGIApp:
    """The version that is followed, and our own."""
    info = await in_steps(call.api.window.overview())
    return answer({"rabbitmq_version": info.rabbitmq_version, "leveret_version": info.leveret_version})


async def extensions(_call: Call) -> ASGIApp:
    """What a page is to load; ours loads nothing by this."""
    return answer([{"javascript": "dispatcher.js"}])


async def auth(_call: Call) -> ASGIApp:
    """How to log in: with a name and a password."""
    return answer({"enable_uaa": False, "oauth_enabled": False, "uaa_client_id": "", "uaa_location": ""})


ENDPOINTS: Final = rows(
    Endpoint(
        "GET", "/overview", "overview.see", overview, "The broker as a whole", (*SHOWING, *RANGES), answer=OVERVIEW
    ),
    Endpoint("GET", "/whoami", "http.enter", whoami, "Who is asking, and with which tags", answer=WHO),
    Endpoint("GET", "/version", "http.enter", version, "The versions", answer=VERSION),
    Endpoint("GET", "/extensions", "http.enter", extensions, "Extensions of the page", answer=ANY_OBJECT.listed()),
    Endpoint("GET", "/auth", "", auth, "How to log in", answer=ANY_OBJECT),
)
