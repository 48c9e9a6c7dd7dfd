"""Takes a definitions file in: reads it, checks all of it, and only then makes what it says; each in small steps.

What is there and not in the file stays. A user, permission, policy or parameter of the file replaces one of the same
name; a queue or exchange that is there is left as it is. Must not: know HTTP, or what an object means.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

from broker.definitions.applying import Applier, Imported
from broker.definitions.checking import KINDS, Action, Checker
from broker.definitions.document import read_document
from broker.definitions.objects import Fields, Skipped, WrongObjectError, joined
from protocol.constants import RESOURCE_ERROR
from protocol.errors import AmqpError

log = logging.getLogger("leveret.definitions")
OBJECTS_PER_STEP: Final = 10  # checked or made in one go
REASONS_MAX: Final = 20  # told in one error
WARNINGS_MAX: Final = 100


class ImportRefusedError(ValueError):
    """The file has something that cannot be, and nothing of it has been imported; the text says what, a line each."""


class ImportIncompleteError(ValueError):
    """Something could not be made though the check found nothing; the rest has been. The text says what."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How many objects there were of each kind, and what somebody should know, a text each."""

    counts: dict[str, int]
    warnings: tuple[str, ...]


Steps = Generator[None, None, ImportResult]


def import_definitions(node: Imported, data: bytes, vhost: str | None = None) -> Steps:
    """Imports a file; between two steps the broker may go on.

    Args: data as UTF-8; vhost takes everything that can be in a vhost into that one, whatever vhost the file names.
    Raises: UnknownVhostError; DocumentError where it is no JSON object; ImportRefusedError, ImportIncompleteError.
    """
    if vhost is not None:
        node.administration.vhost(vhost)
    document = yield from read_document(data)
    work = _Import(node, vhost)
    yield from work.check(document)
    yield from work.apply()
    result = work.result()
    made = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result.counts.items() if count)
    log.info("definitions imported: %s", made or "nothing")
    for warning in result.warnings:
        log.warning("definitions imported: %s", warning)
    return result


class _Import:
    """One import under way."""

    def __init__(self, node: Imported, vhost: str | None) -> None:
        self._checker = Checker(Applier(node))
        self._vhost = vhost
        self._actions: list[tuple[str, Action]] = []
        self._counts: dict[str, int] = {}
        self._warnings: list[str] = []

    def result(self) -> ImportResult:
        """What came of it."""
        return ImportResult(self._counts, tuple(joined(self._warnings, WARNINGS_MAX).splitlines()))

    def check(self, document: dict[str, Any]) -> Generator[None, None, None]:
        """Raises: ImportRefusedError with all reasons."""
        wrong: list[str] = []
        for name, check, is_in_vhost in KINDS:
            objects = document.get(name)
            if objects is None or (self._vhost is not None and not is_in_vhost):
                continue
            if not isinstance(objects, list):
                wrong.append(f"'{name}' is no list")
                continue
            self._counts[name] = 0
            for number, members in enumerate(objects):
                try:
                    self._actions.append((name, self._checked(check, members, f"{name}[{number}]")))
                except WrongObjectError as error:
                    wrong.append(str(error))
                except Skipped as skipped:
                    self._warnings += [text for text in (str(skipped),) if text]
                if number % OBJECTS_PER_STEP == 0:
                    yield
        try:
            self._checker.check_queue_limits()
        except WrongObjectError as error:
            wrong.append(str(error))
        if wrong:
            raise ImportRefusedError(joined(wrong, REASONS_MAX))

    def _checked(self, check: Any, members: object, place: str) -> Action:
        fields = Fields(members, place, self._vhost)
        try:
            action: Action = check(self._checker, fields)
        except WrongObjectError:
            raise
        except AmqpError as error:
            raise fields.wrong(error.text) from None
        except ValueError as error:
            raise fields.wrong(str(error).removeprefix("Validation failed\n\n").strip().replace("\n", "; ")) from None
        return action

    def apply(self) -> Generator[None, None, None]:
        """Raises: ImportIncompleteError with all reasons."""
        failed: list[str] = []
        for number, (kind, action) in enumerate(self._actions):
            while True:
                try:
                    warning = action()
                except AmqpError as error:
                    if error.code == RESOURCE_ERROR:  # the disk has to take the queues before these first
                        yield
                        continue
                    failed.append(f"{kind}: {error.text}")
                except (LookupError, ValueError) as error:
                    failed.append(f"{kind}: {error}")
                else:
                    self._counts[kind] += 1
                    self._warnings += [text for text in (warning,) if text]
                break
            if number % OBJECTS_PER_STEP == 0:
                yield
        if failed:
            raise ImportIncompleteError(f"{len(failed)} objects were not imported:\n{joined(failed, REASONS_MAX)}")
