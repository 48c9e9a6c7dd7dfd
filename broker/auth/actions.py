"""The one table of what can be done to a broker, and what it takes: a tag, a vhost one may enter, a right on a name.

Must not: know users or how a door is built; `authorization` asks, AMQP, HTTP and through it the commands are the doors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.auth.permissions import Kind

ADMINISTRATOR: Final = "administrator"
MONITORING: Final = "monitoring"
POLICYMAKER: Final = "policymaker"
MANAGEMENT: Final = "management"
IMPERSONATOR: Final = "impersonator"

ADMINS: Final = frozenset({ADMINISTRATOR})
MONITORS: Final = frozenset({ADMINISTRATOR, MONITORING})
POLICYMAKERS: Final = frozenset({ADMINISTRATOR, POLICYMAKER})
ANYBODY: Final = frozenset({ADMINISTRATOR, MONITORING, POLICYMAKER, MANAGEMENT})  # who may use HTTP at all
NO_TAG: Final[frozenset[str]] = frozenset()  # AMQP asks for none


@dataclass(frozen=True, slots=True)
class Action:
    """One row. All that is named has to be there.

    tags: one of these, unless empty. vhost: the vhost must be one the user may enter. sees_vhost: the same, or the user
    may see all of them. own: whose it is may do it without one of `tags`, with any tag that lets one in.
    kind and resource: a right on a queue, exchange, or topic (a routing key in an exchange).
    """

    name: str
    summary: str
    tags: frozenset[str] = NO_TAG
    vhost: bool = False
    sees_vhost: bool = False
    own: bool = False
    kind: Kind | None = None
    resource: str = ""


def _rights(resource: str, kinds: tuple[Kind, ...]) -> tuple[Action, ...]:
    summary = "{} access to " + (f"a {resource}" if resource != "exchange" else "an exchange")
    return tuple(Action(f"{resource}.{kind}", summary.format(kind), kind=kind, resource=resource) for kind in kinds)


ACTIONS: Final[tuple[Action, ...]] = (
    *_rights("queue", ("configure", "write", "read")),
    *_rights("exchange", ("configure", "write", "read")),
    *_rights("topic", ("write", "read")),
    Action("http.enter", "Use the HTTP API", ANYBODY),
    Action("overview.see", "See the broker's totals, as far as one's vhosts go", ANYBODY),
    Action("health.see", "Ask for health checks", ANYBODY),
    Action("password.hash", "Have a password hashed", ANYBODY),
    Action("vhost.see", "See a vhost and what is in it", ANYBODY, sees_vhost=True),
    Action("vhost.use", "Change things in a vhost, as far as one's rights go", ANYBODY, vhost=True),
    Action("vhost.all", "See every vhost", MONITORS),
    Action("vhost.put", "Make a vhost or change its settings", ADMINS),
    Action("vhost.delete", "Delete a vhost", ADMINS),
    Action("connection.see", "See a connection, its channels and consumers", MONITORS, own=True),
    Action("connection.close", "Close a connection", ADMINS, own=True),
    Action("node.see", "See what the process uses of the machine", MONITORS),
    Action("user.see", "See users", ADMINS),
    Action("user.put", "Make a user or change one", ADMINS),
    Action("user.delete", "Delete a user", ADMINS),
    Action("permission.see", "See permissions and topic permissions", ADMINS),
    Action("permission.put", "Give permissions and topic permissions", ADMINS),
    Action("permission.delete", "Take permissions and topic permissions away", ADMINS),
    Action("limit.see", "See limits of vhosts and users", ANYBODY),
    Action("limit.put", "Set limits of vhosts and users", ADMINS),
    Action("limit.delete", "Clear limits of vhosts and users", ADMINS),
    Action("policy.see", "See policies", ANYBODY, sees_vhost=True),
    Action("policy.put", "Set a policy", POLICYMAKERS, vhost=True),
    Action("policy.delete", "Clear a policy", POLICYMAKERS, vhost=True),
    Action("operator_policy.see", "See operator policies", ANYBODY, sees_vhost=True),
    Action("operator_policy.put", "Set an operator policy", ADMINS),
    Action("operator_policy.delete", "Clear an operator policy", ADMINS),
    Action("parameter.see", "See runtime parameters", POLICYMAKERS, sees_vhost=True),
    Action("parameter.put", "Set a runtime parameter", POLICYMAKERS, vhost=True),
    Action("parameter.delete", "Clear a runtime parameter", POLICYMAKERS, vhost=True),
    Action("global_parameter.see", "See global parameters", POLICYMAKERS),
    Action("global_parameter.put", "Set a global parameter", ADMINS),
    Action("global_parameter.delete", "Clear a global parameter", ADMINS),
    Action("definitions.export", "Export all definitions", ADMINS),
    Action("definitions.import", "Import definitions", ADMINS),
    Action("definitions.export_vhost", "Export the definitions of a vhost", POLICYMAKERS, vhost=True),
    Action("definitions.import_vhost", "Import the definitions of a vhost", ADMINS),
    Action("login.see", "See how many logins succeeded and failed", MONITORS),
    Action("login.reset", "Set the counts of logins back", ADMINS),
    Action("config.see", "See the effective settings", ADMINS),
    Action("log.see", "Read the broker's log", ADMINS),
    Action("trace.see", "Follow messages as they come and go", ADMINS),
    Action("broker.stop", "Stop the broker", ADMINS),
)  # fmt: skip

BY_NAME: Final[dict[str, Action]] = {action.name: action for action in ACTIONS}
