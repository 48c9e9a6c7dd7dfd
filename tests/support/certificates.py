"""Certificates for tests, made by trustme and written as files the way an operator has them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import trustme

TIMEOUT_SECONDS = 15
PAST = datetime(2020, 1, 1, tzinfo=UTC)


@cache
def authority() -> trustme.CA:
    """The authority that all certificates here come from."""
    return trustme.CA(organization_name="Leveret tests")


@cache
def stranger() -> trustme.CA:
    """Another one, that nobody trusts."""
    return trustme.CA()


def issue(
    *names: str, common_name: str | None = None, expired: bool = False, by: trustme.CA | None = None
) -> trustme.LeafCert:
    """A certificate for these names: hosts, addresses or e-mail addresses."""
    dates = {"not_before": PAST.replace(year=2019), "not_after": PAST} if expired else {}
    return (by or authority()).issue_cert(*names, common_name=common_name, **dates)


def write(folder: Path, leaf: trustme.LeafCert, name: str = "server") -> tuple[Path, Path]:
    """NAME.crt and NAME.key, each put in its place in one step, as renewals do."""
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    texts = b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()
    for path, text in zip(paths, texts, strict=True):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(text)
        fresh.rename(path)
    return paths


def write_authority(folder: Path) -> Path:
    """The authority's certificate."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


@contextmanager
def connected(port: int, context: ssl.SSLContext, server_name: str | None = "localhost") -> Iterator[ssl.SSLSocket]:
    """A socket to a port of this machine, its handshake done."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as end,
    ):
        yield end


def client_context(leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client that trusts our authority, and shows a certificate where it has one."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    if leaf is not None:
        leaf.configure_cert(context)
    return context
