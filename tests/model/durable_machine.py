"""The state machine on a disk: what the other one does, and the ends that a broker can come to.

Must not: know how the log is laid out.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model.home import KILL, POWER_CUT, STOP, DurableHome
from tests.model.machine import BrokerMachine
from tests.model.naive import Publishing
from tests.model.pool import DURABLE_QUEUES, LIVES, picks
from tests.model.trouble import failed_for_good, full_for_a_while

PACES: Final = (0, 0, 1, 2, 5, 1000)
ROUNDS_MIN: Final = 6
ROUNDS_MAX: Final = 60  # of the disk, in which it has done whatever it does by itself
REACHED: Final[Counter[str]] = Counter()  # what happened in all examples of this process together


class DurableMachine(BrokerMachine):
    """One example: a disk that is prompt, or slow as the machine says."""

    queues = DURABLE_QUEUES
    is_late = False

    def home(self) -> DurableHome:
        """Where the real broker lives."""
        return DurableHome(self.is_late, 1, REACHED)

    @initialize(pace=st.sampled_from(PACES))
    def set_pace(self, pace: int) -> None:
        self.driver.pace = pace

    @rule(pick=picks, count=st.integers(3, 25), expiration_ms=st.sampled_from(LIVES), persistent=st.integers(0, 9))
    def fill(self, pick: int, count: int, expiration_ms: int | None, persistent: int) -> None:
        """So many batches at once: more than the queue keeps in memory."""
        channel = self.channel(pick)
        name = self.existing(channel, pick, "plain") if pick % 5 else "auto"
        self.driver.before(channel.client)
        data = b""
        for at in range(count):
            is_persistent = persistent > 0 or at % 3 > 0
            publishing = Publishing("", name, b"", at % 2, expiration_ms, is_persistent, True)
            data += self.driver.publishes(channel, publishing, 1 + at % 3)
        self.driver.step(channel, data=data)

    @rule(pick=picks, count=st.integers(2, 12), no_ack=st.booleans())
    def get_some(self, pick: int, count: int, no_ack: bool) -> None:
        """One after another, until one has to wait for the disk."""
        for _ in range(count):
            self.get(pick, "plain", no_ack)
            if self.driver.gets:
                return

    @rule(pick=picks)
    def leave_some(self, pick: int) -> None:
        """Many messages, of which most are settled, and so much time that their room comes back."""
        if pick % 4:
            return
        self.fill(pick, 25, None, 1)
        self.driver.finish()
        for at in range(40):
            self.get(pick, "plain", at % 8 > 0)
            self.driver.finish()
        self.quiet_while()

    # ---- the disk

    @rule(pieces=st.integers(1, 4))
    def disk(self, pieces: int) -> None:
        """The disk does some of its work."""
        if self.is_late:
            self.driver.home.work(pieces)
            self.driver.settle_down()

    @rule(pace=st.sampled_from(PACES), pick=picks)
    def disk_at_its_pace(self, pace: int, pick: int) -> None:
        """The disk does everything, or gets quicker or slower."""
        if pick % 3 == 0:
            self.driver.finish()
        self.driver.pace = pace

    @rule()
    def quiet_while(self) -> None:
        """Long enough that whatever nobody waits for is on the disk."""
        for number in range(ROUNDS_MAX):
            self.driver.finish()
            self.advance(200)
            if number >= ROUNDS_MIN and self.driver.home.is_all_durable:
                return
        raise AssertionError("something was never synced")

    # ---- ends

    @rule(pick=picks, how=st.sampled_from((KILL, POWER_CUT, STOP)), seed=st.integers(0, 1000), is_polite=st.booleans())
    def end(self, pick: int, how: str, seed: int, is_polite: bool) -> None:
        """The broker ends, and another one starts in its place."""
        if pick % 2:
            return
        if how == STOP and is_polite:
            for client in range(3):
                self.close_connection(4, client, True)
        self.driver.restart(how, seed)

    @rule(pick=picks, room_bytes=st.integers(0, 3000))
    def full_disk(self, pick: int, room_bytes: int) -> None:
        """There is no room for the log for a while."""
        if pick % 4 == 0:
            self.driver.finish()
            full_for_a_while(self.driver.home, room_bytes)
            self.driver.settle_down()
            self.driver.finish()

    @rule(pick=picks, how=st.sampled_from((KILL, POWER_CUT)), seed=st.integers(0, 1000))
    def failed_sync(self, pick: int, how: str, seed: int) -> None:
        """The disk fails, and the broker is started again."""
        if pick % 8 == 0:
            self.driver.finish()
            failed_for_good(self.driver.home)
            self.driver.restart(how, seed)

    def teardown(self) -> None:
        """Everything that is left comes out in order."""
        if sys.exc_info()[0] is None:
            self.driver.drain()
        self.driver.home.count()


class LateMachine(DurableMachine):
    """On a slow disk."""

    is_late = True
