"""The loops of the load: at full speed, draining, one message in flight, paced.

Must not: declare anything, or look into a frame.
"""

from __future__ import annotations

import select
import selectors
import socket
import time
from array import array
from typing import Final

from bench.arithmetic import due_count, due_ns
from bench.frames import STAMP
from bench.wire import Consumer, Lost, Producer

STALL_S: Final = 20.0  # without any progress


def stream(producers: list[Producer], consumers: list[Consumer], per_message: int, seconds: float) -> float:
    """Publishes as fast as the sockets take it for `seconds`, then waits until everything has arrived.

    Args: `per_message`: deliveries per published message.
    Returns: seconds from the first publish to the last delivery and confirm.
    Raises: Lost, BrokerError.
    """
    with selectors.DefaultSelector() as selector:
        for producer in producers:
            selector.register(producer.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, producer)
        for consumer in consumers:
            selector.register(consumer.sock, selectors.EVENT_READ, consumer)
        start = moved = time.monotonic()
        is_publishing = True
        while True:
            now = time.monotonic()
            if is_publishing and (now - start >= seconds or all(producer.is_spent for producer in producers)):
                is_publishing = False
            if not is_publishing and _is_done(producers, consumers, per_message):
                return now - start
            if _turn(selector, is_publishing):
                moved = now
            elif now - moved > STALL_S:
                delivered = sum(consumer.count for consumer in consumers)
                raise Lost(f"stalled at {delivered} deliveries of {sum(p.sent for p in producers)} messages")


def _is_done(producers: list[Producer], consumers: list[Consumer], per_message: int) -> bool:
    expected = sum(producer.sent for producer in producers) * per_message
    count = sum(consumer.count for consumer in consumers)
    if count > expected:
        raise Lost(f"{count} deliveries of {expected}")
    return count == expected and all(producer.is_whole and producer.is_confirmed for producer in producers)


def _turn(selector: selectors.BaseSelector, is_publishing: bool) -> bool:
    """Serves every ready socket once; returns whether anything moved."""
    ready = selector.select(1.0)
    for key, events in ready:
        end = key.data
        if events & selectors.EVENT_READ:
            end.receive()
        if isinstance(end, Producer):
            _publish(selector, key, events, is_publishing)
    return bool(ready)


def _publish(selector: selectors.BaseSelector, key: selectors.SelectorKey, events: int, is_publishing: bool) -> None:
    """Sends what is allowed, and listens for room in the socket only while there is something to send."""
    producer: Producer = key.data
    allowed = producer.allowed_bytes() if is_publishing else 0
    if events & selectors.EVENT_WRITE:
        if is_publishing and allowed:
            producer.send(allowed)
            allowed = producer.allowed_bytes()
        elif not is_publishing:
            producer.finish()
    is_open = bool(allowed) if is_publishing else not producer.is_whole
    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_open else 0)
    if wanted != key.events:
        selector.modify(producer.sock, wanted, producer)


def drain(consumer: Consumer, messages: int, cancel: bytes) -> tuple[int, int]:
    """Takes at least `messages` from a full queue, then sends `cancel` and takes what is on its way still.

    Returns: when `messages` had arrived and how many they were by then: nanoseconds, count.
    Raises: Lost, BrokerError.
    """
    while consumer.count < messages:
        _wait(consumer, STALL_S)
    reached = time.monotonic_ns(), consumer.count
    consumer.sock.sendall(cancel)
    while not consumer.is_cancelled:
        _wait(consumer, STALL_S)
    return reached


def one_in_flight(sock: socket.socket, message: bytes, consumer: Consumer, seconds: float) -> array[int]:
    """Sends one message, waits for it, sends the next; returns the round trips in nanoseconds."""
    trips = array("q")
    start = sent = time.monotonic_ns()
    while sent - start < seconds * 1e9:
        sock.sendall(message)
        while not _wait(consumer, STALL_S):
            pass
        arrived = time.monotonic_ns()
        trips.append(arrived - sent)
        sent = arrived
    return trips


def _wait(consumer: Consumer, timeout_s: float) -> int:
    if not select.select([consumer.sock], [], [], timeout_s)[0]:
        raise Lost("stalled")
    return consumer.receive()


def paced(
    sock: socket.socket, message: bytes, stamp_at: int, consumer: Consumer, rate: int, seconds: float
) -> tuple[array[int], array[int]]:
    """Sends `rate` messages a second, whether or not the earlier ones have arrived.

    Returns: latencies from the moment each message was due to its arrival, and how late each was sent, both in ns.
    Raises: Lost, BrokerError.
    """
    latencies, late = array("q"), array("q")
    count = int(rate * seconds)
    template = bytearray(message)
    start = moved = time.monotonic_ns()
    while len(latencies) < count:
        now = time.monotonic_ns()
        for number in range(len(late), min(due_count(now - start, rate), count)):
            due = start + due_ns(number, rate)
            STAMP.pack_into(template, stamp_at, due, number)
            sock.sendall(template)
            late.append(time.monotonic_ns() - due)
        next_due = start + due_ns(len(late), rate) if len(late) < count else now + 1_000_000_000
        timeout_s = max(0, next_due - time.monotonic_ns()) / 1e9
        if select.select([consumer.sock], [], [], timeout_s)[0]:
            moved = _arrived(consumer, latencies)
        elif now - moved > STALL_S * 1e9:
            raise Lost(f"stalled at {len(latencies)} of {len(late)}")
    return latencies, late


def _arrived(consumer: Consumer, latencies: array[int]) -> int:
    """Takes the deliveries of one read; returns when that was, in ns."""
    whole = consumer.fill()
    now = time.monotonic_ns()
    for at in range(whole):
        latencies.append(now - consumer.stamp(at)[0])
    consumer.drop(whole)
    return now
