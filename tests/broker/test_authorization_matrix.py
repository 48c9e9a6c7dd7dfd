"""The authorization matrix: every endpoint and every action, for every tag, with and without each permission.

What is expected is written here a second time, by hand. AMQP's door has a matrix of its own (test_permissions_matrix),
and so do the commands, which come in through these doors.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from broker.auth.actions import ACTIONS
from broker.auth.authorization import OWNER, Authorization, Subject
from broker.auth.passwords import SHA256, hash_password
from broker.auth.permissions import Permission, PermissionStore
from broker.auth.topic_permissions import TopicPermission, TopicPermissionStore
from broker.auth.users import PasswordHash
from broker.clock import Clock
from broker.config import Config
from broker.holding.inventory import id_of
from broker.holding.ticket import ETA
from broker.introspection.window import Introspection
from broker.management.api import api_of
from broker.management.app import create_app
from broker.management.endpoint import PUBLIC, Endpoint
from broker.management.table import ENDPOINTS
from broker.messages import address
from broker.model.arguments import NO_ARGUMENTS
from broker.model.message import Batch
from broker.node import Node
from broker.requests import Actor, ExchangeRequest, QueueRequest
from protocol.properties import NO_PROPERTIES
from tests.support.accounts import GUEST

TAGS: Final = ("", "management", "policymaker", "monitoring", "administrator", "impersonator")
ANY: Final = {"management", "policymaker", "monitoring", "administrator"}
# who may: tags, and whether the vhost has to be one they may enter ("enter"), or see ("see": monitoring sees all)
NEEDS: Final[dict[str, tuple[set[str], str]]] = {
    **dict.fromkeys(("http.enter", "overview.see", "health.see", "password.hash", "limit.see"), (ANY, "")),
    **dict.fromkeys(("vhost.see", "policy.see", "operator_policy.see"), (ANY, "see")),
    "vhost.use": (ANY, "enter"),
    **dict.fromkeys(("vhost.all", "node.see", "login.see"), ({"monitoring", "administrator"}, "")),
    **dict.fromkeys(("policy.put", "policy.delete", "parameter.put", "parameter.delete", "definitions.export_vhost"),
                    ({"policymaker", "administrator"}, "enter")),
    "parameter.see": ({"policymaker", "administrator"}, "see"),
    "global_parameter.see": ({"policymaker", "administrator"}, ""),
    **dict.fromkeys((
        "vhost.put", "vhost.delete", "user.see", "user.put", "user.delete", "permission.see", "permission.put",
        "permission.delete", "limit.put", "limit.delete", "operator_policy.put", "operator_policy.delete",
        "global_parameter.put", "global_parameter.delete", "definitions.export", "definitions.import",
        "definitions.import_vhost", "login.reset", "config.see", "log.see", "trace.see", "broker.stop",
    ), ({"administrator"}, "")),
    **dict.fromkeys(("connection.see",), ({"monitoring", "administrator"}, "own")),
    **dict.fromkeys(("connection.close",), ({"administrator"}, "own")),
}  # fmt: skip
# beside the tag: the rights on the queue q or the exchange x of the path
RIGHTS: Final[dict[tuple[str, str], set[str]]] = {
    ("PUT", "/queues/{vhost}/{queue}"): {"configure q"},
    ("DELETE", "/queues/{vhost}/{queue}"): {"configure q"},
    ("PUT", "/queues/{vhost}/{queue}/arguments"): {"configure q"},
    ("DELETE", "/queues/{vhost}/{queue}/contents"): {"read q"},
    ("DELETE", "/queues/{vhost}/{queue}/deduplication"): {"configure q"},
    ("DELETE", "/exchanges/{vhost}/{exchange}/deduplication"): {"configure x"},
    ("POST", "/queues/{vhost}/{queue}/get"): {"read q"},
    ("GET", "/queues/{vhost}/{queue}/messages"): {"read q"},
    ("DELETE", "/queues/{vhost}/{queue}/messages/{message}"): {"read q"},
    ("POST", "/queues/{vhost}/{queue}/move"): {"read q", "write x"},
    ("POST", "/queues/{vhost}/{queue}/replay"): {"read q"},
    ("GET", "/queues/{vhost}/{queue}/dead-letters"): {"read q"},
    ("GET", "/queues/{vhost}/{queue}/rewind"): {"read q"},
    ("POST", "/queues/{vhost}/{queue}/rewind"): {"read q"},
    ("DELETE", "/leveret/held/{vhost}/{id}"): {"read q"},
    ("PUT", "/leveret/held/{vhost}/{id}"): {"read q"},
    ("POST", "/leveret/held/{vhost}/{id}/release"): {"read q"},
    ("DELETE", "/queues/{vhost}/{queue}/offsets/{consumer}"): {"read q"},
    ("PUT", "/exchanges/{vhost}/{exchange}"): {"configure x"},
    ("DELETE", "/exchanges/{vhost}/{exchange}"): {"configure x"},
    ("POST", "/exchanges/{vhost}/{exchange}/publish"): {"write x"},
    ("POST", "/bindings/{vhost}/e/{source}/{kind}/{destination}"): {"write q", "read x"},
    ("DELETE", "/bindings/{vhost}/e/{source}/{kind}/{destination}/{props}"): {"write q", "read x"},
}
ALL_RIGHTS: Final = {f"{kind} {name}" for kind in ("configure", "write", "read") for name in ("q", "x")}
BODIES: Final = {
    "/queues/{vhost}/{queue}/arguments": {"arguments": {"x-consumer-timeout": 60000}},
    "/queues/{vhost}/{queue}/get": {"ackmode": "ack_requeue_true", "count": 1, "encoding": "auto"},
    "/queues/{vhost}/{queue}/actions": {"action": "sync"},
    "/queues/{vhost}/{queue}/rewind": {"to": 0, "into": "back"},
    "/queues/{vhost}/{queue}/move": {"destination": {"exchange": "x", "routing_key": "k"}},
    "/exchanges/{vhost}/{exchange}": {"type": "direct"},
    "/exchanges/{vhost}/{exchange}/publish": {
        "routing_key": "q", "payload": "", "payload_encoding": "string", "properties": {},
    },
    "/leveret/celery/revoke": {"vhost": "v", "id": "none"},
    "/leveret/held/{vhost}/{id}": {"due": 4_102_444_800_000},
}  # fmt: skip
PARTS: Final = {
    "vhost": "v", "queue": "q", "exchange": "x", "source": "x", "destination": "q", "kind": "q", "props": "k",
    "message": "0-1", "unit": "days", "within": "1", "port": "1", "user": "nobody", "node": "none",
}  # fmt: skip
UNAUTHORISED: Final = 401
DAY_MS: Final = 86_400_000


@dataclass
class Broker:
    """A broker in this process with both doors of its HTTP API: with a password, and the owner's socket."""

    node: Node
    doors: dict[str, Any]

    def ask(self, door: str, user: str, endpoint: Endpoint) -> int:
        """The status that somebody is answered with."""
        parts = {**PARTS, "id": self.held()}
        path = "/api" + endpoint.path.format(**{part: parts.get(part, "none") for part in endpoint.parts})
        body = json.dumps(BODIES.get(endpoint.path, {})).encode()
        credentials = base64.b64encode(f"{user}:guest".encode())
        headers = [(b"authorization", b"Basic " + credentials), (b"host", b"localhost")]
        scope = {
            "type": "http", "method": endpoint.method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "scheme": "http",
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        statuses: list[int] = []

        requests = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(requests, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        asyncio.run(self.doors[door](scope, receive, send))
        (status,) = statuses
        return status

    def prepare(self) -> None:
        """The vhost v with the queue q and the exchange x bound to it, whatever was deleted before."""
        self.node.administration.add_vhost("v")
        actor, operations = Actor(OWNER, self.node.vhosts["v"]), self.node.operations
        operations.declare_queue(actor, QueueRequest("q", False, False, False, NO_ARGUMENTS))
        operations.declare_exchange(actor, ExchangeRequest("x", "direct", False, False, False, NO_ARGUMENTS))
        operations.bind_queue(actor, "q", "x", "k", NO_ARGUMENTS)

    def held(self) -> str:
        """The id of a message that is held for the queue q, where that is there."""
        vhost = self.node.vhosts.get("v")
        if vhost is None or "q" not in vhost.queues:
            return "1-1"
        holding = vhost.holding
        if not len(holding.inventory):
            batch = Batch(address("", "q"), NO_PROPERTIES, [b""], -1)
            holding.hold_for(vhost.queues["q"], ETA, batch, self.node.clock.now_ms() + DAY_MS, None)
        return id_of(holding.inventory.page(0, 1)[0])

    def let(self, user: str, rights: set[str] | None) -> None:
        """Gives a user these rights in v, or no permission at all."""
        if rights is None:
            self.node.permissions.clear(user, "v")
            return
        names = [
            [one.split()[1] for one in sorted(rights) if one.startswith(kind)] for kind in ("conf", "write", "read")
        ]
        patterns = ["^({})$".format("|".join(each)) if each else "^$" for each in names]
        self.node.permissions.set(Permission(user, "v", *patterns))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Broker:
    def call_soon(callback: Callable[[], None]) -> object:
        try:
            return asyncio.get_running_loop().call_soon(callback)
        except RuntimeError:  # while the node is made
            return callback()

    config = Config(
        data_dir=tmp_path_factory.mktemp("matrix"), password_hashing=SHA256, auth_failure_delay_s=0.0,
        login_failures_max=0,
    )  # fmt: skip
    node = Node(config, Clock(), call_soon)
    node.create_defaults(GUEST)
    password = PasswordHash(hash_password("guest", SHA256), SHA256)
    for tag in TAGS:
        node.administration.put_user(f"u-{tag}", password, [tag] if tag else [])
    api = api_of(node, Introspection(node), lambda: None)
    return Broker(node, {door: create_app(api, is_owners=door == "owner") for door in ("password", "owner")})


def tag_is_enough(endpoint: Endpoint, tag: str, enters: bool) -> bool:
    tags, place = NEEDS[endpoint.action]
    if endpoint.path == "/leveret/celery/revoke":  # the vhost is in the body
        place = "enter"
    if endpoint.path == "/connections/username/{user}" and endpoint.method == "DELETE":
        place = ""  # another user's
    if place == "own":  # whose it is, is looked at where there is one
        return tag in ANY and ("{vhost}" not in endpoint.path or enters)
    if tag not in tags:
        return False
    sees = enters or tag in ("monitoring", "administrator")
    return {"": True, "enter": enters, "see": sees}[place]


def shown(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Endpoint) else str(value)


def cases() -> Iterator[tuple[Endpoint, str]]:
    return itertools.product([one for one in ENDPOINTS if one.action != PUBLIC], TAGS)


def test_every_action_is_in_the_matrix() -> None:
    rights = {action.name for action in ACTIONS if action.kind is not None}
    assert {action.name for action in ACTIONS} == {*NEEDS, *rights}
    assert {(one.method, one.path) for one in ENDPOINTS} >= set(RIGHTS)


@pytest.mark.parametrize(
    ("endpoint", "tag"), cases(), ids=lambda it: it if isinstance(it, str) else f"{it.method} {it.path}"
)
def test_an_endpoint_takes_its_tag_and_its_vhost(broker: Broker, endpoint: Endpoint, tag: str) -> None:
    user = f"u-{tag}"
    for enters in (False, True):
        broker.prepare()
        broker.let(user, set(ALL_RIGHTS) if enters else None)
        status = broker.ask("password", user, endpoint)
        assert (status != UNAUTHORISED) == tag_is_enough(endpoint, tag, enters), (endpoint.path, enters, status)


@pytest.mark.parametrize("at", sorted(RIGHTS))
@pytest.mark.parametrize("tag", sorted(ANY))
def test_an_endpoint_takes_its_rights_and_no_others(broker: Broker, at: tuple[str, str], tag: str) -> None:
    (endpoint,) = [one for one in ENDPOINTS if (one.method, one.path) == at]
    user, needed = f"u-{tag}", RIGHTS[at]
    broker.prepare()
    for missing in sorted(needed):
        broker.let(user, ALL_RIGHTS - {missing})
        assert broker.ask("password", user, endpoint) == UNAUTHORISED, f"without {missing}"
    broker.let(user, set(needed))
    assert broker.ask("password", user, endpoint) != UNAUTHORISED


@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.action != PUBLIC], ids=lambda it: f"{it.method} {it.path}"
)
def test_the_owner_may_do_everything_and_nobody_nothing(broker: Broker, endpoint: Endpoint) -> None:
    broker.prepare()
    assert broker.ask("password", "nobody-at-all", endpoint) == UNAUTHORISED
    assert broker.ask("owner", "nobody-at-all", endpoint) != UNAUTHORISED


# ---- the function itself


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_function_for_every_tag_and_permission(action: Any) -> None:
    permissions, topics = PermissionStore(), TopicPermissionStore()
    authorization = Authorization(permissions, topics)
    permissions.set(Permission("in", "v", "^c", "^w", "^r"))
    topics.set(TopicPermission("in", "v", "x", "^w", "^r"))
    assert authorization.allows(OWNER, action.name, "v", "n", "k")
    for user, tag in itertools.product(("in", "out"), TAGS):
        subject, enters = Subject(user, frozenset([tag] if tag else [])), user == "in"
        if action.kind is not None:
            first = action.kind[0]
            said = authorization.allows(subject, action.name, "v", first if action.resource != "topic" else "x", first)
            denied = authorization.allows(subject, action.name, "v", "n" if action.resource != "topic" else "x", "n")
            unsaid = action.resource == "topic" and not enters  # nothing is said of this user's routing keys
            assert (said, denied) == (enters or unsaid, unsaid)
            continue
        tags, place = NEEDS[action.name]
        sees = enters or tag in ("monitoring", "administrator")
        expected = tag in tags and {"": True, "own": True, "enter": enters, "see": sees}[place]
        assert authorization.allows(subject, action.name, "v") == expected
        if place == "own":
            assert authorization.allows(subject, action.name, "v", owner=user) == (tag in ANY)
