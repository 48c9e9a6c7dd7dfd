"""One connection at work in a thread, until the broker is gone. Must not: know what it works at, or judge."""

from __future__ import annotations

import random
import threading
from typing import Any

from pamqp.commands import Basic, Channel

from tests.crash.kill.events import Complaint, Confirmed, Event, Sent
from tests.crash.kill.messages import Writer
from tests.support.raw import Ended, RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.raw_frames import Content, describe

ANSWER_SECONDS_MAX = 20.0
THREAD_SECONDS_MAX = 2 * ANSWER_SECONDS_MAX


class Refused(Exception):
    """The broker closed the channel or did something else that it has no reason for."""


class Peer:
    """What works at one connection; a new connection and thread for every life of the broker.

    Every wait is bounded by the socket's timeout, so a thread always ends.
    """

    def __init__(self, name: str, seed: str) -> None:
        self.name = name
        self.rng = random.Random(f"{seed}/{name}")
        self.writer = Writer(name, self.rng)
        self._thread: threading.Thread | None = None

    def start(self, port: int, life: int, history: list[Event], ending: threading.Event) -> None:
        """Works in a thread of its own until the connection ends; `ending` is set when it may end."""
        self._thread = threading.Thread(
            target=self._run, args=(port, f"{self.name}@{life}", history, ending), daemon=True
        )
        self._thread.start()

    def join(self, history: list[Event]) -> None:
        """Waits for the thread; writes down if it hangs."""
        assert self._thread is not None
        self._thread.join(THREAD_SECONDS_MAX)
        if self._thread.is_alive():
            history.append(Complaint(f"{self.name} hangs"))

    def work(self, desk: Desk) -> None:
        """Goes on until the connection ends."""
        raise NotImplementedError

    def _run(self, port: int, connection_name: str, history: list[Event], ending: threading.Event) -> None:
        try:
            with RawConnection("127.0.0.1", port, ANSWER_SECONDS_MAX) as connection:
                connection.log_in()
                self.work(Desk(connection_name, connection.channel(), history, self.writer))
        except (Ended, ConnectionError) as error:
            if not ending.is_set():
                history.append(Complaint(f"{connection_name} was cut off: {error}"))
        except TimeoutError:
            history.append(Complaint(f"{connection_name}: nothing came for {ANSWER_SECONDS_MAX} s"))
        except Exception as error:
            # A clean stop closes connections with connection.close, which the raw connection does not expect.
            if not (ending.is_set() and "CONNECTION_FORCED" in str(error)):
                history.append(Complaint(f"{connection_name}: {type(error).__name__}: {error}"))


class Desk:
    """A channel, the history it is written down in, and the confirms it waits for."""

    def __init__(self, connection_name: str, channel: RawChannel, history: list[Event], writer: Writer) -> None:
        self.name = connection_name
        self.channel = channel
        self.history = history
        self.waiting: dict[int, str] = {}
        self._writer = writer
        self._publish_number = 0

    def note(self, event: Event) -> None:
        """Writes an event down."""
        self.history.append(event)

    def publish(self, sent: Sent, body: bytes) -> None:
        """Writes a message down and sends it, with mandatory set: it must be routed."""
        self.note(sent)
        content = sent.content
        self.channel.publish(content.routing_key, body, content.exchange, mandatory=True, properties=content.properties)

    def publish_for_confirm(self, sent: Sent, body: bytes) -> None:
        """The same on a channel that confirms."""
        self._publish_number += 1
        self.waiting[self._publish_number] = sent.id
        self.publish(sent, body)

    def receive(self) -> Any:
        """The next method or content that is neither a confirm nor a return; those are written down.

        A confirm gives None, so that a publisher may go on.
        """
        received = self.channel.connection.receive(self.channel.number)
        if isinstance(received, Basic.Ack | Basic.Nack):
            self._take_confirm(received)
            return None
        if isinstance(received, Channel.Close):
            raise Refused(describe(received))
        if isinstance(received, Content) and isinstance(received.method, Basic.Return):
            text = f"{received.properties.message_id} came back: {received.reply_text}, {received.routing_key}"
            self.note(Complaint(text))
            return None
        return received

    def _take_confirm(self, confirm: Any) -> None:
        last = confirm.delivery_tag
        tags = [tag for tag in self.waiting if tag <= last] if confirm.multiple else [last]
        for tag in tags:
            if tag not in self.waiting:
                raise Refused(f"publish number {tag} was confirmed twice or never sent")
            self.note(Confirmed(self.waiting.pop(tag), isinstance(confirm, Basic.Ack)))
