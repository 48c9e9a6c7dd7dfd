"""Reads everything that the settings of TLS name, and says whether it has changed. Must not: keep what it has read."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from broker.tls.certificates import (
    CertificateInfo,
    ServerCertificate,
    load_authorities,
    load_server,
    new_context,
    pairs,
)
from broker.tls.error import TlsError
from broker.tls.settings import TlsSettings

Signature = tuple[tuple[str, int, int, int], ...]  # of files: name, inode, size and time of change


@dataclass(frozen=True, slots=True)
class CertificateSet:
    """Everything read at one time. `by_name` has names in lower case, those for a whole level as `*.example.org`."""

    default: ServerCertificate
    by_name: dict[str, ServerCertificate] = field(default_factory=dict)
    infos: tuple[CertificateInfo, ...] = ()

    def choose(self, server_name: str | None) -> ssl.SSLContext:
        """The context for the name that a client asked for: the exact one, its level's, or the default.

        Spec: RFC 6066 3 (server_name), RFC 6125 6.4.3 (wildcards).
        """
        name = (server_name or "").lower()
        found = self.by_name.get(name) or self.by_name.get("*." + name.partition(".")[2])
        return (found or self.default).context


def read(settings: TlsSettings) -> CertificateSet:
    """Reads and tries everything. Raises: TlsError."""
    assert settings.cert_file is not None
    default = load_server(settings.cert_file, settings.key_file, settings)
    infos = [default.info]
    by_name = dict.fromkeys((name.lower() for name in default.info.names), default)
    for cert, key in pairs(settings.sni_folder) if settings.sni_folder is not None else ():
        further = load_server(cert, key, settings)
        infos.append(further.info)
        for name in further.info.names:
            by_name.setdefault(name.lower(), further)
    if settings.ca_file is not None:
        infos += load_authorities(new_context(settings), settings.ca_file)
    fresh = CertificateSet(default, by_name, tuple(infos))
    default.context.sni_callback = _choose_from(fresh)
    return fresh


def signature(settings: TlsSettings) -> Signature:
    """Something that differs once a file has been changed, added or taken away."""
    files = [path for path in (settings.cert_file, settings.key_file, settings.ca_file) if path is not None]
    if settings.sni_folder is not None:
        with contextlib.suppress(TlsError):
            files += [path for pair in pairs(settings.sni_folder) for path in pair if path is not None]
    return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> tuple[str, int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns


def _choose_from(fresh: CertificateSet) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    def choose(end: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        end.context = fresh.choose(name)

    return choose
