"""Users and passwords: who gets in, in RabbitMQ's hash format."""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path

import pytest

from broker.auth.first_password import FILE_NAME, first_password
from broker.auth.passwords import (
    ALGORITHMS,
    ARGON2ID,
    SHA256,
    SHA512,
    SaltedDigest,
    check_hash,
    hash_password,
    password_fits,
)
from broker.auth.users import (
    NAME_BYTES_MAX,
    NO_PASSWORD,
    TAGS_MAX,
    PasswordHash,
    UnknownUserError,
    User,
    UserExistsError,
    UserStore,
)


def store() -> UserStore:
    users = UserStore(loopback_users=["guest"], algorithm=SHA256)
    users.add("guest", "guest", ["administrator"])
    users.add("ann", "secret")
    users.add("nopass", "gone")
    users.change_password("nopass", NO_PASSWORD)
    return users


def test_who_is_checked_against_what() -> None:
    users = store()
    assert users.to_check("ann") is users.get("ann")
    nobody = users.to_check("missing")
    assert nobody is users.to_check("nopass")
    assert nobody.algorithm == ARGON2ID, "an unknown name must cost as much as a wrong password"
    check_hash(nobody.password_hash, ARGON2ID)
    assert [users.may_come_from(name, False) for name in ("ann", "guest")] == [True, False]
    assert users.may_come_from("guest", True)


def test_hash_is_rabbitmqs() -> None:
    # The worked example of RabbitMQ's guide to passwords: salt 908DC60A, password test12.
    expected = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert SaltedDigest(SHA256, hashlib.sha256).hash(b"test12", bytes.fromhex("908DC60A")) == expected
    assert password_fits("test12", expected, SHA256)


def test_sha512_is_salt_and_digest_too() -> None:
    raw = base64.b64decode(hash_password("pw", SHA512))
    assert raw[4:] == hashlib.sha512(raw[:4] + b"pw").digest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_hash_fits_its_password_only(algorithm: str) -> None:
    made = hash_password("pässword", algorithm)
    check_hash(made, algorithm)
    fitting = [one for one in ("pässword", "pässworD", "", "x" * 9000, "\udcff") if password_fits(one, made, algorithm)]
    assert fitting == ["pässword"]
    UserStore().put(User("bob", made, ("monitoring",), algorithm))


def test_new_passwords_are_hashed_memory_hard_at_the_costs_that_owasp_names() -> None:
    users = UserStore()
    users.add("ann", "secret")
    assert users.get("ann").password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "$argon2i$v=19$m=19456,t=2,p=1$lvRw2oMqMiMyHeQGjafSJA$gKjW949BPu+lu7quxQK4zWo25dyRTQOZcD+CJaylatg",
        "$argon2id$v=19$m=9999999,t=2,p=1$lvRw2oMqMiMyHeQGjafSJA$gKjW949BPu+lu7quxQK4zWo25dyRTQOZcD+CJaylatg",
        "$argon2id$v=19$m=19456,t=99,p=1$lvRw2oMqMiMyHeQGjafSJA$gKjW949BPu+lu7quxQK4zWo25dyRTQOZcD+CJaylatg",
    ],
)
def test_argon2_hashes_that_would_be_a_burden_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="argon2id"):
        check_hash(text, ARGON2ID)


def test_salts_differ() -> None:
    assert hash_password("pw") != hash_password("pw")


@pytest.mark.parametrize("text", ["x", "====", "AAAA", "A" * 2000, "é"])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="password hash"):
        check_hash(text, SHA256)


def test_unknown_algorithm_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="rabbit_password_hashing_sha512"):
        UserStore().put(User("bob", "", (), "rot13"))


def test_changes_count_and_take_effect() -> None:
    users = store()
    before = users.version
    users.change_password("ann", PasswordHash(hash_password("new", SHA256), SHA256))
    assert password_fits("new", users.get("ann").password_hash, SHA256)
    assert users.set_tags("ann", ["management", "management"]).tags == ("management",)
    users.delete("ann")
    assert "ann" not in users
    assert users.version == before + 3
    assert [user.name for user in users.all()] == ["guest", "nopass"]


def test_unknown_and_existing_names() -> None:
    users = store()
    with pytest.raises(UserExistsError, match='User "ann" already exists'):
        users.add("ann", "x")
    for change in (users.delete, users.get, lambda name: users.change_password(name, NO_PASSWORD)):
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
