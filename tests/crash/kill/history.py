"""Judges a history of lives and kills. Pure: must not know sockets, processes or time.

The last life of a history must drain every queue: what does not come out there is not there.

Rules, by number (issue texts in `Rule`):

1. A message that was confirmed (or whose commit was answered) is, in every queue it was routed to, settled by a reader
   or drained at the end. What was on its way to an auto-ack reader at a kill is settled; it can only be the messages
   behind everything that this reader saw, at most `reach` of them.
2. Only what was sent comes out, where it was routed to. A message comes twice in one life only after a requeue.
   Once delivered from a queue, it is marked redelivered in every later delivery from it.
3. Content comes out as it went in, to the byte.
4. From one publisher and one priority level of a queue, first deliveries come in the order of sending, over all lives;
   in a life without a requeue in this queue, so do all deliveries (what was unacked is back in its place).
5. What was settled and synced does not come again. A settlement counts as synced when a message that was published
   on the same connection after it was sent, to a queue nobody reads in this life, was confirmed: the broker
   handles a connection in order and logs in order, and that message cannot have been confirmed without a sync.
6. A transaction is wholly there or not at all; nothing of it comes out before commit was sent.
7. (Exactness.) What was never delivered comes back unmarked. A marked message whose delivery nobody saw is excused
   only by a reader of an earlier life that may have had it on its way: at most `reach` less what it held.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from tests.crash.kill.events import (
    CommitOk,
    CommitSent,
    Complaint,
    Confirmed,
    Delivered,
    Event,
    Gone,
    Reading,
    Sent,
    Settled,
    Started,
)
from tests.crash.kill.transactions import broken_transactions

EXAMPLES_MAX = 5
Place = tuple[str, str]  # queue, message id
Line = tuple[str, int, str]  # queue, priority level, publisher


class Rule(Enum):
    """What a history may break."""

    LOST = "1: a confirmed message is lost"
    INVENTED = "2: a message came out that was never put in"
    TWICE = "2: delivered twice in one life without a requeue"
    UNMARKED = "2: delivered again without the redelivered mark"
    ALTERED = "3: a message was altered"
    ORDER = "4: out of the publisher's order"
    SETTLED_AGAIN = "5: settled and synced, and delivered again"
    TORN = "6: a transaction is torn"
    MARKED = "7: marked redelivered, but never delivered (exactness)"
    DEFINITION = "a durable definition is gone"
    CONDUCT = "the broker's conduct"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule."""

    rule: Rule
    text: str


@dataclass
class Copy:
    """One message in one queue, as the history has it so far; lives count from 1, 0 is never."""

    sent: Sent
    born: int
    last_delivery: int = 0
    requeued: bool = False
    settled: bool = False
    synced: bool = False
    lives_seen: set[int] = field(default_factory=set)


class Checker:
    """Takes a history event by event; `finish` gives the verdict."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()
        self.life = 0
        self.sent: dict[str, Sent] = {}
        self.copies: dict[Place, Copy] = {}
        self.confirmed: set[str] = set()
        self.commits_sent: set[tuple[str, int]] = set()
        self.commits_answered: set[tuple[str, int]] = set()
        self._pending: defaultdict[str, list[Copy]] = defaultdict(list)
        self._pending_at: dict[str, int] = {}
        self._readers: dict[tuple[str, str], Reading] = {}
        self._held: Counter[tuple[str, str]] = Counter()
        self._excused: defaultdict[str, float] = defaultdict(float)
        self._auto_lives: defaultdict[str, set[int]] = defaultdict(set)
        self._auto_excused: defaultdict[str, float] = defaultdict(float)
        self._auto_seen: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self._first_before: dict[Line, int] = {}
        self._first_now: dict[Line, int] = {}
        self._line_now: dict[tuple[str, Line], tuple[int, int]] = {}
        self._requeues: set[str] = set()

    def take(self, event: Event) -> None:
        """The next event of the history."""
        self.counts[type(event).__name__] += 1
        getattr(self, f"_on_{type(event).__name__.lower()}")(event)

    def finish(self) -> list[Violation]:
        """Everything that is wrong, once the history is over."""
        self._find_lost()
        self.violations += [Violation(Rule.TORN, text) for text in broken_transactions(self)]
        return self.violations

    def _broken(self, rule: Rule, text: str) -> None:
        self.violations.append(Violation(rule, f"life {self.life}: {text}"))

    # lives

    def _on_started(self, _: Started) -> None:
        for key, reading in self._readers.items():
            unseen = math.inf if reading.reach is None else max(0, reading.reach - self._held[key])
            self._excused[reading.queue] += unseen
            self._auto_excused[reading.queue] += unseen if reading.is_auto else 0
        for line, number in self._first_now.items():
            self._first_before[line] = max(number, self._first_before.get(line, 0))
        for memory in (self._pending, self._pending_at, self._readers, self._held):
            memory.clear()
        for memory in (self._first_now, self._line_now, self._requeues):
            memory.clear()
        self.life += 1

    def _on_gone(self, event: Gone) -> None:
        self._broken(Rule.DEFINITION, event.what)

    def _on_complaint(self, event: Complaint) -> None:
        self._broken(Rule.CONDUCT, event.text)

    # publishing

    def _on_sent(self, event: Sent) -> None:
        assert event.id not in self.sent, f"the test itself sent {event.id} twice"
        self.sent[event.id] = event
        for queue in event.queues:
            self.copies[queue, event.id] = Copy(event, self.life)
        self._pending_at[event.id] = len(self._pending[event.connection])

    def _on_confirmed(self, event: Confirmed) -> None:
        if not event.is_ack:
            self.counts["nacked"] += 1
            return
        self.confirmed.add(event.id)
        sent = self.sent[event.id]
        read = {reading.queue for reading in self._readers.values()}
        if set(sent.queues) - read:
            for copy in self._pending[sent.connection][: self._pending_at[event.id]]:
                self.counts["synced"] += not copy.synced
                copy.synced = True

    def _on_commitsent(self, event: CommitSent) -> None:
        self.commits_sent.add((event.publisher, event.transaction))

    def _on_commitok(self, event: CommitOk) -> None:
        self.commits_answered.add((event.publisher, event.transaction))

    # reading

    def _on_reading(self, event: Reading) -> None:
        self._readers[event.connection, event.queue] = event
        if event.is_auto:
            self._auto_lives[event.queue].add(self.life)

    def _on_settled(self, event: Settled) -> None:
        self._held[event.connection, event.queue] -= 1
        copy = self.copies.get((event.queue, event.id))
        if copy is None:
            return
        if event.is_requeued:
            copy.requeued = True
            self._requeues.add(event.queue)
        else:
            copy.settled = True
            self._pending[event.connection].append(copy)

    def _on_delivered(self, event: Delivered) -> None:
        self._held[event.connection, event.queue] += 1
        copy = self.copies.get((event.queue, event.id))
        if copy is None:
            where = "of no one" if event.id not in self.sent else f"routed to {self.sent[event.id].queues}"
            self._broken(Rule.INVENTED, f"{event.id!r} from {event.queue}: a message {where}")
            return
        self._check_content(event, copy)
        self._check_mark(event, copy)
        self._check_order(event, copy)
        if copy.synced:
            self._broken(Rule.SETTLED_AGAIN, _named(event))
            copy.synced = False
        if copy.sent.transaction is not None and _transaction(copy.sent) not in self.commits_sent:
            self._broken(Rule.TORN, f"{_named(event)} before its commit")
        copy.last_delivery, copy.requeued, copy.settled = self.life, False, False
        copy.lives_seen.add(self.life)

    def _check_content(self, event: Delivered, copy: Copy) -> None:
        for name in event.content.__slots__:
            was, is_now = getattr(copy.sent.content, name), getattr(event.content, name)
            if was != is_now:
                self._broken(Rule.ALTERED, f"{_named(event)}: {name} was {was!r}, came as {is_now!r}")

    def _check_mark(self, event: Delivered, copy: Copy) -> None:
        if copy.last_delivery == self.life and not copy.requeued:
            self._broken(Rule.TWICE, _named(event))
        if copy.last_delivery and not event.is_redelivered:
            self._broken(Rule.UNMARKED, f"{_named(event)}, delivered in life {copy.last_delivery} before")
        if event.is_redelivered and not copy.last_delivery:
            self._excused[event.queue] -= 1
            if copy.born == self.life or self._excused[event.queue] < 0:
                self._broken(Rule.MARKED, f"{_named(event)}, sent in life {copy.born}")

    def _check_order(self, event: Delivered, copy: Copy) -> None:
        number = copy.sent.number
        line = (event.queue, copy.sent.level, copy.sent.publisher)
        first, last = self._line_now.get((event.connection, line), (0, 0))
        if event.queue not in self._requeues and number < last:
            self._broken(Rule.ORDER, f"{_named(event)} after number {last} of level {copy.sent.level}")
        elif not event.is_redelivered and number < max(first, self._first_before.get(line, 0)):
            before = max(first, self._first_before.get(line, 0))
            self._broken(Rule.ORDER, f"{_named(event)} for the first time after number {before}")
        if not event.is_redelivered:
            first = number
            self._first_now[line] = max(number, self._first_now.get(line, 0))
        self._line_now[event.connection, line] = (first, number)
        seen = self._auto_seen[event.queue, copy.sent.publisher]
        seen[self.life] = max(number, seen.get(self.life, 0))

    # the end

    def is_promised(self, sent: Sent) -> bool:
        """True if the broker took responsibility for the message."""
        return sent.id in self.confirmed or _transaction(sent) in self.commits_answered

    def _find_lost(self) -> None:
        for (queue, message_id), copy in self.copies.items():
            if copy.settled or self.life in copy.lives_seen or not self.is_promised(copy.sent):
                continue
            if not self._is_on_its_way(queue, copy):
                last = f"last seen in life {copy.last_delivery}" if copy.last_delivery else "never seen"
                self._broken(Rule.LOST, f"{message_id} in {queue}, sent in life {copy.born}, {last}")

    def _is_on_its_way(self, queue: str, copy: Copy) -> bool:
        """Whether the message may have been on its way to an auto-ack reader when the broker was killed."""
        life = min((life for life in self._auto_lives[queue] if life >= copy.born), default=None)
        if copy.last_delivery or life is None or self._auto_excused[queue] < 1:
            return False
        seen = self._auto_seen[queue, copy.sent.publisher]
        if any(number > copy.sent.number for at, number in seen.items() if at <= life):
            return False
        self._auto_excused[queue] -= 1
        return True


def _named(event: Delivered) -> str:
    return f"{event.id} from {event.queue}"


def _transaction(sent: Sent) -> tuple[str, int | None]:
    return (sent.publisher, sent.transaction)


@dataclass(frozen=True)
class Verdict:
    """What a history broke, and how much it holds of everything."""

    violations: list[Violation]
    counts: Counter[str]

    def of(self, *rules: Rule) -> list[Violation]:
        """The violations of these rules."""
        return [violation for violation in self.violations if violation.rule in rules]

    def report(self) -> str:
        """Every broken rule with its number of violations and a few of them."""
        lines = [", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))]
        for rule in Rule:
            found = self.of(rule)
            if found:
                lines.append(f"{rule.value} ({len(found)})")
                lines += [f"    {violation.text}" for violation in found[:EXAMPLES_MAX]]
        return "\n".join(lines)


def check(history: Iterable[Event]) -> Verdict:
    """Judges a whole history, whose last life drained every queue."""
    checker = Checker()
    for event in history:
        checker.take(event)
    return Verdict(checker.finish(), checker.counts)
