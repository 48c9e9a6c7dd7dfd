"""The clock of a broker under test: it runs with the system's, stands still, or is moved. Must not: run what is due."""

from __future__ import annotations

from broker.clock import Clock


class MovableClock(Clock):
    """Milliseconds since 1970, ahead of the system's by as much as a test wants; never goes back but by `reset`."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_ms = 0
        self._frozen_ms: int | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen_ms is not None

    def real_ms(self) -> int:
        """What it would show if nobody had moved it; heartbeats go by this."""
        return super().now_ms()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.real_ms() + self._ahead_ms if self._frozen_ms is None else self._frozen_ms

    def freeze(self) -> None:
        """Stands still from now on."""
        self._frozen_ms = self.now_ms()

    def resume(self) -> None:
        """Goes on from where it stands."""
        if self._frozen_ms is not None:
            self._ahead_ms = self._frozen_ms - self.real_ms()
            self._frozen_ms = None

    def move_to(self, now_ms: int) -> None:
        """Shows this time now. Raises: ValueError where that is in its past."""
        if now_ms < self.now_ms():
            raise ValueError("the broker's clock only goes forward")
        if self._frozen_ms is None:
            self._ahead_ms = now_ms - self.real_ms()
        else:
            self._frozen_ms = now_ms

    def reset(self) -> None:
        """Shows the system's time again."""
        self._ahead_ms = 0
        self._frozen_ms = None
