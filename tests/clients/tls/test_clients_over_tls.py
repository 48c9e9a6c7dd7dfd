"""The client libraries over TLS, as their documentation says, and who may log in with a certificate."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import aio_pika
import kombu
import pika
import pytest
from pamqp.commands import Connection

from tests.clients.support import patterned_body
from tests.clients.tls.conftest import Secured
from tests.support.certificates import client_context, connected, issue, stranger, write_authority
from tests.support.raw import PROTOCOL_HEADER, RawConnection

BODY = patterned_body(300_000)
QUEUE = "over-tls"


def pika_parameters(broker: Secured, context: ssl.SSLContext, host: str = "127.0.0.1", **more: Any) -> Any:
    return pika.ConnectionParameters(
        host, broker.tls_port, ssl_options=pika.SSLOptions(context, "localhost"), blocked_connection_timeout=15,
        socket_timeout=15, connection_attempts=1, **more,
    )  # fmt: skip


def exchange_a_message(connection: pika.BlockingConnection) -> None:
    with connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(QUEUE, exclusive=True)
        channel.basic_publish("", QUEUE, BODY)
        assert channel.basic_get(QUEUE, auto_ack=True)[2] == BODY


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6"))],
)
def test_pika(secured: Secured, host: str) -> None:
    exchange_a_message(pika.BlockingConnection(pika_parameters(secured, client_context(), host)))


def test_kombu_and_py_amqp(secured: Secured) -> None:
    trust = {"ca_certs": str(write_authority(secured.folder)), "cert_reqs": ssl.CERT_REQUIRED}
    address = f"amqps://guest:guest@localhost:{secured.tls_port}//"
    with kombu.Connection(address, ssl=trust, transport_options={"confirm_publish": True}) as connection:
        queue = connection.SimpleQueue(QUEUE + "-kombu")
        queue.put({"body": "x" * 100_000})
        message = queue.get(timeout=15)
        message.ack()
        assert message.payload == {"body": "x" * 100_000}
        queue.close()
        connection.default_channel.queue_delete(QUEUE + "-kombu")


async def test_aio_pika(secured: Secured) -> None:
    address = f"amqps://guest:guest@localhost:{secured.tls_port}/"
    async with asyncio.timeout(15):
        connection = await aio_pika.connect(address, ssl_context=client_context())
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await channel.default_exchange.publish(aio_pika.Message(BODY), queue.name)
            message = await queue.get()
            assert message.body == BODY
            await message.ack()


def test_a_connection_shows_its_tls(secured: Secured) -> None:
    with pika.BlockingConnection(pika_parameters(secured, client_context())):
        (shown,) = [one for one in secured.connections() if one["port"] == secured.tls_port]
    assert (shown["ssl"], shown["ssl_protocol"], shown["ssl_key_exchange"]) == (True, "tlsv1.3", "any")
    assert (shown["ssl_cipher"], shown["ssl_hash"]) == ("aes_256_gcm", "aead")
    assert (shown.get("peer_cert_subject"), shown["peer_host"]) == (None, "127.0.0.1")


def test_a_connection_without_tls_shows_none(secured: Secured) -> None:
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", secured.port)):
        (shown,) = [one for one in secured.connections() if one["port"] == secured.port]
    assert (shown["ssl"], shown.get("ssl_protocol"), shown.get("peer_cert_issuer")) == (False, None, None)


def test_login_with_a_certificate(secured: Secured) -> None:
    secured.add_user("orders")
    certificate = issue("orders.example", common_name="orders")
    parameters = pika_parameters(
        secured, client_context(certificate), credentials=pika.credentials.ExternalCredentials()
    )
    with pika.BlockingConnection(parameters):
        (shown,) = [one for one in secured.connections() if one["user"] == "orders"]
        assert shown["auth_mechanism"] == "EXTERNAL"
        assert shown["peer_cert_subject"].startswith("CN=orders,OU=")
        assert shown["peer_cert_issuer"].endswith("O=Leveret tests")
        assert shown["peer_cert_validity"].count("T00:00:00Z") == 2
    exchange_a_message(pika.BlockingConnection(parameters))


def test_a_certificate_of_nobody_is_refused(secured: Secured) -> None:
    context = client_context(issue("who.example", common_name="nobody here"))
    refused = pika_parameters(secured, context, credentials=pika.credentials.ExternalCredentials())
    with pytest.raises(pika.exceptions.ProbableAuthenticationError, match="EXTERNAL"):
        pika.BlockingConnection(refused)
    secured.await_log("login of user 'nobody here' from 127.0.0.1 refused")


def test_who_shows_no_certificate_is_not_offered_to_log_in_with_one(secured: Secured) -> None:
    refused = pika_parameters(secured, client_context(), credentials=pika.credentials.ExternalCredentials())
    with pytest.raises(pika.exceptions.AuthenticationError, match="EXTERNAL"):
        pika.BlockingConnection(refused)
    for certificate, mechanisms in ((None, "PLAIN AMQPLAIN"), (issue("x.example"), "PLAIN AMQPLAIN EXTERNAL")):
        with connected(secured.tls_port, client_context(certificate)) as end, RawConnection.over(end) as client:
            assert client.start().mechanisms == mechanisms


def test_who_claims_one_all_the_same_is_refused(secured: Secured) -> None:
    since = len(secured.log())
    with connected(secured.tls_port, client_context()) as end, RawConnection.over(end) as client:
        client.send_raw(PROTOCOL_HEADER)
        client.expect(Connection.Start)
        client.send(Connection.StartOk({}, "EXTERNAL", "guest", "en_US"))
        client.expect_end()
    secured.await_log("unknown authentication mechanism 'EXTERNAL'", since)


def test_a_certificate_that_nobody_vouches_for_ends_the_handshake(secured: Secured) -> None:
    since = len(secured.log())
    context = client_context(issue("orders.example", common_name="orders", by=stranger()))
    with pytest.raises((pika.exceptions.AMQPConnectionError, OSError)):
        pika.BlockingConnection(pika_parameters(secured, context))
    secured.await_log("TLS handshake failed: unable to get local issuer certificate", since)


def test_the_subjects_alternative_name_may_be_the_user(behind_proxy: Secured) -> None:
    behind_proxy.add_user("shop%40acme.example")
    context = client_context(issue("shop@acme.example", "x.example", common_name="guest"))
    with pika.BlockingConnection(
        pika_parameters(behind_proxy, context, credentials=pika.credentials.ExternalCredentials())
    ):
        assert [one["user"] for one in behind_proxy.connections()] == ["shop@acme.example"]
