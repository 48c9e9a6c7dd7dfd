"""What stands in a certificate is written as RabbitMQ writes it."""

from __future__ import annotations

import pytest

from broker.listening.tls_peer import suite_parts
from broker.tls.names import distinguished_name, login_name, time_ms, validity

SUBJECT = ((("countryName", "DE"),), (("organizationName", "Acme, Inc."),), (("commonName", "shop"),))
FIELDS = {
    "subject": SUBJECT,
    "subjectAltName": (
        ("DNS", "a.example"),
        ("email", "shop@a.example"),
        ("DNS", "b.example"),
        ("URI", "spiffe://a/b"),
    ),
    "notBefore": "Jan  5 09:34:43 2018 GMT",
    "notAfter": "Jan  1 00:00:00 2051 GMT",
}


def test_the_last_part_of_a_name_comes_first_and_is_escaped() -> None:
    assert distinguished_name(SUBJECT) == "CN=shop,O=Acme\\, Inc.,C=DE"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        (" a ", "\\ a\\ "), ("#a", "\\#a"), (" ", "\\ "), ('"+,;<>\\', '\\"\\+\\,\\;\\<\\>\\\\'), ("a#b c", "a#b c"),
        ("\0\n~", "\\00\\0A\\7E"), ("é", "\\C3\\A9"), ("", ""),
    ],
)  # fmt: skip
def test_every_value_is_printable(value: str, escaped: str) -> None:
    assert distinguished_name(((("commonName", value),),)) == f"CN={escaped}"


def test_parts_of_several_values_and_unknown_kinds() -> None:
    assert (
        distinguished_name(((("domainComponent", "a"), ("userId", "b")), (("1.2.3.4", "c"),))) == "1.2.3.4=c,DC=a+UID=b"
    )


@pytest.mark.parametrize(
    ("login_from", "kind", "index", "user"),
    [
        ("common_name", "dns", 0, "shop"),
        ("distinguished_name", "dns", 0, "CN=shop,O=Acme\\, Inc.,C=DE"),
        ("subject_alternative_name", "dns", 0, "a.example"),
        ("subject_alternative_name", "dns", 1, "b.example"),
        ("subject_alternative_name", "dns", 2, ""),
        ("subject_alternative_name", "email", 0, "shop@a.example"),
        ("subject_alternative_name", "uri", 0, "spiffe://a/b"),
        ("subject_alternative_name", "ip", 0, ""),
    ],
)
def test_a_certificate_stands_for_the_user_that_the_settings_say(
    login_from: str, kind: str, index: int, user: str
) -> None:
    assert login_name(FIELDS, login_from, kind, index) == user


def test_a_name_too_long_for_a_user_is_nobodys() -> None:
    fields = {"subject": ((("commonName", "n" * 255),),)}
    assert login_name(fields, "common_name", "dns", 0) == "n" * 255
    assert not login_name(fields, "distinguished_name", "dns", 0)


def test_two_common_names_are_no_other_users_name() -> None:
    assert login_name({"subject": ((("commonName", "a"),), (("commonName", "b"),))}, "common_name", "dns", 0) == "a,b"


def test_times() -> None:
    assert time_ms("Jan  5 09:34:43 2018 GMT") == 1_515_144_883_000
    assert validity(FIELDS) == "2018-01-05T09:34:43Z - 2051-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("suite", "parts"),
    [
        ("TLS_AES_256_GCM_SHA384", ("any", "aes_256_gcm", "aead")),
        ("TLS_CHACHA20_POLY1305_SHA256", ("any", "chacha20_poly1305", "aead")),
        ("ECDHE-RSA-AES256-GCM-SHA384", ("ecdhe_rsa", "aes_256_gcm", "aead")),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", ("ecdhe_ecdsa", "chacha20_poly1305", "aead")),
        ("ECDHE-RSA-AES128-SHA256", ("ecdhe_rsa", "aes_128_cbc", "sha256")),
        ("AES128-SHA", ("rsa", "aes_128_cbc", "sha")),
        ("NEW-THING", ("", "new-thing", "")),
    ],
)
def test_cipher_suites_are_named_as_rabbitmq_names_them(suite: str, parts: tuple[str, str, str]) -> None:
    assert suite_parts(suite) == parts
