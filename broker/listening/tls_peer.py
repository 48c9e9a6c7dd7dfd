"""What TLS says about a client once its handshake is over. Must not: trust a certificate that was not verified."""

from __future__ import annotations

import re
import ssl
from typing import Final

from broker.config import Config
from broker.connections.peer import TlsPeer
from broker.tls.names import Fields, distinguished_name, login_name, validity

# OpenSSL's names: TLS_AES_256_GCM_SHA384 of TLS 1.3, ECDHE-RSA-AES256-GCM-SHA384 and AES128-SHA of TLS 1.2.
SUITE_1_3: Final = re.compile(r"TLS_(?P<cipher>.+)_(?:SHA\d+)")
SUITE_1_2: Final = re.compile(
    r"(?P<exchange>(?:[A-Z]+-)*?)(?P<cipher>(?:AES|CAMELLIA|ARIA|CHACHA).+?)(?:-SHA(?P<sha>\d*))?"
)
AUTHENTICATED: Final = ("gcm", "ccm", "poly1305")  # ciphers that need no hash of their own


def tls_peer(end: ssl.SSLObject, config: Config) -> TlsPeer:
    """What is known of a client. Args: end is our end of its TLS; config says whom a certificate stands for."""
    suite = end.cipher()
    exchange, cipher, hash_name = suite_parts(suite[0] if suite is not None else "")
    version = (end.version() or "").lower()
    fields: Fields | None = end.getpeercert()  # only what was verified is there
    if not fields:
        return TlsPeer(version, exchange, cipher, hash_name)
    return TlsPeer(
        version, exchange, cipher, hash_name,
        has_certificate=True,
        subject=distinguished_name(fields.get("subject", ())),
        issuer=distinguished_name(fields.get("issuer", ())),
        validity=validity(fields),
        user=login_name(
            fields, config.ssl_cert_login_from, config.ssl_cert_login_san_type, config.ssl_cert_login_san_index
        ),
    )  # fmt: skip


def suite_parts(name: str) -> tuple[str, str, str]:
    """Key exchange, cipher and hash of a cipher suite, in RabbitMQ's words; the whole name where it is none we know."""
    if found := SUITE_1_3.fullmatch(name):
        return "any", found["cipher"].lower(), "aead"
    if found := SUITE_1_2.fullmatch(name):
        exchange = found["exchange"].rstrip("-").lower().replace("-", "_") or "rsa"
        cipher = re.sub(r"^(aes|camellia|aria)(\d+)", r"\1_\2", found["cipher"].lower().replace("-", "_"))
        is_authenticated = any(word in cipher for word in AUTHENTICATED)
        return (
            exchange,
            cipher if is_authenticated else f"{cipher}_cbc",
            "aead" if is_authenticated else f"sha{found['sha']}",
        )
    return "", name.lower(), ""
