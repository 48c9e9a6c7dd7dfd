"""Queues' names come from a copy of the definitions; the folder stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.definitions.keys import key_of
from broker.definitions.values import encode_counter, encode_queue
from broker.model.arguments import NO_ARGUMENTS
from broker.offline.names import read_names
from broker.queues.definition import QueueDefinition
from broker.queues.levels import stream_id
from storage.definitions_disk import FILE_NAME, DefinitionsError, Entry, SqliteDisk
from tests.support.logs import contents


def stored(folder: Path, **numbers: int) -> SqliteDisk:
    """Definitions of durable queues in the default vhost, with their numbers."""
    disk = SqliteDisk(folder)
    list(disk.load())
    changes: dict[str, Entry | None] = {"counter/queue": Entry(encode_counter(99), 1)}
    for name, number in numbers.items():
        definition = QueueDefinition(name, True, False, False, NO_ARGUMENTS, None, number)
        changes[key_of("queue", "/", name)] = Entry(encode_queue(definition), 2)
    disk.write(changes)
    return disk


def test_without_definitions_there_are_numbers(tmp_path: Path) -> None:
    names = read_names(tmp_path)
    assert names.describe(stream_id(5, 3)) == {
        "stream": 5 * 256 + 3, "queue_number": 5, "queue": None, "vhost": None, "level": 3,
    }  # fmt: skip
    assert names.label(stream_id(5, 3)) == "#5"
    assert names.find("/", "#5") == 5
    assert names.find("/", "orders") is None


@pytest.mark.parametrize("is_closed", [True, False])
def test_names_are_read_beside_a_broker_and_without_one(tmp_path: Path, is_closed: bool) -> None:
    disk = stored(tmp_path, orders=1, mails=2)
    if is_closed:
        disk.close()
    before = contents(tmp_path)
    names = read_names(tmp_path)
    assert contents(tmp_path) == before, "no file is made or changed"
    assert names.describe(stream_id(2, 0))["queue"] == "mails"
    assert names.label(stream_id(1, 9)) == "orders"
    assert names.find("/", "orders") == 1
    assert names.find("other", "orders") is None
    disk.close()


def test_damaged_definitions_are_named_where_they_are(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"nonsense" * 1000)
    with pytest.raises(DefinitionsError, match=str(tmp_path / FILE_NAME)):
        read_names(tmp_path)
