"""Reads certificates and keys from files, and proves that they can be served before anybody is served with them.

Must not: listen, decide when to read, or keep what it has read.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from broker.tls.error import TlsError
from broker.tls.names import Fields, alternative_names, common_name, distinguished_name, time_ms
from broker.tls.settings import TlsSettings

FILE_BYTES_MAX: Final = 1024 * 1024
CERTIFICATES_MAX: Final = 256
TRIAL_STEPS_MAX: Final = 8  # of a handshake between two ends in memory; four are enough
IGNORE_DATES: Final = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME: what has expired is to be read too
PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
PEM_END: Final = "-----END CERTIFICATE-----"
ENCRYPTED: Final = "ENCRYPTED"  # what the head of such a key says, in both its forms
SERVER: Final = "server"
AUTHORITY: Final = "ca"
PAIRS_IN_FOLDERS: Final = (("fullchain.pem", "privkey.pem"), ("tls.crt", "tls.key"))
CERTIFICATE_SUFFIXES: Final = (".pem", ".crt")


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """What is in a certificate; times are milliseconds since 1970. `kind` is server, or ca for one that is trusted."""

    file: str
    kind: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate that clients are shown: the context that does it, and what is in it."""

    context: ssl.SSLContext
    info: CertificateInfo


def new_context(settings: TlsSettings) -> ssl.SSLContext:
    """A server's context without a certificate, that asks clients for none. Raises: TlsError for bad ciphers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = settings.version_min
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client could make us work for ever with it
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError:
            raise TlsError(f"tls_ciphers: {settings.ciphers!r} names no cipher that OpenSSL knows") from None
    return context


def load_server(cert_file: Path, key_file: Path | None, settings: TlsSettings) -> ServerCertificate:
    """A certificate with its key, tried out in memory. Raises: TlsError that names the file and what is wrong."""
    first = _first_certificate(cert_file)
    if key_file is not None:
        _text(key_file)
    context = new_context(settings)
    try:
        context.load_cert_chain(cert_file, key_file, lambda: settings.key_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(_why_not(cert_file, key_file, error)) from None
    try:
        fields = _tried(context, first)
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(f"the certificate {cert_file} cannot be served: {_reason(error)}") from None
    if settings.ca_file is not None and settings.verify != ssl.CERT_NONE:
        load_authorities(context, settings.ca_file)
        context.verify_mode = settings.verify
    return ServerCertificate(context, _info(cert_file, SERVER, fields))


def load_authorities(context: ssl.SSLContext, ca_file: Path) -> list[CertificateInfo]:
    """Makes a context trust the authorities in a file; what is in them. Raises: TlsError."""
    try:
        context.load_verify_locations(cadata=_text(ca_file))
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(f"the authorities in {ca_file} cannot be read: {_reason(error)}") from None
    return [_info(ca_file, AUTHORITY, fields) for fields in context.get_ca_certs()]


def pairs(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """Each certificate's file in a folder, and its key's, None where it stands in the same. Raises: TlsError."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise TlsError(f"cannot read the folder {folder}: {_strerror(error)}") from None
    found = 0
    for entry in entries:
        for cert, key in _pairs_of(entry):
            found += 1
            if found > CERTIFICATES_MAX:
                raise TlsError(f"there are more than {CERTIFICATES_MAX} certificates in {folder}")
            yield cert, key


def _pairs_of(entry: Path) -> Iterator[tuple[Path, Path | None]]:
    if entry.suffix in CERTIFICATE_SUFFIXES and entry.is_file():
        key = entry.with_suffix(".key")
        yield entry, key if key.is_file() else None
    for cert_name, key_name in PAIRS_IN_FOLDERS:
        if (entry / cert_name).is_file() and (entry / key_name).is_file():
            yield entry / cert_name, entry / key_name


def _text(path: Path) -> str:
    """A PEM file. Raises: TlsError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise TlsError(f"cannot read {path}: {_strerror(error)}") from None
    if len(data) > FILE_BYTES_MAX:
        raise TlsError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    return data.decode("latin-1")


def _first_certificate(path: Path) -> str:
    text = _text(path)
    begin, end = text.find(PEM_BEGIN), text.find(PEM_END)
    if not 0 <= begin < end:
        raise TlsError(f"there is no certificate in PEM form in {path}")
    return text[begin : end + len(PEM_END)]


def _tried(server: ssl.SSLContext, certificate: str) -> Fields:
    """What is in a certificate, after a handshake in memory with somebody who trusts exactly this one.

    Raises: SSLError where there is none that its key, its signature and the ciphers allow.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(IGNORE_DATES)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(TRIAL_STEPS_MAX):
        if not [end for end in ends if not _is_done(end)]:
            break
    fields: dict[str, Any] | None = ends[0].getpeercert()
    return fields or {}


def _is_done(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _info(path: Path, kind: str, fields: Fields) -> CertificateInfo:
    names = alternative_names(fields, "dns") or [name for name in [common_name(fields)] if name]
    return CertificateInfo(
        file=str(path),
        kind=kind,
        subject=distinguished_name(fields.get("subject", ())),
        issuer=distinguished_name(fields.get("issuer", ())),
        names=tuple(names),
        not_before=time_ms(fields["notBefore"]),
        not_after=time_ms(fields["notAfter"]),
    )


def _why_not(cert_file: Path, key_file: Path | None, error: Exception) -> str:
    key = key_file or cert_file
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"the private key in {key} is not that of the certificate in {cert_file}"
    if ENCRYPTED in _text(key):
        return f"the private key in {key} is encrypted, and tls_key_password does not open it"
    return f"the certificate {cert_file} with the private key in {key} cannot be used: {_reason(error)}"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return reason.lower().replace("_", " ") if reason else "it is not in PEM form, or damaged"


def _strerror(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
