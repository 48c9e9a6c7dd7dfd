"""A queue whose arguments a test changes, on a disk in memory, and everything that was published into it.

Must not: decide what is right; tests do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pamqp.commands import Basic, Channel, Queue

from broker.auth.authorization import OWNER
from broker.changing import Plan
from broker.queues.queue import Queue as Handle
from broker.queues.regroup import unsorted
from broker.requests import Actor
from tests.model.home import KILL, DurableHome
from tests.support.sansio import SansBroker, SansClient, publish_frames

TURNS_MAX = 300  # slices until everything is sorted
LETTERS = {bool: "t", int: "l", str: "S"}


class Bench:
    """One queue `q` on a broker of its own, with one client; messages are `priority:number`."""

    def __init__(self, durable: bool = True, is_late: bool = False, **arguments: object) -> None:
        self.home = DurableHome(is_late, 1, Counter())
        self.durable = durable
        self._connect()
        given = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
        self.answer(Queue.Declare(queue="q", durable=durable, arguments=given))

    def _connect(self) -> None:
        self.client: SansClient = self.broker.connect().open()
        self.client.method(1, Channel.Open())
        self.settle()
        self.client.take()

    @property
    def broker(self) -> SansBroker:
        return self.home.broker

    def answer(self, frame: object) -> object:
        """What a method is answered with, once the disk has done what it waits for."""
        self.client.method(1, frame)  # type: ignore[arg-type]
        self.settle()
        [event] = [event for event in self.client.take(1) if event.name != "Basic.Deliver"]
        return event.frame

    def settle(self) -> None:
        """Everything under way comes to its end, at this time."""
        for _ in range(3):
            self.broker.turn()
            self.home.finish()
            self.broker.advance(0)

    def quiet(self) -> None:
        """A while in which what nobody waits for comes to the disk."""
        for _ in range(4):
            self.broker.advance(20)
            self.settle()

    def change(self, wanted: Mapping[str, object], is_dry: bool = False) -> Plan:
        """Changes arguments, and lets nothing else happen."""
        types = {name: LETTERS[type(value)] for name, value in wanted.items() if value is not None}
        vhost = self.broker.vhost
        return self.broker.node.operations.change_queue(Actor(OWNER, vhost), "q", wanted, types, is_dry)

    def sorted(self) -> None:
        """Waits until everything stands in its level."""
        for _ in range(TURNS_MAX):
            self.settle()
            if not unsorted(self.queue.ready):
                self.quiet()
                return
        raise AssertionError("it is never sorted")

    @property
    def queue(self) -> Handle:
        return self.broker.vhost.queues["q"]

    def publish(self, priority: int, bodies: Sequence[bytes], persistent: bool = True, **more: str) -> None:
        """One message after another; nothing else happens meanwhile."""
        properties = Basic.Properties(delivery_mode=2 if persistent else 1, priority=priority, **more)  # type: ignore[arg-type]
        self.client.send(b"".join(publish_frames(1, "", "q", body, properties) for body in bodies))

    def get(self, no_ack: bool = True) -> tuple[bytes, int, bool] | None:
        """A message: body, delivery tag, redelivered; None where there is none."""
        self.client.method(1, Basic.Get(queue="q", no_ack=no_ack))
        for _ in range(TURNS_MAX):
            self.settle()
            events = [event for event in self.client.take(1) if event.name.startswith("Basic.Get")]
            if events:
                [event] = events
                frame = event.frame
                return (event.body, frame.delivery_tag, frame.redelivered) if isinstance(frame, Basic.GetOk) else None
        raise AssertionError("basic.get is not answered")

    def answer_nothing(self, tag: int, is_settled: bool) -> None:
        """Settles or gives back everything up to a delivery tag."""
        method = Basic.Ack(tag, multiple=True) if is_settled else Basic.Nack(tag, multiple=True, requeue=True)
        self.client.method(1, method)
        self.settle()

    def drain(self) -> list[bytes]:
        """Everything that is ready, in the order in which it is delivered."""
        found = []
        while (got := self.get()) is not None:
            found.append(got[0])
        return found

    def kill(self) -> None:
        """kill -9 and another start."""
        self.home.crash(KILL, 1)
        self.home.restart()
        self._connect()
