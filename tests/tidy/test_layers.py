"""The arrows between the packages: who may import whom, walked with ast, imports inside functions included."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.tidy import ROOT, tree_files

PACKAGES = ("protocol", "storage", "broker")
ASYNC_MODULES = {"asyncio", "uvloop"}
ASYNC_ALLOWED = (
    "broker.connections.transport",
    "broker.tick",
    "broker.server",
    "broker.listening",
    "broker.http_pieces",
    "broker.http_server",
    "broker.outlets",
    "broker.management",
    "broker.metrics",
    "broker.cli",
    "broker.testing",
)

# Each part of the tree and the other parts that it may import; a part may always import itself.
GROUND = {"broker.clock", "broker.config", "broker.loop_watch"}
MODEL = {"broker.model", "protocol"}
LOWER = {"broker.holding", "broker.routing", "broker.queues", "storage", *MODEL, *GROUND}
MIDDLE = {
    "broker.administration",
    "broker.publish_lane",
    "broker.vhost",
    "broker.operations",
    "broker.redeclaring",
    "broker.requests",
    "broker.definitions",
    "broker.deduplication",
    "broker.policies",
    "broker.auth",
    "broker.alarms",
    "broker.changing",
}
OUTLETS = {
    "broker.introspection", "broker.http_pieces", "broker.administration", "broker.operations", "broker.requests",
    "broker.auth", "broker.logs", *GROUND,
}  # fmt: skip
ARROWS: dict[str, set[str]] = {
    "protocol": set(),
    "storage": set(),
    "broker.config": {"broker.auth", "broker.logs", "storage"},
    "broker.logs": set(),
    "broker.supervisor": set(),
    "broker.log_output": {"broker.config", "broker.logs"},
    "broker.clock": set(),
    "broker.build": set(),
    "broker.loop_watch": {"storage"},
    "broker.model": {"protocol"},
    "broker.routing": MODEL,
    "broker.queues": {"storage", *MODEL, *GROUND},
    "broker.holding": {"broker.queues", "storage", *MODEL},
    **dict.fromkeys(MIDDLE, LOWER | MIDDLE),
    "broker.connections": {
        "broker.auth",
        "broker.vhost",
        "broker.operations",
        "broker.requests",
        "broker.policies",
        "broker.alarms",
        *MODEL,
        *GROUND,
    },
    "broker.introspection": {
        "broker.moving",
        "broker.build",
        "broker.logs",
        "broker.connections",
        "broker.tls",
        *LOWER,
        *MIDDLE,
    },
    # What reads a data folder without a broker: records, and the definitions that name what is in them.
    "broker.offline": {"broker.holding", "broker.definitions", "broker.queues", "storage", *MODEL},
    "broker.http_pieces": set(),
    "broker.http_server": {"broker.listening", *GROUND},
    "broker.tls": GROUND,
    "broker.listening": {"broker.connections", "broker.tls", "protocol", *GROUND},
    "broker.metrics": OUTLETS,
    "broker.browsing": {"broker.connections", *LOWER, *MIDDLE},
    # Jobs on many messages: they take and publish as a client's channel does, and are allowed what it is allowed.
    "broker.moving": {"broker.connections", *LOWER, *MIDDLE},
    "broker.consumer_timeouts": {"broker.connections", *LOWER, *MIDDLE},
    "broker.held": {*LOWER, *MIDDLE},
    "broker.tracing": {"broker.vhost", *LOWER},
    "broker.messages": {"broker.connections", "broker.tick", *LOWER, *MIDDLE},
    "broker.management": {
        "broker.metrics",
        "broker.definitions",
        "broker.policies",
        "broker.messages",
        "broker.tracing",
        "broker.browsing",
        "broker.moving",
        "broker.held",
        "broker.logs",
        *MODEL,
        *OUTLETS,
    },
    "broker.stores": {"storage", *GROUND},
    "broker.waking": GROUND,
    "broker.tick": {"broker.connections", *LOWER, *MIDDLE},
}
WIRING = {  # may import everything
    "broker.collector", "broker.node", "broker.outlets", "broker.server", "broker.cli", "broker.testing",
}  # fmt: skip


def modules() -> list[Path]:
    return [path for path in tree_files(".py") if path.relative_to(ROOT).parts[0] in PACKAGES]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str:
    """The part a module belongs to: `broker.queues.ready` is in `broker.queues`, `broker.config_docs` in its config."""
    if not module.startswith("broker."):
        return module.partition(".")[0]
    name = module.split(".")[1]
    return "broker.config" if name.startswith("config") else f"broker.{name}"


def imported(source: str) -> set[str]:
    """Every module that the source imports, wherever the import stands; `from broker import clock` names both."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            assert node.module is not None
            found.add(node.module)
            if node.module == "broker":
                found.update(f"broker.{alias.name}" for alias in node.names if alias.name != "__version__")
    return found


def wrong_arrows(module: str, imports: set[str]) -> list[str]:
    part = part_of(module)
    if part in WIRING or part == "broker":
        return []
    if part not in ARROWS:
        return [f"{module}: give {part} a row in ARROWS"]
    allowed = ARROWS[part] | {part, "broker"}
    ours = {name for name in imports if name.partition(".")[0] in PACKAGES}
    return [f"{module} imports {name}" for name in sorted(ours) if part_of(name) not in allowed]


def wrong_async(module: str, imports: set[str]) -> list[str]:
    allowed = any(module == name or module.startswith(name + ".") for name in ASYNC_ALLOWED)
    return [] if allowed else [f"{module} imports {name}" for name in sorted(imports) if _root(name) in ASYNC_MODULES]


def _root(name: str) -> str:
    return name.partition(".")[0]


def test_imports_follow_the_arrows() -> None:
    assert modules()
    assert not [wrong for path in modules() for wrong in wrong_arrows(dotted(path), imported(path.read_text()))]


def test_asyncio_stays_in_the_shells() -> None:
    assert not [wrong for path in modules() for wrong in wrong_async(dotted(path), imported(path.read_text()))]


def test_the_broker_does_not_know_that_it_is_tested() -> None:
    """What breaks a broker on purpose is not reachable from one that runs: nothing imports it but itself."""
    others = [path for path in modules() if part_of(dotted(path)) != "broker.testing"]
    assert len(others) < len(modules())
    assert not [
        path for path in others if any(part_of(name) == "broker.testing" for name in imported(path.read_text()))
    ]


def test_nothing_imports_tests_or_bench() -> None:
    outside = {"tests", "bench", "examples"}
    assert not [path for path in modules() if outside & {_root(name) for name in imported(path.read_text())}]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("protocol.engine", "import broker.clock"),
        ("storage.local", "from protocol import errors"),
        ("broker.model.message", "from broker.queues.ready import Ready"),
        ("broker.queues.classic", "def f():\n    from broker.connections import channel"),
        ("broker.routing.topic", "from broker import operations"),
        ("broker.definitions.keeper", "from broker.connections import channel"),
        ("broker.connections.channel", "import broker.introspection"),
        ("broker.management.app", "from broker.queues import classic"),
        ("broker.novelty", "import broker.clock"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, source: str) -> None:
    assert wrong_arrows(module, imported(source))


@pytest.mark.parametrize(
    "source", ["import asyncio", "from asyncio import sleep", "import uvloop", "import asyncio.events"]
)
def test_asyncio_in_the_core_is_seen(source: str) -> None:
    assert wrong_async("broker.queues.classic", imported(source))
    assert not wrong_async("broker.connections.transport", imported(source))
