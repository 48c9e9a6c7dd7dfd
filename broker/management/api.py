"""What the API works with: the window, the changes, and whoever asks. Wiring only; must not hold logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.administration import Administration
from broker.auth.accounts import Accounts
from broker.auth.authorization import Authorization
from broker.auth.permissions import PermissionStore
from broker.auth.topic_permissions import TopicPermissionStore
from broker.auth.users import UserStore
from broker.browsing import Browser
from broker.config import Config
from broker.held import HeldMessages
from broker.introspection.window import Introspection
from broker.messages import Messages
from broker.operations import Operations
from broker.policies.rules import Rules


@dataclass(frozen=True, slots=True)
class Api:
    """Everything a handler may use. `node` has the stores that only some resources know."""

    config: Config
    window: Introspection
    administration: Administration
    operations: Operations
    authorization: Authorization
    accounts: Accounts
    users: UserStore
    permissions: PermissionStore
    topic_permissions: TopicPermissionStore
    rules: Rules
    messages: Messages
    browser: Browser
    held: HeldMessages
    stop_broker: Callable[[], None]
    node: Any


def api_of(node: Any, window: Introspection, stop_broker: Callable[[], None]) -> Api:
    """What the API works with, of a node."""
    return Api(
        node.config, window, node.administration, node.operations, node.authorization, node.accounts, node.users,
        node.permissions, node.topic_permissions, node.rules,
        Messages(node.operations, node.tick, node.config.message_size_max_bytes), Browser(node.operations),
        HeldMessages(node.operations), stop_broker, node,
    )  # fmt: skip
