"""The OpenAPI document says what the API does: schemathesis asks for everything in it, in this process."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from broker.auth.actions import BY_NAME
from broker.clock import Clock
from broker.config import Config
from broker.introspection.window import Introspection
from broker.management.api import api_of
from broker.management.app import create_app
from broker.management.endpoint import PUBLIC
from broker.management.openapi import document
from broker.management.table import ENDPOINTS, by_path
from broker.node import Node
from tests.support.accounts import GUEST

WHO = {"authorization": "Basic " + base64.b64encode(b"guest:guest").decode()}
# Pages beyond the end and the like are refused though they are in the schema's form; 503 is an answer, and 500 is found
# as a status that is not in the document; test_door asks without a password.
EXCLUDED = [ignored_auth, not_a_server_error, positive_data_acceptance]
EXAMPLES = 4  # of each endpoint


def app(folder: Path) -> Any:
    def call_soon(callback: Callable[[], None]) -> object:
        try:
            return asyncio.get_running_loop().call_soon(callback)
        except RuntimeError:  # while the node is made
            return callback()

    config = Config(
        data_dir=folder, loopback_users=(), login_failures_max=0, password_hashing="rabbit_password_hashing_sha256"
    )
    node = Node(config, Clock(), call_soon)
    node.create_defaults(GUEST)
    return create_app(api_of(node, Introspection(node), lambda: None), is_owners=False)


def test_it_does_what_it_says(tmp_path: Path) -> None:
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app(tmp_path), headers=WHO)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate,),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers=WHO, excluded_checks=EXCLUDED)

        check()
        asked += 1
    assert asked == len(ENDPOINTS) - 1  # all but the document itself


def test_every_action_is_one_that_authorization_knows() -> None:
    assert not {one.action for one in ENDPOINTS} - {PUBLIC, *BY_NAME}


def test_words_are_tried_before_names() -> None:
    paths = list(by_path())
    assert paths.index("/users/bulk-delete") < paths.index("/users/{user}")
    assert paths.index("/connections/username/{user}") < paths.index("/connections/{connection}/channels")


def test_all_methods_of_a_path_are_described() -> None:
    described = document(ENDPOINTS, "3.13.7")["paths"]
    found = {(path, method.upper()) for path, methods in described.items() for method in methods}
    assert found == {(one.path, one.method) for one in ENDPOINTS}
