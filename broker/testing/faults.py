"""The faults that are on in a broker under test, as its links ask for them. Lives in the broker's thread.

Must not: move bytes itself (`link.py` does).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker.testing.link import Link

FAULTS_MAX: Final = 1024  # at a time; a test that forgets to end them is told
FOREVER: Final = -1

Routes = Callable[[str, str, str], Collection[str]]


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """What holds for one link now: the longest of each."""

    is_stalled: bool = False
    delay_s: float = 0.0
    holds_confirms: bool = False
    confirm_delay_s: float = 0.0


@dataclass(eq=False, slots=True)
class Rule:
    """One fault on the connections of a vhost; `refusals` counts down, FOREVER does not; an empty queue is any."""

    vhost: str
    link: LinkFaults = field(default_factory=LinkFaults)
    refusals: int = 0
    queue: str = ""


class FaultState:
    """Every rule that is on, and every link."""

    def __init__(self, routes: Routes) -> None:
        """Args: routes names the queues of vhost, exchange and routing key."""
        self.links: dict[Link, None] = {}
        self._routes = routes
        self._rules: list[Rule] = []
        self._exempt_ports: set[int] = set()

    def exempt(self, port: int) -> None:
        """The client on this port, which has not connected yet, is a helper's own."""
        self._exempt_ports.add(port)

    def is_exempt(self, port: int) -> bool:
        """Whether the client on this port is a helper's own; said once."""
        if port in self._exempt_ports:
            self._exempt_ports.discard(port)
            return True
        return False

    def add(self, rule: Rule) -> None:
        """Turns a fault on. Raises: ValueError where far too many are on."""
        if len(self._rules) >= FAULTS_MAX:
            raise ValueError(f"{FAULTS_MAX} faults are on: end them, or call faults.clear()")
        self._rules.append(rule)
        self._refresh(rule.vhost)

    def remove(self, rule: Rule) -> None:
        """Turns it off; fine where it is off."""
        if rule in self._rules:
            self._rules.remove(rule)
            self._refresh(rule.vhost)

    def clear(self, vhost: str) -> None:
        """Turns off every fault of a vhost."""
        self._rules = [rule for rule in self._rules if rule.vhost != vhost]
        self._refresh(vhost)

    def _refresh(self, vhost: str) -> None:
        for link in list(self.links):
            if link.vhost == vhost:
                link.refresh()

    def of_link(self, vhost: str) -> LinkFaults:
        """What holds for links to this vhost."""
        found = [rule.link for rule in self._rules if rule.vhost == vhost]
        return LinkFaults(
            is_stalled=any(one.is_stalled for one in found),
            delay_s=max((one.delay_s for one in found), default=0.0),
            holds_confirms=any(one.holds_confirms for one in found),
            confirm_delay_s=max((one.confirm_delay_s for one in found), default=0.0),
        )

    def refuses(self, vhost: str, exchange: str, routing_key: str) -> bool:
        """Whether the message now published with confirms is to be refused; counts it where it is."""
        for rule in self._rules:
            if rule.vhost != vhost or not rule.refusals:
                continue
            if rule.queue and rule.queue not in self._routes(vhost, exchange, routing_key):
                continue
            if rule.refusals != FOREVER:
                rule.refusals -= 1
                if not rule.refusals:
                    self._rules.remove(rule)
            return True
        return False
