"""What the configuration says about TLS, and whether it fits together. Must not: read a file."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.config import Config
from broker.tls.error import TlsError

VERIFY_MODES: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The settings of every TLS listener; `cert_file` is None where there is no certificate at all."""

    cert_file: Path | None = None
    key_file: Path | None = None  # None: in the certificate's file
    key_password: str = ""
    sni_folder: Path | None = None
    ca_file: Path | None = None
    verify: ssl.VerifyMode = ssl.CERT_NONE
    version_min: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    ciphers: str = ""

    def __repr__(self) -> str:
        return f"TlsSettings({self.cert_file})"  # never the password


def tls_settings(config: Config) -> TlsSettings:
    """The settings. Raises: TlsError where they do not fit together."""
    if not config.tls_cert_file:
        raise TlsError("TLS needs a certificate: give tls_cert_file (and tls_key_file)")
    if config.tls_verify != "none" and not config.tls_ca_file:
        raise TlsError(f"tls_verify = {config.tls_verify} needs tls_ca_file: whom to trust with client certificates")
    return TlsSettings(
        cert_file=Path(config.tls_cert_file),
        key_file=_path(config.tls_key_file),
        key_password=config.tls_key_password,
        sni_folder=_path(config.tls_sni_dir),
        ca_file=_path(config.tls_ca_file),
        verify=VERIFY_MODES[config.tls_verify],
        version_min=VERSIONS[config.tls_version_min],
        ciphers=config.tls_ciphers,
    )


def _path(text: str) -> Path | None:
    return Path(text) if text else None
