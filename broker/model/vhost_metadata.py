"""What is said of a vhost beside its name. Must not: hold what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DESCRIPTION_CHARACTERS_MAX: Final = 4096
TAGS_MAX: Final = 32
TAG_BYTES_MAX: Final = 255
QUEUE_TYPES: Final = ("", "classic", "quorum")


@dataclass(frozen=True, slots=True)
class VhostMetadata:
    """For people, but for the last two: the kind of queue where a declare names none, and whether it may be deleted."""

    description: str = ""
    tags: tuple[str, ...] = ()
    default_queue_type: str = ""  # empty: classic
    protected_from_deletion: bool = False

    def __post_init__(self) -> None:
        """Raises: ValueError for what cannot be."""
        if len(self.description) > DESCRIPTION_CHARACTERS_MAX:
            raise ValueError(f"a vhost's description has at most {DESCRIPTION_CHARACTERS_MAX} characters")
        if len(self.tags) > TAGS_MAX or not all(0 < len(tag.encode()) <= TAG_BYTES_MAX for tag in self.tags):
            raise ValueError(f"a vhost has at most {TAGS_MAX} tags of 1 to {TAG_BYTES_MAX} bytes")
        if self.default_queue_type not in QUEUE_TYPES:
            raise ValueError(f"Unsupported default queue type '{self.default_queue_type}'")


NO_METADATA: Final = VhostMetadata()
