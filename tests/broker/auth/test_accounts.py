"""Logins at any door: who gets in, what it costs, and what happens to those who fail too often."""

from __future__ import annotations

import logging

import pytest

from broker.auth.accounts import AMQP, HTTP, WAITING_MAX, Accounts, Peer
from broker.auth.authorization import Authorization, Subject
from broker.auth.login_guard import ADDRESSES_MAX, VERIFIED_MS, WINDOW_MS, FailedLogins, VerifiedPasswords
from broker.auth.passwords import SHA256, hash_password
from broker.auth.permissions import PermissionStore
from broker.auth.topic_permissions import TopicPermissionStore
from broker.auth.users import NO_PASSWORD, PasswordHash, UserStore
from tests.support.manual_worker import ManualWorker

HERE = Peer(AMQP, "127.0.0.1", True)
THERE = Peer(HTTP, "192.0.2.1", False)
FAILURES_MAX = 3


class Logins:
    """Accounts with a clock and a worker in the test's hands."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.users = UserStore(["guest"], SHA256)
        for name, password in (("guest", "guest"), ("ann", "secret"), ("nopass", "gone")):
            self.users.add(name, password, ("management",))
        self.users.change_password("nopass", NO_PASSWORD)
        permissions = PermissionStore()
        authorization = Authorization(permissions, TopicPermissionStore())
        self.accounts = Accounts(self.users, permissions, authorization, lambda: self.now_ms, FAILURES_MAX)
        self.worker = self.accounts.worker = ManualWorker()

    def claim(self, name: str, password: str, peer: Peer) -> list[Subject | None]:
        answers: list[Subject | None] = []
        self.accounts.authenticate(name, password, peer, answers.append)
        return answers

    def login(self, name: str, password: str, peer: Peer = THERE) -> str | None:
        answers = self.claim(name, password, peer)
        self.worker.run_all()
        (subject,) = answers
        return subject.user if subject else None


@pytest.fixture
def logins() -> Logins:
    return Logins()


@pytest.mark.parametrize(
    ("name", "password", "peer", "enters"),
    [
        ("guest", "guest", HERE, True),
        ("guest", "guest", THERE, False),
        ("guest", "Guest", HERE, False),
        ("guest", "", HERE, False),
        ("ann", "secret", HERE, True),
        ("ann", "secret", THERE, True),
        ("ann", "secret\0", THERE, False),
        ("ann", "", THERE, False),
        ("Ann", "secret", HERE, False),
        ("", "", HERE, False),
        ("missing", "", HERE, False),
        ("nopass", "", HERE, False),
        ("nopass", "gone", HERE, False),
        ("ann", "\udcff", HERE, False),
        ("ann", "x" * 9000, HERE, False),
    ],
)
def test_who_gets_in(logins: Logins, name: str, password: str, peer: Peer, enters: bool) -> None:
    assert logins.login(name, password, peer) == (name if enters else None)
    counted = logins.accounts.attempts[peer.door]
    assert (counted.succeeded, counted.failed) == (int(enters), int(not enters))


@pytest.mark.parametrize("name", ["ann", "missing", "nopass"])
def test_every_first_login_is_one_piece_of_work_away_from_the_loop(logins: Logins, name: str) -> None:
    answers = logins.claim(name, "wrong", THERE)
    assert (answers, len(logins.worker)) == ([], 1)


def test_a_password_that_was_right_costs_nothing_for_a_while(logins: Logins) -> None:
    assert logins.login("ann", "secret") == "ann"
    assert [one.user for one in logins.claim("ann", "secret", THERE) if one] == ["ann"]
    assert logins.claim("ann", "secreT", THERE) == []
    logins.now_ms += VERIFIED_MS
    assert logins.claim("ann", "secret", THERE) == []


def test_a_changed_password_is_not_remembered(logins: Logins) -> None:
    assert logins.login("ann", "secret") == "ann"
    logins.users.change_password("ann", PasswordHash(hash_password("new", SHA256), SHA256))
    assert logins.login("ann", "secret") is None
    assert logins.login("ann", "new") == "ann"


def test_a_user_that_was_changed_while_the_password_was_checked_stays_out(logins: Logins) -> None:
    answers = logins.claim("ann", "secret", THERE)
    logins.users.delete("ann")
    logins.worker.run_all()
    assert answers == [None]


def test_an_address_that_fails_too_often_waits_and_others_do_not(
    logins: Logins, caplog: pytest.LogCaptureFixture
) -> None:
    logins.login("ann", "secret")
    for _ in range(FAILURES_MAX):
        assert logins.login("ann", "s3cr3t-mistyped") is None
    with caplog.at_level(logging.WARNING):
        assert logins.claim("guest", "guest", THERE) == [None], "it is not even checked"
    assert "too many failed logins from 192.0.2.1, next in 60 s" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert logins.login("ann", "secret") == "ann", "known to be right: others behind the same address go on"
    assert logins.login("guest", "guest", HERE) == "guest"
    logins.now_ms += WINDOW_MS
    assert logins.login("ann", "secret") == "ann"


def test_too_many_that_wait_are_refused(logins: Logins) -> None:
    for number in range(WAITING_MAX):
        assert logins.claim("ann", "secret", Peer(AMQP, str(number), False)) == []
    assert logins.claim("ann", "secret", THERE) == [None]
    logins.worker.run_all()
    assert logins.login("ann", "secret") == "ann"


def test_a_name_proven_otherwise_gets_in_where_there_is_a_user(logins: Logins) -> None:
    answers: list[Subject | None] = []
    for name in ("nopass", "missing", "guest"):
        logins.accounts.admit(name, THERE, answers.append)
    assert [one and one.user for one in answers] == ["nopass", None, None]


def test_addresses_and_passwords_that_are_remembered_are_bounded() -> None:
    failed = FailedLogins(1)
    for number in range(ADDRESSES_MAX + 1):
        failed.add(str(number), 0)
    assert [failed.wait_ms(address, 0) for address in ("0", "1")] == [0, WINDOW_MS]
    assert FailedLogins(0).wait_ms("1", 0) == 0
    verified = VerifiedPasswords()
    verified.add("a", "b", "c", 0)
    assert not verified.has("ab", "", "c", 0)
    for number in range(5000):
        verified.add("n", "h", str(number), 0)
    assert [verified.has("n", "h", password, 1) for password in ("0", "4999")] == [False, True]
