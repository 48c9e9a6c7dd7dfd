"""What brokerctl asks beside RabbitMQ's paths: settings in force, the clock, whether a password is right.

Must not: show a secret, or let anybody in.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from starlette.types import ASGIApp

from broker.auth.passwords import password_fits
from broker.config import Config
from broker.config_options import Option, options_of
from broker.management.answers import Refused, answer
from broker.management.call import Call, bad_request
from broker.management.endpoint import ANY_OBJECT, FLAG, INTEGER, TEXT, UNAVAILABLE, Endpoint, Json, rows, shape

HIDDEN: Final = "***"
NS_PER_MS: Final = 1_000_000
CLOCK: Final = shape("Clock", "time_ms", time_ms=INTEGER)
LOGIN: Final = shape("Login", "username password", username=TEXT, password=TEXT)
VERDICT: Final = shape("Verdict", "authenticated", authenticated=FLAG)


def is_secret(option: Option) -> bool:
    """Whether a setting's value is nobody's business."""
    return option.secret_file and "pass" in option.name


async def settings(call: Call) -> ASGIApp:
    """Every setting as it is in force; of a secret only whether there is one."""
    found: Json = {}
    for option in options_of(Config):
        value = getattr(call.api.config, option.name)
        if is_secret(option):
            value = HIDDEN if value else ""
        found[option.name] = list(value) if isinstance(value, tuple) else value
    return answer(found)


async def clock(_call: Call) -> ASGIApp:
    """The broker's wall clock, so that others can compare theirs."""
    return answer({"time_ms": time.time_ns() // NS_PER_MS})


async def authenticate(call: Call) -> ASGIApp:
    """Whether a user's password is right; it is no login, so nothing is counted and nothing opened."""
    body = await call.body("username", "password")
    username, password = body["username"], body["password"]
    if not isinstance(username, str) or not isinstance(password, str):
        raise bad_request("username and password are texts")
    user = call.api.users.to_check(username)
    outcome: asyncio.Future[bool | BaseException] = asyncio.get_running_loop().create_future()

    def settle(fits: bool | BaseException) -> None:
        if not outcome.done():  # whoever asked may have gone
            outcome.set_result(fits)

    call.api.accounts.worker.submit(partial(password_fits, password, user.password_hash, user.algorithm), settle)
    fits = await outcome
    if isinstance(fits, BaseException):
        raise Refused(UNAVAILABLE, "service_unavailable", "the password could not be checked; see the broker's log")
    return answer({"authenticated": fits and user.name == username})


ENDPOINTS: Final = rows(
    Endpoint("GET", "/config/effective", "config.see", settings, "The settings in force", answer=ANY_OBJECT),
    Endpoint("GET", "/leveret/clock", "overview.see", clock, "The broker's wall clock", answer=CLOCK),
    Endpoint("POST", "/leveret/authenticate", "user.see", authenticate, "Whether a user's password is right",
             body=LOGIN, answer=VERDICT, others=(UNAVAILABLE,)),
)  # fmt: skip
