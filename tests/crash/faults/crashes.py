"""Every crash that a run could have: at each call of its disk, what the next start would make of it.

The run goes on undisturbed, for each crash is looked at on a copy. Must not: be told what is right; the promise is.
"""

from __future__ import annotations

from random import Random

from storage.status import FULL, OK
from tests.crash.faults.promise import Broken, Observed, Promise
from tests.crash.faults.run import Life
from tests.support.faulty_files import Call, FaultyFiles

ENDS = ("kill", "power", "close")


class Crash:
    """One folder after a crash, and what may be asked of the next start."""

    def __init__(self, promise: Promise, now_ms: int, seed: int, name: str) -> None:
        self.promise = promise
        self.now_ms = now_ms
        self.seed = seed
        self.name = name
        self._random = Random(seed)

    def check(self, files: FaultyFiles, is_power_cut: bool, boot: int = 1) -> None:
        """Starts on what is left, and once more after that life has ended somehow. Raises: Broken."""
        try:
            self._check(files, is_power_cut, boot)
        except (AssertionError, OSError) as error:
            raise Broken(f"{self.name}, seed {self.seed}: {error}") from error

    def _check(self, files: FaultyFiles, is_power_cut: bool, boot: int) -> None:
        life = Life(files, self.now_ms, boot + is_power_cut)
        observed = life.observe(self._random.choice((1, 500, 1 << 20)))
        self.promise.check(observed, is_power_cut)
        assert life.journal.state == OK or (files.room_bytes is not None and life.journal.state == FULL), life.states
        if self._random.random() < 0.5:
            life.advance(2000)
        end = self._random.choice(ENDS)
        left, is_second_cut = ended(life, end, self._random.randrange(100))
        again = Life(left, self.now_ms, boot + is_power_cut + is_second_cut)
        has_marks = end != "power" and (end == "close" or files.room_bytes is None)
        self._same(observed, again.observe(), end, has_marks)

    def _same(self, first: Observed, second: Observed, end: str, has_marks: bool) -> None:
        """What was there is there again; what is known of deliveries needs marks, or an orderly end."""
        assert second.next == first.next, f"after {end}: next {second.next}, was {first.next}"
        assert second.waiting.keys() == first.waiting.keys(), f"after {end}: {second.waiting.keys()}"
        for stream, there in first.waiting.items():
            found = second.waiting[stream]
            assert found.keys() == there.keys(), f"after {end}: {stream} has {list(found)}, had {list(there)}"
            for number, seen in there.items():
                allowed = {seen, seen._replace(deliveries=max(1, seen.deliveries))} if not has_marks else {seen}
                assert found[number] in allowed, f"after {end}: {stream}/{number} is {found[number]}, was {seen}"


def ended(life: Life, end: str, seed: int) -> tuple[FaultyFiles, bool]:
    """What a life leaves that ends that way, and whether the power was cut."""
    if end == "kill":
        return life.files.after_kill(), False
    if end == "power":
        return life.files.after_power_cut(seed), True
    life.journal.close()
    return life.files.after_kill(), False


class Crashes:
    """Looks at each call that the disk of a run gets: a kill there, and power cuts by several seeds."""

    def __init__(self, files: FaultyFiles, promise: Promise, seed: int, power_cuts: int, share: float = 1.0) -> None:
        """Args: power_cuts a call; share is the part of all calls that is looked at."""
        self.files = files
        self.promise = promise
        self.now_ms = 0
        self.looked_at = 0
        self.boot = 1
        self.is_after_power_cut = False
        self._power_cuts = power_cuts
        self._share = share
        self._random = Random(seed)
        files.on_call = self.look

    def look(self, call: Call) -> None:
        """Crashes here."""
        if self._random.random() >= self._share:
            return
        name = f"call {call.number}: {call.kind} {call.name}{' (torn)' if call.is_torn else ''}"
        self._crash(name + ", kill").check(self.files.after_kill(), self.is_after_power_cut, self.boot)
        for number in range(self._power_cuts):
            seed = number if number < 2 else self._random.randrange(2, 10_000)
            crash = self._crash(f"{name}, power {seed}")
            crash.check(self.files.after_power_cut(seed), True, self.boot)

    def _crash(self, name: str) -> Crash:
        self.looked_at += 1
        return Crash(self.promise, self.now_ms, self._random.randrange(10_000), name)
