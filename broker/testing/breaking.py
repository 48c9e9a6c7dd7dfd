"""What a test breaks: links, confirms, alarms, and the clock. In-process only.

Must not: know how a fault works (`faults.py`, `link.py`, `host.py`).
"""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Final, Self

from broker.testing.errors import NotInThisModeError
from broker.testing.facts import ConnectionState
from broker.testing.faults import FOREVER, LinkFaults, Rule
from broker.testing.host import Host
from broker.testing.in_process import InProcessServer
from broker.testing.server import Server

ALARMS: Final = ("memory", "disk")


def in_process(server: Server, what: str) -> InProcessServer:
    """The server, where it runs in this process. Raises: NotInThisModeError."""
    if not isinstance(server, InProcessServer):
        raise NotInThisModeError(f"{what} needs a broker in this process: leveret_mode = in-process")
    return server


class Fault:
    """A fault that is on; `stop` ends it, and so does leaving the `with` block that it may stand in."""

    def __init__(self, server: InProcessServer, rule: Rule) -> None:
        self._server = server
        self._rule = rule

    def stop(self) -> None:
        """Ends it; what it held back goes on. Fine where it has ended."""
        self._server.call(lambda host: host.faults.remove(self._rule))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Faults:
    """The faults of one vhost's connections, and the alarms, which are everybody's. None outlives the test."""

    def __init__(self, server: Server, vhost: str) -> None:
        self._server = server
        self._vhost = vhost
        self._alarms: set[str] = set()
        self._is_refusing = False

    def _start(self, what: str, rule: Rule) -> Fault:
        server = in_process(self._server, f"faults.{what}()")
        server.call(lambda host: host.faults.add(rule))
        return Fault(server, rule)

    # ---- links

    def cut_connections(self, *, user: str = "", name: str = "", reset: bool = True) -> int:
        """Ends connections to the vhost at once, with no word of AMQP; new ones are taken.

        Args: user and name choose those of a user, or whose client calls itself so (or whose listed name is that);
        reset sends RST, otherwise the client reads an end of file.
        Returns: how many it were.
        """

        def cut(host: Host) -> int:
            found = [link for link, state in host.linked(self._vhost) if _is_chosen(state, user, name)]
            for link in found:
                link.cut(reset)
            return len(found)

        return in_process(self._server, "faults.cut_connections()").call(cut)

    def refuse_connections(self) -> None:
        """Refuses every new connection (ECONNREFUSED), of other vhosts too, until `accept_connections`."""
        self._is_refusing = True
        in_process(self._server, "faults.refuse_connections()").run(Host.unlisten)

    def accept_connections(self) -> None:
        """Takes new connections again."""
        in_process(self._server, "faults.accept_connections()").run(Host.listen)
        self._is_refusing = False

    def stall(self) -> Fault:
        """Nothing is read from the vhost's connections, nor written to them, until it ends; heartbeats neither."""
        return self._start("stall", Rule(self._vhost, LinkFaults(is_stalled=True)))

    def delay(self, seconds: float) -> Fault:
        """Everything that clients send and are sent takes so much longer, until it ends."""
        return self._start("delay", Rule(self._vhost, LinkFaults(delay_s=seconds)))

    # ---- confirms

    def hold_confirms(self) -> Fault:
        """Publishers get no confirms until it ends; their messages are in their queues."""
        return self._start("hold_confirms", Rule(self._vhost, LinkFaults(holds_confirms=True)))

    def delay_confirms(self, seconds: float) -> Fault:
        """Publishers get their confirms so much later, until it ends."""
        return self._start("delay_confirms", Rule(self._vhost, LinkFaults(confirm_delay_s=seconds)))

    def nack_confirms(self, count: int | None = None, *, queue: str = "") -> Fault:
        """The next `count` messages published with confirms (None: all) get basic.nack, and reach no queue.

        Args: queue chooses those that would reach it; a headers exchange is not looked through.
        """
        if count is not None and count < 1:
            raise ValueError("nack_confirms wants a count of 1 or more")
        refusals = FOREVER if count is None else count
        return self._start("nack_confirms", Rule(self._vhost, refusals=refusals, queue=queue))

    # ---- alarms

    def raise_alarm(self, name: str = "memory") -> None:
        """Raises the memory or the disk alarm: publishers get connection.blocked, and are not read."""
        self._set_alarm(name, True)

    def clear_alarm(self, name: str = "memory") -> None:
        """Ends it: connection.unblocked, and publishers are read again."""
        self._set_alarm(name, False)

    def _set_alarm(self, name: str, is_on: bool) -> None:
        if name not in ALARMS:
            raise ValueError(f"the alarms are {' and '.join(ALARMS)}, not {name!r}")

        def change(host: Host) -> None:
            host.node.alarms.set(name, is_on)

        in_process(self._server, "an alarm").call(change)
        (self._alarms.add if is_on else self._alarms.discard)(name)

    def clear(self) -> None:
        """Ends everything that these methods have begun."""
        if not isinstance(self._server, InProcessServer):
            return
        self._server.call(lambda host: host.faults.clear(self._vhost))
        for name in list(self._alarms):
            self.clear_alarm(name)
        if self._is_refusing:
            self.accept_connections()


def _is_chosen(state: ConnectionState, user: str, name: str) -> bool:
    return user in ("", state.user) and name in ("", state.client_name, state.name)


class BrokerClock:
    """The broker's clock, by which messages and queues expire and what is delayed falls due.

    Heartbeats, handshakes and delays of faults go by the system's clock, so that no move of this one ends a connection.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def _in_process(self, what: str) -> InProcessServer:
        return in_process(self._server, f"clock.{what}()")

    def now(self) -> float:
        """The broker's time in seconds since 1970."""
        return self._in_process("now").call(lambda host: host.clock.now_ms()) / 1000

    def advance(self, seconds: float) -> None:
        """Moves the clock forward; all that falls due on the way has happened, in order, when this returns.

        Raises: ValueError for a negative time.
        """
        self._in_process("advance").run(lambda host: host.move_clock(host.clock.now_ms() + round(seconds * 1000)))

    def set(self, to: float | datetime) -> None:
        """Moves the clock forward to a time: seconds since 1970, or a datetime (a naive one is local time).

        Raises: ValueError where that is in the clock's past.
        """
        seconds = to.timestamp() if isinstance(to, datetime) else to
        self._in_process("set").run(lambda host: host.move_clock(round(seconds * 1000)))

    def freeze(self) -> None:
        """Stops the clock: only `advance` and `set` move it, and nothing expires by itself."""
        self._in_process("freeze").call(lambda host: host.clock.freeze())

    def resume(self) -> None:
        """Lets the clock run again, from where it stands."""
        self._in_process("resume").call(Host.resume_clock)

    def reset(self) -> None:
        """Shows the system's time again; in every other form of the broker it does so anyway."""
        if isinstance(self._server, InProcessServer):
            self._server.call(Host.reset_clock)
