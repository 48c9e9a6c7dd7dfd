"""Chords, whose results need a backend that can be counted: files here."""

from __future__ import annotations

import pytest
from celery import chain, chord, group

SECONDS = 30


@pytest.fixture(scope="module")
def worker(new_setup):
    setup = new_setup(backend="files")
    with setup.worker():
        yield setup


def test_chord(worker):
    add, total = worker.app.tasks["add"], worker.app.tasks["total"]
    assert chord(add.s(number, number) for number in range(10))(total.s()).get(timeout=SECONDS) == 90


def test_group_then_task_is_a_chord(worker):
    add, total = worker.app.tasks["add"], worker.app.tasks["total"]
    canvas = chain(group(add.s(1, 1), add.s(2, 2)), total.s(), add.s(10))
    assert canvas.apply_async().get(timeout=SECONDS) == 16
