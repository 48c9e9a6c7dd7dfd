"""pika's AsyncioConnection: callbacks instead of calls, confirms as the broker batches them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pika
import pytest
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import ProbableAuthenticationError

from tests.clients.conftest import Name, parameters
from tests.clients.support import WAIT_SECONDS
from tests.support.brokers import RunningBroker

CONFIRMED_TOTAL = 500


async def reply(start: Callable[[Callable[..., None]], object]) -> Any:
    """Calls `start` with a callback and waits for its first argument."""
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    start(lambda *args: answered.done() or answered.set_result(args[0] if args else None))
    return await asyncio.wait_for(answered, WAIT_SECONDS)


async def open_connection(wanted: pika.URLParameters) -> AsyncioConnection:
    """Raises: what pika says when it does not come about."""
    opened: asyncio.Future[AsyncioConnection] = asyncio.get_running_loop().create_future()
    AsyncioConnection(
        wanted,
        on_open_callback=opened.set_result,
        on_open_error_callback=lambda _connection, error: opened.set_exception(error),
        custom_ioloop=asyncio.get_running_loop(),
    )
    return await asyncio.wait_for(opened, WAIT_SECONDS)


async def await_depth(channel: Channel, queue: str, count: int) -> Any:
    """Asks until so many messages are ready; returns the last answer."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            declared = await reply(lambda done: channel.queue_declare(queue, passive=True, callback=done))
            if declared.method.message_count == count:
                return declared


@pytest.fixture
async def connection(broker: RunningBroker, name: Name) -> AsyncIterator[AsyncioConnection]:
    del name
    opened = await open_connection(parameters(broker))
    yield opened
    if opened.is_open:
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        opened.add_on_close_callback(lambda *_: closed.set_result(None))
        opened.close()
        await asyncio.wait_for(closed, WAIT_SECONDS)


@pytest.fixture
async def channel(connection: AsyncioConnection) -> Channel:
    opened = await reply(lambda done: connection.channel(on_open_callback=done))
    assert isinstance(opened, Channel)
    return opened


@pytest.fixture
async def queue(channel: Channel, name: Name) -> str:
    declared = await reply(lambda done: channel.queue_declare(name(), callback=done))
    return str(declared.method.queue)


async def test_many_messages_are_confirmed_and_consumed(channel: Channel, queue: str) -> None:
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    confirmed: set[int] = set()
    bodies: list[bytes] = []

    def on_confirm(frame: Any) -> None:
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        tag = frame.method.delivery_tag
        confirmed.update(range(1, tag + 1) if frame.method.multiple else [tag])
        finish()

    def on_message(channel: Channel, method: Any, _properties: Any, body: bytes) -> None:
        bodies.append(body)
        channel.basic_ack(method.delivery_tag)
        finish()

    def finish() -> None:
        if len(bodies) == len(confirmed) == CONFIRMED_TOTAL:
            finished.set_result(None)

    await reply(lambda done: channel.confirm_delivery(on_confirm, callback=done))
    await reply(lambda done: channel.basic_qos(prefetch_count=50, callback=done))
    await reply(lambda done: channel.basic_consume(queue, on_message, callback=done))
    for number in range(CONFIRMED_TOTAL):
        channel.basic_publish("", queue, str(number).encode())
    await asyncio.wait_for(finished, WAIT_SECONDS)
    assert confirmed == set(range(1, CONFIRMED_TOTAL + 1))
    assert bodies == [str(number).encode() for number in range(CONFIRMED_TOTAL)]


async def test_a_return_comes_before_its_confirm(channel: Channel, name: Name) -> None:
    order: list[str] = []
    channel.add_on_return_callback(lambda _c, method, _p, body: order.append(f"{method.reply_code} {body.decode()}"))
    confirmed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    await reply(lambda done: channel.confirm_delivery(confirmed.set_result, callback=done))
    channel.basic_publish("", name("missing"), b"body", mandatory=True)
    frame = await asyncio.wait_for(confirmed, WAIT_SECONDS)
    order.append(type(frame.method).__name__)
    assert order == ["312 body", "Ack"]


async def test_a_cancelled_consumer_is_told(connection: AsyncioConnection, channel: Channel, queue: str) -> None:
    cancelled: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel.add_on_cancel_callback(cancelled.set_result)
    await reply(lambda done: channel.basic_consume(queue, print, consumer_tag="watched", callback=done))
    other = await reply(lambda done: connection.channel(on_open_callback=done))
    await reply(lambda done: other.queue_delete(queue, callback=done))
    frame = await asyncio.wait_for(cancelled, WAIT_SECONDS)
    assert frame.method.consumer_tag == "watched"


async def test_consumers_stop_when_they_cancel(channel: Channel, queue: str) -> None:
    got: list[bytes] = []
    tag = (await reply(lambda done: channel.basic_consume(queue, lambda *a: got.append(a[3]), callback=done))).method
    await reply(lambda done: channel.basic_cancel(tag.consumer_tag, callback=done))
    channel.basic_publish("", queue, b"unread")
    declared = await await_depth(channel, queue, 1)
    assert (declared.method.consumer_count, got) == (0, [])


async def test_a_closed_channel_says_why(connection: AsyncioConnection, channel: Channel) -> None:
    closed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel.add_on_close_callback(lambda _channel, reason: closed.set_result(reason))
    channel.exchange_declare("clients-missing", passive=True)
    reason = await asyncio.wait_for(closed, WAIT_SECONDS)
    assert (reason.reply_code, reason.reply_text) == (404, "NOT_FOUND - no exchange 'clients-missing' in vhost '/'")
    assert connection.is_open


async def test_a_wrong_password(broker: RunningBroker) -> None:
    with pytest.raises(ProbableAuthenticationError):
        await open_connection(parameters(broker, credentials=pika.PlainCredentials("guest", "wrong")))


async def test_a_transaction_gives_back_what_was_rolled_back(channel: Channel, queue: str) -> None:
    await reply(lambda done: channel.tx_select(callback=done))
    channel.basic_publish("", queue, b"never")
    await reply(lambda done: channel.tx_rollback(callback=done))
    channel.basic_publish("", queue, b"kept")
    await reply(lambda done: channel.tx_commit(callback=done))
    await await_depth(channel, queue, 1)
    purged = await reply(lambda done: channel.queue_purge(queue, callback=done))
    assert purged.method.message_count == 1
