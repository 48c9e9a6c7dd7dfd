"""The certificates in use: which one a client gets, and how new ones take the place of old ones.

Must not: know an event loop; whoever owns it says when to look, and does the reading in a thread.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from broker.tls.certificates import (
    CertificateInfo,
    ServerCertificate,
    load_authorities,
    load_server,
    new_context,
    pairs,
)
from broker.tls.names import iso_text
from broker.tls.settings import TlsError, TlsSettings

log = logging.getLogger("leveret.tls")
EXPIRES_SOON_MS: Final = 14 * 24 * 3_600_000

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
    return CertificateSet(default, by_name, tuple(infos))


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


class Certificates:
    """What is in use. Both contexts show each client the certificate for the name it asks for.

    1. A set that cannot be read as a whole is not used at all; the one in use stays.
    2. A client of AMQP after a change has to do with the new certificates and authorities only: no earlier handshake
       is resumed, since the context is another.
    """

    def __init__(self, settings: TlsSettings | None) -> None:
        self.settings = settings
        self._set: CertificateSet | None = None
        self._signature: Signature = ()
        self.reloads_failed = 0

    @property
    def is_used(self) -> bool:
        """Whether anything is served over TLS."""
        return self.settings is not None

    def infos(self) -> tuple[CertificateInfo, ...]:
        """What is in the certificates in use, those shown to clients first."""
        return self._set.infos if self._set is not None else ()

    def load(self, now_ms: int) -> None:
        """Reads them for the first time. Raises: TlsError."""
        assert self.settings is not None
        self._signature = signature(self.settings)
        self._use(read(self.settings), now_ms)

    def prepare(self, is_asked_for: bool) -> CertificateSet | None:
        """What is in the files, where it has changed or somebody asks for it; may run in a thread.

        What was looked at once is not looked at again until it changes. Raises: TlsError.
        """
        assert self.settings is not None
        seen = signature(self.settings)
        if seen == self._signature and not is_asked_for:
            return None
        self._signature = seen
        return read(self.settings)

    def replace(self, fresh: CertificateSet, now_ms: int) -> None:
        """Uses what `prepare` has read, from the next handshake on."""
        self._use(fresh, now_ms)
        log.info("the certificates have been read again: %s", ", ".join(self._files()))

    def keep(self, error: TlsError) -> None:
        """Notes that what is in the files cannot be used."""
        self.reloads_failed += 1
        log.error("the certificates in use stay, the new ones cannot be used: %s", error)

    def _use(self, fresh: CertificateSet, now_ms: int) -> None:
        self._set = fresh
        fresh.default.context.sni_callback = _choose_from(fresh)
        for info in fresh.infos:
            if info.not_after - now_ms < EXPIRES_SOON_MS:
                word = "has expired" if info.not_after <= now_ms else "expires soon"
                log.warning("the certificate %s in %s %s: %s", info.subject, info.file, word, iso_text(info.not_after))

    def _files(self) -> Iterator[str]:
        return (info.file for info in self.infos())

    def amqp_context(self) -> ssl.SSLContext:
        """For the next handshake with a client of AMQP."""
        assert self._set is not None, "loaded"
        return self._set.default.context

    def http_context(self) -> ssl.SSLContext:
        """For a listener of HTTP, as long as it lives: it shows what is in use then, and asks for no certificate."""
        assert self.settings is not None
        context = new_context(self.settings)

        def choose(end: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            assert self._set is not None, "loaded"
            end.context = self._set.choose(name)

        context.sni_callback = choose
        return context


def _choose_from(fresh: CertificateSet) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    def choose(end: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        end.context = fresh.choose(name)

    return choose
