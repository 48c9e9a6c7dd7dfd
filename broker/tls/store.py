"""The certificates in use, and how new ones take the place of old ones.

Must not: know an event loop (whoever owns it says when to look, and does the reading in a thread), or import what only
TLS needs before TLS is served.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from broker.config import Config
from broker.tls.error import TlsError

if TYPE_CHECKING:
    from broker.tls.certificates import CertificateInfo
    from broker.tls.reading import CertificateSet, Signature
    from broker.tls.settings import TlsSettings

log = logging.getLogger("leveret.tls")
EXPIRES_SOON_MS: Final = 14 * 24 * 3_600_000


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
        from broker.tls import reading  # noqa: PLC0415 - only where TLS is served

        assert self.settings is not None
        self._signature = reading.signature(self.settings)
        self._use(reading.read(self.settings), now_ms)

    def prepare(self, is_asked_for: bool) -> CertificateSet | None:
        """What is in the files, where it has changed or somebody asks for it; may run in a thread.

        What was looked at once is not looked at again until it changes. Raises: TlsError.
        """
        from broker.tls import reading  # noqa: PLC0415

        assert self.settings is not None
        seen = reading.signature(self.settings)
        if seen == self._signature and not is_asked_for:
            return None
        self._signature = seen
        return reading.read(self.settings)

    def replace(self, fresh: CertificateSet, now_ms: int) -> None:
        """Uses what `prepare` has read, from the next handshake on."""
        self._use(fresh, now_ms)
        log.info("the certificates have been read again: %s", ", ".join(self._files()))

    def keep(self, error: TlsError) -> None:
        """Notes that what is in the files cannot be used."""
        self.reloads_failed += 1
        log.error("the certificates in use stay, the new ones cannot be used: %s", error)

    def _use(self, fresh: CertificateSet, now_ms: int) -> None:
        from broker.tls.names import iso_text  # noqa: PLC0415

        self._set = fresh
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
        from broker.tls.certificates import new_context  # noqa: PLC0415

        assert self.settings is not None
        context = new_context(self.settings)

        def choose(end: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            assert self._set is not None, "loaded"
            end.context = self._set.choose(name)

        context.sni_callback = choose
        return context


def certificates_of(config: Config) -> Certificates:
    """What the configuration asks for, not read yet. Raises: TlsError for settings that do not fit together."""
    if not (config.tls_port or config.metrics_tls or config.management_tls):
        return Certificates(None)
    from broker.tls.settings import tls_settings  # noqa: PLC0415

    return Certificates(tls_settings(config))
