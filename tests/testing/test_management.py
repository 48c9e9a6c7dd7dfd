"""The HTTP API of a broker under test, in both forms."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from broker.testing import Broker, NotInThisModeError


def get(url: str, path: str) -> Any:
    parts = urlsplit(url)
    login = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    request = urllib.request.Request(f"http://{parts.hostname}:{parts.port}{path}")
    request.add_header("Authorization", f"Basic {login}")
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


@pytest.mark.parametrize("mode", ["in-process", "subprocess"])
def test_the_api_is_there_where_it_is_asked_for(mode: str) -> None:
    with Broker(mode, management=True) as broker:
        broker.declare("q")
        assert [queue["name"] for queue in get(broker.management_url, "/api/queues/%2F")] == ["q"]
        if mode == "in-process":
            broker.restart()
            assert get(broker.management_url, "/api/whoami")["name"] == "guest"


def test_without_it_the_error_says_what_to_do(broker: Broker) -> None:
    with pytest.raises(NotInThisModeError, match="leveret_management = true, or Broker"):
        _ = broker.management_url
