"""aio-pika: asyncio clients, and robust connections that come back by themselves."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import aiormq
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.patterns import RPC

from tests.clients.conftest import Name
from tests.clients.support import LARGE_BODY_SIZES, POLL_SECONDS, WAIT_SECONDS, Link, digest, patterned_body
from tests.support.brokers import RunningBroker


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Asks again and again; fails when it takes longer than `WAIT_SECONDS`."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():
            await asyncio.sleep(POLL_SECONDS)


@pytest.fixture
async def connection(broker: RunningBroker, name: Name) -> AsyncIterator[AbstractConnection]:
    del name
    async with await aio_pika.connect(broker.url(), timeout=WAIT_SECONDS) as opened:
        yield opened


@pytest.fixture
async def channel(connection: AbstractConnection) -> AbstractChannel:
    return await connection.channel()


@pytest.fixture
async def queue(channel: AbstractChannel, name: Name) -> AbstractQueue:
    return await channel.declare_queue(name())


async def send(channel: AbstractChannel, queue: AbstractQueue, body: bytes, **properties: object) -> None:
    await channel.default_exchange.publish(aio_pika.Message(body, **properties), queue.name)


async def test_publish_and_iterate(channel: AbstractChannel, queue: AbstractQueue) -> None:
    for number in range(5):
        await send(channel, queue, str(number).encode(), content_type="text/plain")
    seen = []
    async with asyncio.timeout(WAIT_SECONDS), queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                seen.append(message.body)
            if len(seen) == 5:
                break
    assert seen == [b"0", b"1", b"2", b"3", b"4"]
    assert (await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count == 0


async def test_a_failed_message_is_requeued(channel: AbstractChannel, queue: AbstractQueue) -> None:
    await send(channel, queue, b"body")
    message = await queue.get(timeout=WAIT_SECONDS)
    assert message is not None
    with pytest.raises(ZeroDivisionError):
        async with message.process(requeue=True):
            raise ZeroDivisionError
    again = await queue.get(timeout=WAIT_SECONDS)
    assert again is not None
    assert again.redelivered
    await again.reject(requeue=False)
    with pytest.raises(aio_pika.exceptions.QueueEmpty):
        await queue.get(timeout=WAIT_SECONDS)


async def test_an_unroutable_message_raises_if_asked_to(connection: AbstractConnection, name: Name) -> None:
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    with pytest.raises(aio_pika.exceptions.DeliveryError):
        await channel.default_exchange.publish(aio_pika.Message(b""), name("missing"))


async def test_a_mandatory_message_is_returned(channel: AbstractChannel, name: Name) -> None:
    returned: asyncio.Future[AbstractIncomingMessage] = asyncio.get_running_loop().create_future()
    channel.return_callbacks.add(lambda _sender, message: returned.set_result(message))
    missing = name("missing")
    result = await channel.default_exchange.publish(aio_pika.Message(b"body"), missing, mandatory=True)
    message = await asyncio.wait_for(returned, WAIT_SECONDS)
    assert (message.body, message.routing_key) == (b"body", missing)
    assert result is not None


async def test_many_publishers_at_once(channel: AbstractChannel, queue: AbstractQueue) -> None:
    await asyncio.gather(*(send(channel, queue, bytes([number])) for number in range(200)))
    assert (await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count == 200
    assert (await queue.purge()).message_count == 200


async def test_transactions(connection: AbstractConnection, queue: AbstractQueue) -> None:
    channel = await connection.channel(publisher_confirms=False)
    transaction = channel.transaction()
    await transaction.select()
    await send(channel, queue, b"dropped")
    await transaction.rollback()
    async with channel.transaction():
        await send(channel, queue, b"kept")
    message = await queue.get(timeout=WAIT_SECONDS)
    assert message is not None
    assert message.body == b"kept"
    await message.ack()


async def test_prefetch(connection: AbstractConnection, queue: AbstractQueue) -> None:
    channel = await connection.channel()
    for _ in range(4):
        await send(channel, queue, b"body")
    await channel.set_qos(prefetch_count=2)
    got: list[AbstractIncomingMessage] = []
    consumed = await channel.get_queue(queue.name)

    async def receive(message: AbstractIncomingMessage) -> None:
        got.append(message)

    await consumed.consume(receive)

    async def ready_is(count: int) -> bool:
        return (await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count == count

    async def got_are(count: int) -> bool:
        return len(got) == count

    await until(lambda: got_are(2))
    assert await ready_is(2)
    await got[0].ack()
    await until(lambda: got_are(3))
    assert await ready_is(1)


async def test_errors_have_classes(connection: AbstractConnection, name: Name) -> None:
    missing = name()
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await (await connection.channel()).get_queue(missing)
    channel = await connection.channel()
    await channel.declare_queue(missing)
    with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed):
        await channel.declare_queue(missing, durable=True)
    assert not connection.is_closed


async def test_an_exclusive_queue_is_locked(broker: RunningBroker, connection: AbstractConnection, name: Name) -> None:
    queue = name()
    async with await aio_pika.connect(broker.url()) as owner:
        await (await owner.channel()).declare_queue(queue, exclusive=True)
        with pytest.raises(aiormq.exceptions.ChannelLockedResource):
            await (await connection.channel()).get_queue(queue)
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await (await connection.channel()).get_queue(queue)


async def test_bad_logins(broker: RunningBroker) -> None:
    with pytest.raises(aio_pika.exceptions.ProbableAuthenticationError):
        await aio_pika.connect(broker.url(password="wrong"))
    with pytest.raises(aiormq.exceptions.InvalidFrameError, match="Close"):
        await aio_pika.connect(broker.url(vhost="nowhere"))


async def test_heartbeat_from_the_url(broker: RunningBroker) -> None:
    async with await aio_pika.connect(f"{broker.url()}?heartbeat=17") as connection:
        assert connection.transport is not None
        assert connection.transport.connection.connection_tune.heartbeat == 17


@pytest.mark.parametrize("size_bytes", LARGE_BODY_SIZES)
async def test_large_bodies(channel: AbstractChannel, queue: AbstractQueue, size_bytes: int) -> None:
    body = patterned_body(size_bytes)
    await send(channel, queue, body)
    message = await queue.get(timeout=WAIT_SECONDS)
    assert message is not None
    assert digest(message.body) == digest(body)
    await message.ack()


async def test_properties_and_headers_come_back(channel: AbstractChannel, queue: AbstractQueue) -> None:
    now = datetime.datetime(2024, 2, 29, 12, 30, 1, tzinfo=datetime.UTC)
    headers = {
        "bool": True,
        "int": 2**40,
        "double": 2.5,
        "string": "käse",
        "time": now,
        "nothing": None,
        "array": [1, "two", {"three": 3}],
        "table": {"empty": {}, "nested": {"deep": [False]}},
    }
    sent = {"headers": headers, "priority": 3, "correlation_id": "c", "message_id": "m", "timestamp": now, "type": "t"}
    await send(channel, queue, b"", **sent)
    message = await queue.get(no_ack=True, timeout=WAIT_SECONDS)
    assert message is not None
    assert {key: getattr(message, key) for key in sent} == sent


async def test_rpc_with_direct_reply(connection: AbstractConnection, name: Name) -> None:
    server = await RPC.create(await connection.channel())
    client = await RPC.create(await connection.channel())

    async def double(*, number: int) -> int:
        return 2 * number

    method = name("double")
    await server.register(method, double, auto_delete=True)
    assert await asyncio.wait_for(client.call(method, {"number": 21}), WAIT_SECONDS) == 42
    await client.close()
    await server.close()


async def test_a_robust_consumer_comes_back(broker: RunningBroker, channel: AbstractChannel, name: Name) -> None:
    exchange = await channel.declare_exchange(name("x"), "fanout")
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(message: AbstractIncomingMessage) -> None:
        async with message.process():
            await bodies.put(message.body)

    with Link(broker.host, broker.port) as link:
        robust = await aio_pika.connect_robust(link.url(), reconnect_interval=0.05, timeout=WAIT_SECONDS)
        reconnected = asyncio.Event()
        robust.reconnect_callbacks.add(lambda *_: reconnected.set())
        async with robust:
            own = await robust.channel()
            await own.set_qos(prefetch_count=5)
            queue = await own.declare_queue(name("own"), exclusive=True, auto_delete=True)
            await queue.bind(exchange.name)
            await queue.consume(receive)
            await exchange.publish(aio_pika.Message(b"before"), "")
            assert await asyncio.wait_for(bodies.get(), WAIT_SECONDS) == b"before"
            link.cut()
            await asyncio.wait_for(reconnected.wait(), WAIT_SECONDS)
            await exchange.publish(aio_pika.Message(b"after"), "")
            assert await asyncio.wait_for(bodies.get(), WAIT_SECONDS) == b"after"
        assert link.accepted >= 2
