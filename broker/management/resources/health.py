"""Health checks and the aliveness test, as load balancers and monitoring ask for them. Must not: mend anything."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from broker.introspection.copies import time_text
from broker.introspection.pages import ALL
from broker.management.answers import Refused, answer
from broker.management.call import Call, bad_request
from broker.management.endpoint import ANYTHING, INTEGER, TEXT, UNAVAILABLE, Endpoint, Handler, Json, Shape, rows, shape
from broker.management.resources.nodes import check_name

UNITS_S: Final = {"days": 86_400, "weeks": 604_800, "months": 2_678_400, "years": 31_536_000}
MS_PER_S: Final = 1000
PORT_MAX: Final = 65_535
WITHIN_MAX: Final = 10_000
PROTOCOLS: Final = {
    "amqp091": "amqp", "amqp0.9.1": "amqp", "amqp10": "amqp", "amqp1.0": "amqp", "amqp/ssl": "amqps", "https": "https",
}  # fmt: skip
SINGLE: Final = "single node cluster"
CHECK: Final = shape("HealthCheck", "status", status=TEXT, reason=TEXT, missing=ANYTHING)
PORT: Final = shape("PortCheck", "status", status=TEXT, port=INTEGER)
PROTOCOL: Final = shape("ProtocolCheck", "status", status=TEXT, protocol=TEXT)


def failed(reason: str, **more: object) -> ASGIApp:
    """The answer of a check that has failed."""
    return answer({"status": "failed", "reason": reason, **more}, UNAVAILABLE)


def _ok(**more: object) -> ASGIApp:
    return answer({"status": "ok", **more})


async def alarms(call: Call) -> ASGIApp:
    """Whether an alarm is on, which stops publishers."""
    node = call.api.window.node()
    found: list[Json] = [
        {"node": node.name, "resource": name}
        for name, is_on in (("memory", node.mem_alarm), ("disk", node.disk_free_alarm), ("log", node.log_alarm))
        if is_on
    ]
    return failed("There are alarms in effect in the cluster", alarms=found) if found else _ok()


async def port(call: Call) -> ASGIApp:
    """Whether something listens on a port."""
    text = call.part("port")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= PORT_MAX):
        raise bad_request("Invalid port")
    ports = sorted({one.port for one in call.api.window.listeners() if one.port})
    if int(text) in ports:
        return _ok(port=int(text))
    return failed("No active listener", missing=int(text), ports=ports)


async def protocol(call: Call) -> ASGIApp:
    """Whether something listens for a protocol."""
    asked = call.part("protocol").lower()
    wanted = PROTOCOLS.get(asked, asked)
    protocols = sorted({one.protocol for one in call.api.window.listeners()})
    if wanted in protocols:
        return _ok(protocol=wanted)
    return failed("No active listener", missing=wanted, protocols=protocols)


async def healthy(_call: Call) -> ASGIApp:
    """Vhosts run as long as the broker does."""
    return _ok()


async def alone(_call: Call) -> ASGIApp:
    """One node is never critical to others."""
    return _ok(reason=SINGLE)


async def this_node(call: Call) -> ASGIApp:
    """RabbitMQ's former check of one node."""
    if "node" in call.request.path_params:
        check_name(call)
    return await alarms(call)


async def certificates(call: Call) -> ASGIApp:
    """Whether a certificate that is served ends within a time."""
    unit, text = call.part("unit"), call.part("within")
    if unit not in UNITS_S:
        raise bad_request("Time unit not recognised. Supported units: days, weeks, months, years.")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= WITHIN_MAX):
        raise bad_request("Invalid expiration value.")
    until_ms = call.api.node.clock.now_ms() + int(text) * UNITS_S[unit] * MS_PER_S
    expired = [
        {"node": call.api.window.node_name, "file": one.file, "kind": one.kind, "subject": one.subject,
         "expires_on": time_text(one.not_after)}
        for one in call.api.window.certificates() if one.not_after <= until_ms
    ]  # fmt: skip
    return failed("Certificates expiring", expired=expired) if expired else _ok()


async def in_service(call: Call) -> ASGIApp:
    """Whether it serves AMQP clients."""
    if any(one.protocol in ("amqp", "amqp/ssl", "amqps") for one in call.api.window.listeners()):
        return _ok()
    return failed("this rabbit node is not in service")


async def below_limit(call: Call) -> ASGIApp:
    """Whether another connection would be taken."""
    limit, count = call.api.config.connections_max, call.api.window.connections(1, ALL).total_count
    if limit and count >= limit:
        return failed("node connection limit is reached", limit=limit, connections=count)
    return _ok(limit=limit or "infinity", connections=count)


async def aliveness(call: Call) -> ASGIApp:
    """Whether a vhost works: it is there, and nothing keeps publishers from it."""
    call.api.administration.vhost(call.vhost)
    node = call.api.window.node()
    if node.definitions_trouble or node.log_alarm:
        raise Refused(UNAVAILABLE, "service_unavailable", node.definitions_trouble or "the log cannot be written")
    return _ok()


def _check(path: str, handler: Handler, summary: str, shaped: Shape = CHECK) -> Endpoint:
    whole, others = "/health/checks" + path, (UNAVAILABLE,)
    return Endpoint("GET", whole, "health.see", handler, summary, answer=shaped, others=others)


ENDPOINTS: Final = rows(
    _check("/alarms", alarms, "Whether no alarm is on"),
    _check("/local-alarms", alarms, "Whether no alarm is on at this node"),
    _check("/port-listener/{port}", port, "Whether something listens on a port", PORT),
    _check("/protocol-listener/{protocol}", protocol, "Whether something listens for a protocol", PROTOCOL),
    _check("/virtual-hosts", healthy, "Whether all vhosts run"),
    _check("/node-is-mirror-sync-critical", alone, "Whether others need this node: there are none"),
    _check("/node-is-quorum-critical", alone, "Whether others need this node: there are none"),
    _check("/certificate-expiration/{within}/{unit}", certificates, "Whether no certificate ends within a time"),
    _check("/is-in-service", in_service, "Whether clients are served"),
    _check("/ready-to-serve-clients", in_service, "Whether clients are served"),
    _check("/below-node-connection-limit", below_limit, "Whether another connection would be taken"),
    Endpoint("GET", "/healthchecks/node", "health.see", this_node, "The former check of this node", answer=CHECK,
             others=(UNAVAILABLE,)),
    Endpoint("GET", "/healthchecks/node/{node}", "health.see", this_node, "The former check of one node", answer=CHECK,
             others=(UNAVAILABLE,)),
    Endpoint("GET", "/aliveness-test/{vhost}", "vhost.use", aliveness, "Whether a vhost works", answer=CHECK,
             others=(UNAVAILABLE,)),
)  # fmt: skip
