"""Users and passwords: who gets in, in RabbitMQ's hash format."""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path

import pytest

from broker.auth import passwords
from broker.auth.first_password import FILE_NAME, first_password
from broker.auth.passwords import ALGORITHMS, check_hash, hash_password, password_fits
from broker.auth.users import NAME_BYTES_MAX, TAGS_MAX, UnknownUserError, User, UserExistsError, UserStore


def store() -> UserStore:
    users = UserStore(loopback_users=["guest"])
    users.add("guest", "guest", ["administrator"])
    users.add("ann", "secret")
    users.add("nopass", "gone")
    users.clear_password("nopass")
    return users


@pytest.mark.parametrize(
    ("name", "password", "loopback", "enters"),
    [
        ("guest", "guest", True, True),
        ("guest", "guest", False, False),
        ("guest", "Guest", True, False),
        ("guest", "", True, False),
        ("ann", "secret", True, True),
        ("ann", "secret", False, True),
        ("ann", "secret\0", False, False),
        ("ann", "secre", False, False),
        ("ann", "", False, False),
        ("Ann", "secret", True, False),
        ("", "", True, False),
        ("", "nobody", True, False),
        ("missing", "nobody", True, False),
        ("missing", "", True, False),
        ("nopass", "", True, False),
        ("nopass", "gone", True, False),
        ("nopass", "nobody", True, False),
        ("ann", "\udcff", True, False),
        ("ann", "x" * 9000, True, False),
    ],
)
def test_who_gets_in(name: str, password: str, loopback: bool, enters: bool) -> None:
    user = store().authenticate(name, password, loopback)
    assert (user.name if user else None) == (name if enters else None)


@pytest.mark.parametrize("name", ["ann", "missing", "nopass"])
def test_every_login_costs_one_digest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    users, calls = store(), list[bytes]()

    def counted(salt: bytes, password: bytes) -> bytes:
        calls.append(password)
        return hashlib.sha256(salt + password).digest()

    monkeypatch.setitem(passwords.ALGORITHMS, passwords.DEFAULT_ALGORITHM, counted)
    users.authenticate(name, "secret", True)
    assert calls == [b"secret"]


def test_hash_is_rabbitmqs() -> None:
    # The worked example of RabbitMQ's guide to passwords: salt 908DC60A, password test12.
    expected = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert hash_password("test12", salt=bytes.fromhex("908DC60A")) == expected
    assert password_fits("test12", expected, "rabbit_password_hashing_sha256")


def test_sha512_is_salt_and_digest_too() -> None:
    raw = base64.b64decode(hash_password("pw", "rabbit_password_hashing_sha512"))
    assert raw[4:] == hashlib.sha512(raw[:4] + b"pw").digest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_imported_user_gets_in(algorithm: str) -> None:
    users = UserStore()
    users.put(User("bob", hash_password("pw", algorithm), ("monitoring",), algorithm))
    assert users.authenticate("bob", "pw", False) is not None
    assert users.authenticate("bob", "pW", False) is None


def test_salts_differ() -> None:
    assert hash_password("pw") != hash_password("pw")


@pytest.mark.parametrize("text", ["x", "====", "AAAA", "A" * 2000, "é"])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="password hash"):
        check_hash(text, "rabbit_password_hashing_sha256")


def test_unknown_algorithm_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="rabbit_password_hashing_sha512"):
        UserStore().put(User("bob", "", (), "rot13"))


def test_changes_count_and_take_effect() -> None:
    users = store()
    before = users.version
    users.change_password("ann", "new")
    assert users.authenticate("ann", "secret", True) is None
    assert users.authenticate("ann", "new", True) == users.get("ann")
    assert users.set_tags("ann", ["management", "management"]).tags == ("management",)
    users.delete("ann")
    assert users.authenticate("ann", "new", True) is None
    assert users.version == before + 3
    assert [user.name for user in users.all()] == ["guest", "nopass"]


def test_unknown_and_existing_names() -> None:
    users = store()
    with pytest.raises(UserExistsError, match='User "ann" already exists'):
        users.add("ann", "x")
    for change in (users.delete, users.get, users.clear_password):
        with pytest.raises(UnknownUserError, match='User "eve" does not exist'):
            change("eve")


@pytest.mark.parametrize(
    ("name", "password", "tags"),
    [
        ("", "pw", []),
        ("x" * (NAME_BYTES_MAX + 1), "pw", []),
        ("bob", "", []),
        ("bob", "pw", [""]),
        ("bob", "pw", [str(number) for number in range(TAGS_MAX + 1)]),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(name: str, password: str, tags: list[str]) -> None:
    users = UserStore()
    with pytest.raises(ValueError):
        users.add(name, password, tags)
    assert (len(users), users.version) == (0, 0)


def test_first_password_is_made_once_and_is_the_owners(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    password, is_new = first_password(folder)
    assert is_new
    assert len(password) >= 32
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert first_password(folder) == (password, False)
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_first_password_survives_a_crash_while_it_is_made(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}.new").write_text("")
    password, is_new = first_password(tmp_path)
    assert (is_new, first_password(tmp_path)) == (True, (password, False))


def test_an_emptied_password_file_is_no_open_door(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("\n")
    with pytest.raises(ValueError, match="holds no password"):
        first_password(tmp_path)
