"""Users: listed, shown, made, changed, deleted; hashes are shown to who may export them. Must not: log a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.types import ASGIApp

from broker.auth.users import PasswordHash, User
from broker.management.answers import Refused, answer, created, hashed, no_content, stored
from broker.management.call import Call, bad_request, not_found, text_in
from broker.management.endpoint import (
    ANYTHING,
    ARRAY,
    CONFLICT,
    CREATED,
    LISTING,
    NO_CONTENT,
    OBJECT,
    SHOWING,
    TEXT,
    Endpoint,
    Json,
    rows,
    shape,
)
from broker.management.lists import columns_of, cut, from_values, listing

RABBITMQS_DEFAULT: Final = "rabbit_password_hashing_sha256"  # of a hash that comes without its algorithm
ARGON2: Final = "argon2id"
ARGON2_PREFIX: Final = "$argon2id$"
BULK_MAX: Final = 10_000
USER: Final = shape(
    "User", "name tags password_hash hashing_algorithm",
    name=TEXT, tags=ARRAY, password_hash=TEXT, hashing_algorithm=TEXT, limits=OBJECT,
)  # fmt: skip
USER_WANTED: Final = shape(
    "UserWanted", "tags", password=ANYTHING, password_hash=ANYTHING, hashing_algorithm=TEXT, tags=ANYTHING
)
BULK: Final = shape("Users", "users", users=ARRAY)
HASHED: Final = shape("PasswordHash", "ok", ok=TEXT)


def shaped(call: Call, user: User) -> Json:
    """One user."""
    return {
        "name": user.name, "tags": list(user.tags), "password_hash": user.password_hash,
        "hashing_algorithm": user.algorithm, "limits": _limits(call, user.name),
    }  # fmt: skip


def _limits(call: Call, name: str) -> Mapping[str, int]:
    return dict(call.api.rules.user_limits.of(name))


async def users(call: Call) -> ASGIApp:
    """Everybody, by name."""
    return await listing(call, await from_values(call.api.users.all(), lambda user: shaped(call, user)))


async def without_permissions(call: Call) -> ASGIApp:
    """Users who may enter no vhost."""
    known = {permission.user for permission in call.api.permissions.all()}
    found = [user for user in call.api.users.all() if user.name not in known]
    return await listing(call, await from_values(found, lambda user: shaped(call, user)))


async def user(call: Call) -> ASGIApp:
    """One user."""
    return answer(cut(shaped(call, call.api.users.get(call.part("user"))), columns_of(call)))


async def put(call: Call) -> ASGIApp:
    """Makes a user or changes one; with `If-None-Match: *` it only makes one."""
    name, body = call.part("user"), await call.body()
    administration = call.api.administration
    if "tags" not in body and "administrator" not in body:
        raise bad_request("tags_not_present")
    if call.request.headers.get("if-none-match") == "*" and administration.has_user(name):
        raise Refused(CONFLICT, "conflict", f'User "{name}" already exists')
    password, tags = body.get("password"), _tags(body)
    if isinstance(password, str) and password:
        made = await hashed(administration, password)
    else:
        given = _hash(body)
        default = ARGON2 if given.startswith(ARGON2_PREFIX) else RABBITMQS_DEFAULT
        made = PasswordHash(given, text_in(body, "hashing_algorithm", default))
    is_new = administration.put_user(name, made, tags)
    await stored(administration)
    return created(is_new)


def _hash(body: Mapping[str, Any]) -> str:
    """The hash that is given; empty, which no password fits, where none is. Raises: Refused 400."""
    value = body.get("password_hash") or ""
    if not isinstance(value, str) or body.get("password") not in (None, ""):
        raise bad_request("password and password_hash are texts")
    return value


def _tags(body: Mapping[str, Any]) -> list[str]:
    """The tags, a list or a text with commas. Raises: Refused 400."""
    tags = body.get("tags", "administrator" if body.get("administrator") is True else "")
    if isinstance(tags, str):
        return [tag.strip() for tag in tags.split(",") if tag.strip()]
    if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
        return tags
    raise bad_request("tags is neither a text nor a list of texts")


async def delete(call: Call) -> ASGIApp:
    """Deletes a user."""
    call.api.administration.delete_user(call.part("user"))
    await stored(call.api.administration)
    return no_content()


async def bulk_delete(call: Call) -> ASGIApp:
    """Deletes several users, or none where one of them is not there."""
    names = (await call.body("users"))["users"]
    if not isinstance(names, list) or len(names) > BULK_MAX:
        raise bad_request(f"users is a list of at most {BULK_MAX} names")
    administration = call.api.administration
    for name in names:
        if not (isinstance(name, str) and administration.has_user(name)):
            raise bad_request(["no_such_user", name])
    for name in dict.fromkeys(names):
        administration.delete_user(name)
    await stored(administration)
    return no_content()


async def hash_password(call: Call) -> ASGIApp:
    """A password's hash, for definitions that are written by hand."""
    password = call.part("password")
    if not password:
        raise not_found()
    return answer({"ok": (await hashed(call.api.administration, password)).text})


ENDPOINTS: Final = rows(
    Endpoint("GET", "/users", "user.see", users, "All users", LISTING, answer=USER.listing()),
    Endpoint("GET", "/users/without-permissions", "user.see", without_permissions, "Users who may enter no vhost",
             LISTING, answer=USER.listing()),
    Endpoint("POST", "/users/bulk-delete", "user.delete", bulk_delete, "Delete several users", body=BULK,
             status=NO_CONTENT),
    Endpoint("GET", "/users/{user}", "user.see", user, "One user", SHOWING, answer=USER),
    Endpoint("PUT", "/users/{user}", "user.put", put,
             "Make a user or change one, with `password`, `password_hash` or neither", body=USER_WANTED,
             status=CREATED, others=(NO_CONTENT, CONFLICT)),
    Endpoint("DELETE", "/users/{user}", "user.delete", delete, "Delete a user", status=NO_CONTENT),
    Endpoint("GET", "/auth/hash_password/{password}", "password.hash", hash_password,
             "A password's hash, as definitions have it", answer=HASHED),
)  # fmt: skip
