"""Rule 6 of a history: a transaction is wholly there or not at all. Must not: look at a transaction's content.

What became of one message in one queue, when the commit was sent but not answered before the kill:

- *kept*: delivered in a later life, or settled and synced: it was on disk;
- *missing*: not drained at the end, and no reader settled it: it was not;
- unknown: settled by a reader, and not seen again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.crash.kill.history import Checker, Copy

Members = list[tuple[str, "Copy"]]


def broken_transactions(checker: Checker) -> list[str]:
    """A line for every transaction that came out torn."""
    groups: defaultdict[tuple[str, int], Members] = defaultdict(list)
    for (queue, message_id), copy in checker.copies.items():
        if copy.sent.transaction is not None:
            groups[copy.sent.publisher, copy.sent.transaction].append((f"{message_id} in {queue}", copy))
    return [line for key, members in groups.items() if (line := _torn(checker, key, members))]


def _torn(checker: Checker, key: tuple[str, int], members: Members) -> str:
    kept = [name for name, copy in members if _is_kept(copy)]
    missing = [name for name, copy in members if not copy.settled and checker.life not in copy.lives_seen]
    if not missing or not (kept or key in checker.commits_answered):
        return ""
    answered = "its commit was answered" if key in checker.commits_answered else f"{', '.join(kept)} is there"
    return f"transaction {key[0]}/{key[1]}: {answered}, but not {', '.join(missing)}"


def _is_kept(copy: Copy) -> bool:
    return copy.synced or any(life > copy.born for life in copy.lives_seen)
