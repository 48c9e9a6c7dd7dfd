"""Certificates from files: what is in them, which one a client gets, and that what cannot be used is not."""

from __future__ import annotations

import logging
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from broker.config import load_config
from broker.tls.certificates import FILE_BYTES_MAX
from broker.tls.error import TlsError
from broker.tls.reading import read
from broker.tls.settings import TlsSettings
from broker.tls.store import Certificates, certificates_of
from tests.support.certificates import PAST, issue, write, write_authority

NOW_MS = 1_790_000_000_000


@pytest.fixture
def settings(tmp_path: Path) -> TlsSettings:
    """One certificate."""
    cert, key = write(tmp_path, issue("mq.example", "127.0.0.1", common_name="mq"))
    return TlsSettings(cert, key)


def loaded(settings: TlsSettings) -> Certificates:
    certificates = Certificates(settings)
    certificates.load(NOW_MS)
    return certificates


def test_what_is_in_a_certificate(settings: TlsSettings) -> None:
    (info,) = loaded(settings).infos()
    assert (info.file, info.kind, info.names) == (str(settings.cert_file), "server", ("mq.example",))
    assert info.subject.startswith("CN=mq,OU=")
    assert info.issuer.endswith("O=Leveret tests")
    assert info.not_before < NOW_MS < info.not_after


def test_an_expired_certificate_is_served_and_said_to_be(
    settings: TlsSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, issue("mq.example", expired=True))
    (info,) = loaded(settings).infos()
    assert info.not_after == int(PAST.timestamp()) * 1000
    assert "has expired: 2020-01-01T00:00:00Z" in caplog.text


def test_the_authorities_are_shown_too(settings: TlsSettings, tmp_path: Path) -> None:
    with_clients = replace(settings, ca_file=write_authority(tmp_path), verify=ssl.CERT_REQUIRED)
    certificates = loaded(with_clients)
    assert [info.kind for info in certificates.infos()] == ["server", "ca"]
    assert certificates.amqp_context().verify_mode == ssl.CERT_REQUIRED
    assert certificates.http_context().verify_mode == ssl.CERT_NONE


def test_each_name_has_its_certificate(settings: TlsSettings, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    (folder / "live").mkdir(parents=True)
    write(folder, issue("shop.example", "*.shop.example"), "shop")
    together = issue("both.example").private_key_and_cert_chain_pem.bytes()
    (folder / "both.pem").write_bytes(together)
    cert, key = write(folder / "live", issue("live.example"))
    cert.rename(folder / "live" / "fullchain.pem")
    key.rename(folder / "live" / "privkey.pem")
    (folder / "README").write_text("not a certificate")
    found = read(replace(settings, sni_folder=folder))
    assert [info.names[0] for info in found.infos] == ["mq.example", "both.example", "live.example", "shop.example"]
    default, shop = found.default.context, found.by_name["shop.example"].context
    assert found.choose("SHOP.example") is found.choose("a.shop.example") is shop
    assert found.choose("live.example") is found.by_name["live.example"].context
    for name in (None, "", "other.example", "a.b.shop.example", "example", "mq.example"):
        assert found.choose(name) is default


def test_a_change_is_noticed_once(settings: TlsSettings, tmp_path: Path) -> None:
    certificates = loaded(settings)
    before = certificates.amqp_context()
    assert certificates.prepare(False) is None
    write(tmp_path, issue("new.example"))
    fresh = certificates.prepare(False)
    assert fresh is not None
    certificates.replace(fresh, NOW_MS)
    assert certificates.infos()[0].names == ("new.example",)
    assert certificates.amqp_context() is not before
    assert certificates.prepare(False) is None
    assert certificates.prepare(True) is not None, "who asks for it gets it"


def test_a_bad_change_leaves_the_old_in_use_until_it_is_good(
    settings: TlsSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = loaded(settings)
    before = certificates.amqp_context()
    other, _ = write(tmp_path, issue("new.example"), "other")
    other.rename(tmp_path / "server.crt")
    with pytest.raises(TlsError, match=r"server\.key is not that of the certificate in .*server\.crt") as caught:
        certificates.prepare(False)
    certificates.keep(caught.value)
    assert certificates.amqp_context() is before
    assert certificates.reloads_failed == 1
    assert "the certificates in use stay" in caplog.text
    assert certificates.prepare(False) is None, "it is not tried again, nor complained about"
    (tmp_path / "other.key").rename(tmp_path / "server.key")
    assert certificates.prepare(False) is not None


def test_a_reload_is_said(settings: TlsSettings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    certificates = loaded(settings)
    fresh = certificates.prepare(True)
    assert fresh is not None
    certificates.replace(fresh, NOW_MS)
    assert f"the certificates have been read again: {settings.cert_file}" in caplog.text


def test_an_encrypted_key_needs_its_password(settings: TlsSettings, tmp_path: Path) -> None:
    key = tmp_path / "server.key"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"s3cret")
    ))  # fmt: skip
    assert read(replace(settings, key_password="s3cret")).infos
    for wrong in ("", "other"):
        with pytest.raises(TlsError, match="is encrypted, and tls_key_password does not open it"):
            read(replace(settings, key_password=wrong))


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda folder: (folder / "server.crt").unlink(), r"cannot read .*server\.crt: no such file"),
        (lambda folder: (folder / "server.key").unlink(), r"cannot read .*server\.key: no such file"),
        (lambda folder: (folder / "server.crt").write_text("hello"), "no certificate in PEM form"),
        (lambda folder: (folder / "server.key").write_text("hello"), "with the private key in .* cannot be used"),
        (lambda folder: (folder / "server.crt").write_bytes(b"\xff" * (FILE_BYTES_MAX + 1)), "is larger than"),
        (lambda folder: write(folder, issue("x"), "x")[1].rename(folder / "server.key"), "is not that of"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(settings: TlsSettings, tmp_path: Path, break_it: object, why: str) -> None:
    break_it(tmp_path)  # type: ignore[operator]
    with pytest.raises(TlsError, match=why) as caught:
        read(settings)
    assert "\n" not in str(caught.value)


def test_authorities_folders_and_ciphers_that_are_none(settings: TlsSettings, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for changed, why in (
        ({"ca_file": tmp_path / "empty.pem"}, "the authorities in"),
        ({"ca_file": tmp_path / "absent"}, "cannot read"),
        ({"sni_folder": tmp_path / "absent"}, "cannot read the folder"),
        ({"ciphers": "NO-SUCH"}, "names no cipher"),
        ({"ciphers": "ECDHE-RSA-AES256-GCM-SHA384", "version_min": ssl.TLSVersion.TLSv1_2}, ""),
    ):
        if why:
            with pytest.raises(TlsError, match=why):
                read(replace(settings, **changed))  # type: ignore[arg-type]
        else:
            assert read(replace(settings, **changed)).infos  # type: ignore[arg-type]


def given(*argv: str) -> TlsSettings | None:
    return certificates_of(load_config(argv, {"HOME": "/h"})).settings


def test_settings_that_do_not_fit_together() -> None:
    assert given() is None
    with pytest.raises(TlsError, match="give tls_cert_file"):
        given("--tls-port", "5671")
    with pytest.raises(TlsError, match="tls_verify = required needs tls_ca_file"):
        given("--tls-port", "5671", "--tls-cert-file", "c", "--tls-verify", "required")
    settings = given("--metrics-tls", "--tls-cert-file", "c", "--tls-key-password", "hush")
    assert settings is not None
    assert "hush" not in repr(settings)
