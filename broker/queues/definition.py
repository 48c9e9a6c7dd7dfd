"""What a queue was declared as. Must not: hold behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from broker.model.arguments import Arguments


@dataclass(frozen=True, slots=True)
class Former:
    """A number that a queue had before its priorities were changed, and still has messages under.

    `is_sorted` says that all that waited has been moved; what is left was at consumers then.
    """

    number: int
    priority_max: int
    is_sorted: bool = False


@dataclass(frozen=True, slots=True)
class QueueDefinition:
    """What a queue was declared as. `owner` is the connection an exclusive queue belongs to.

    `number` is what the log calls a durable queue that is not exclusive; no two queues of a data folder ever share one.
    `former` are the numbers it had before, in the order in which what waits under them is moved to `number`.
    """

    name: str
    durable: bool
    exclusive: bool
    auto_delete: bool
    arguments: Arguments
    owner: object = None
    number: int = 0  # 0: the log does not know it
    former: tuple[Former, ...] = ()

    @property
    def is_journalled(self) -> bool:
        """Whether persistent messages in it go into the log."""
        return self.durable and not self.exclusive
