"""Permissions as a matrix: pattern by name, user by virtual host by kind."""

from __future__ import annotations

import itertools

import pytest

from broker.auth.permissions import PATTERN_BYTES_MAX, Kind, Permission, PermissionStore

KINDS: tuple[Kind, ...] = ("configure", "write", "read")


def store(configure: str = "", write: str = "", read: str = "") -> PermissionStore:
    permissions = PermissionStore()
    permissions.set(Permission("ann", "/", configure, write, read))
    return permissions


@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [
        (".*", "anything", True),
        (".*", "", True),
        ("", "q", False),
        ("", "", False),  # the default exchange is checked as amq.default
        ("^$", "", False),
        ("^amq\\.default$", "", True),
        ("^amq\\.default$", "amq.default", True),
        ("celery", "celery", True),
        ("celery", "my-celery-queue", True),  # searched, not anchored
        ("^celery", "my-celery", False),
        ("^celery$", "celery", True),
        ("^celery$", "celeryx", False),
        ("^(amq\\.gen.*|amq\\.default)$", "amq.gen-abc", True),
        ("^(amq\\.gen.*|amq\\.default)$", "amq.direct", False),
        ("Celery", "celery", False),
        ("(?i)Celery", "celery", True),
        ("^.{2}$", "é", True),  # bytes, as in RabbitMQ
        ("^é$", "é", True),
        ("^.$", "\udcff", True),
        ("^(a+)+$", "a" * 250 + "b", False),  # linear time: a backtracking engine would not come back
    ],
)
def test_pattern_against_name(pattern: str, name: str, allowed: bool) -> None:
    assert store(read=pattern).allows("ann", "/", "read", name) is allowed


@pytest.mark.parametrize(("granted", "asked"), list(itertools.product(KINDS, KINDS)))
def test_each_kind_stands_alone(granted: Kind, asked: Kind) -> None:
    permissions = store(**{granted: ".*"})
    assert permissions.allows("ann", "/", asked, "q") is (granted == asked)


@pytest.mark.parametrize(("user", "vhost"), list(itertools.product(("ann", "eve", ""), ("/", "other", ""))))
def test_rights_are_one_users_in_one_vhost(user: str, vhost: str) -> None:
    permissions = store(".*", ".*", ".*")
    expected = (user, vhost) == ("ann", "/")
    assert permissions.may_access(user, vhost) is expected
    assert all(permissions.allows(user, vhost, kind, "q") is expected for kind in KINDS)


def test_access_without_any_right_is_access() -> None:
    assert store().may_access("ann", "/")


@pytest.mark.parametrize(
    "pattern", ["(", "[a", "*", "(?=a)", "(?!a)", "(a)\\1", "a{1001}", "x" * (PATTERN_BYTES_MAX + 1)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_pattern_is_named_and_changes_nothing(pattern: str, kind: Kind) -> None:
    permissions = store(".*", ".*", ".*")
    before = (permissions.all(), permissions.version)
    texts = {"configure": "", "write": "", "read": "", kind: pattern}
    with pytest.raises(ValueError, match="regular expression"):
        permissions.set(Permission("ann", "/", **texts))
    assert (permissions.all(), permissions.version) == before
    assert permissions.allows("ann", "/", kind, "q")


def test_every_change_raises_the_version() -> None:
    permissions = store(read="a")
    versions = [permissions.version]
    permissions.set(Permission("ann", "/", "", "", "b"))
    versions.append(permissions.version)
    assert permissions.allows("ann", "/", "read", "b")
    assert not permissions.allows("ann", "/", "read", "a")
    permissions.clear("ann", "/")
    versions.append(permissions.version)
    permissions.clear("ann", "/")
    assert permissions.version == versions[-1]
    assert versions == sorted(set(versions))


def test_rights_go_with_their_user_and_their_vhost() -> None:
    permissions = PermissionStore()
    for user, vhost in itertools.product(("ann", "bob"), ("/", "other")):
        permissions.set(Permission(user, vhost, "", "", ""))
    permissions.clear_user("ann")
    permissions.clear_vhost("other")
    assert [(permission.user, permission.vhost) for permission in permissions.all()] == [("bob", "/")]
    assert not permissions.may_access("ann", "/")
    assert not permissions.may_access("bob", "other")
