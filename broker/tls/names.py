"""What stands in a certificate, as text: names as RabbitMQ writes them, times, and the user it stands for.

Must not: trust a certificate, or read a file. What is given here is what `ssl` made of one it has verified.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

Fields = Mapping[str, Any]  # as SSLObject.getpeercert has them
NAME_BYTES_MAX: Final = 255  # a user's name is no longer
SHORT_NAMES: Final = {
    "surname": "SN",
    "givenName": "GIVENNAME",
    "initials": "INITIALS",
    "generationQualifier": "GENERATIONQUALIFIER",
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "title": "TITLE",
    "countryName": "C",
    "serialNumber": "SERIALNUMBER",
    "pseudonym": "PSEUDONYM",
    "domainComponent": "DC",
    "emailAddress": "EMAILADDRESS",
    "streetAddress": "STREET",
    "userId": "UID",
}
SAN_KINDS: Final = {"dns": "DNS", "email": "email", "ip": "IP Address", "uri": "URI"}
ESCAPED_ANYWHERE: Final = '"+,;<>\\'
ESCAPED_FIRST: Final = " #"


def distinguished_name(names: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A subject or issuer as RFC 4514 writes it, the last part first: `CN=shop,O=acme`."""
    parts = ["+".join(f"{SHORT_NAMES.get(kind, kind)}={_escaped(value)}" for kind, value in part) for part in names]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    """Spec: RFC 4514 2.4; what is not printable ASCII is escaped too, byte by byte, as RabbitMQ does."""
    shown = "".join(_escaped_character(character) for character in value)
    if value[:1] and value[0] in ESCAPED_FIRST:
        shown = "\\" + shown
    return f"{shown[:-1]}\\ " if len(value) > 1 and value.endswith(" ") else shown


def _escaped_character(character: str) -> str:
    if character in ESCAPED_ANYWHERE:
        return "\\" + character
    if 32 <= ord(character) < 126:
        return character
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def common_name(fields: Fields) -> str:
    """The subject's common names, joined by commas; empty where there is none."""
    names = [value for part in fields.get("subject", ()) for kind, value in part if kind == "commonName"]
    return ",".join(names)


def alternative_names(fields: Fields, kind: str) -> list[str]:
    """The subject's alternative names of one kind, a key of SAN_KINDS."""
    return [value for found, value in fields.get("subjectAltName", ()) if found == SAN_KINDS[kind]]


def login_name(fields: Fields, login_from: str, san_type: str, san_index: int) -> str:
    """The user a verified certificate stands for, by the settings ssl_cert_login_*; empty where it names none."""
    if login_from == "common_name":
        name = common_name(fields)
    elif login_from == "distinguished_name":
        name = distinguished_name(fields.get("subject", ()))
    else:
        name = "".join(alternative_names(fields, san_type)[san_index : san_index + 1])
    return name if len(name.encode("utf-8", "surrogateescape")) <= NAME_BYTES_MAX else ""


def time_ms(text: str) -> int:
    """A certificate's time (`Jan  5 09:34:43 2018 GMT`) in milliseconds since 1970."""
    return int(ssl.cert_time_to_seconds(text)) * 1000


def validity(fields: Fields) -> str:
    """From when until when it holds, as RabbitMQ shows it."""
    return " - ".join(iso_text(time_ms(fields[key])) for key in ("notBefore", "notAfter"))


def iso_text(at_ms: int) -> str:
    """A time (milliseconds since 1970) as ISO 8601 writes it, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
