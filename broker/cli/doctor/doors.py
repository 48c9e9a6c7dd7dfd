"""Checks of who can get in: default passwords, plain text, certificates, users. Must not: ask the broker."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from broker.cli.doctor.findings import ERROR, NOTE, WARNING, Facts, Finding, named

TLS_PROTOCOLS: Final = frozenset({"amqp/ssl", "amqps", "https", "https/prometheus"})
INTERNAL: Final = frozenset({"clustering"})
GUEST: Final = "guest"


def is_outside(listener: Mapping[str, Any]) -> bool:
    """Whether other machines can reach what listens there; a unix socket cannot be."""
    if not listener.get("port"):
        return False
    try:
        return not ipaddress.ip_address(str(listener["ip_address"]).strip("[]")).is_loopback
    except ValueError:
        return str(listener["ip_address"]) != "localhost"


def _outside(facts: Facts) -> list[Mapping[str, Any]]:
    listeners = facts.overview.get("listeners", ())
    return [one for one in listeners if is_outside(one) and one["protocol"] not in INTERNAL]


def guest(facts: Facts) -> Iterator[Finding]:
    """The password that everybody knows."""
    if not facts.with_guest:
        return
    only_here = GUEST in (facts.config.get("loopback_users") or ())
    advice = "brokerctl change_password guest, or make users of your own and brokerctl delete_user guest."
    if not only_here and _outside(facts):
        text = "User guest with the password guest can log in from other machines, with all its rights."
        yield Finding(ERROR, "guest", text, advice)
    elif not only_here:
        text = "User guest has the password guest, and loopback_users does not keep it to this machine."
        yield Finding(WARNING, "guest", text, advice)
    else:
        text = "User guest has the password guest; only this machine's users and processes can use it."
        yield Finding(NOTE, "guest", text, advice)


def plain_text(facts: Facts) -> Iterator[Finding]:
    """Passwords that travel readably."""
    plain = [one for one in _outside(facts) if one["protocol"] not in TLS_PROTOCOLS and "prometheus" not in
             one["protocol"]]  # fmt: skip
    if plain:
        places = named(f"{one['protocol']} on {one['ip_address']}:{one['port']}" for one in plain)
        text = f"Other machines can connect without TLS, and send passwords and messages readably: {places}."
        yield Finding(WARNING, "TLS", text, "Turn TLS on, or keep these ports inside a network that you trust.")


def certificates(facts: Facts) -> Iterator[Finding]:
    """Certificates that end soon."""
    if facts.expiring:
        places = named(str(one.get("name") or one.get("path") or one.get("subject") or one) for one in facts.expiring)
        text = f"A TLS certificate ends within a month, or has ended: {places}."
        yield Finding(ERROR, "TLS", text, "Renew it; the broker reads the new one without a restart.")


def idle_users(facts: Facts) -> Iterator[Finding]:
    """Users who may do nothing."""
    if facts.users_without_permissions:
        text = f"These users may enter no virtual host: {named(facts.users_without_permissions)}."
        yield Finding(NOTE, "users", text, "brokerctl set_permissions gives rights, brokerctl delete_user removes one.")
