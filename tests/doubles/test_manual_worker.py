"""The worker of tests keeps order, hands on exceptions, and dies with the power."""

from __future__ import annotations

import pytest

from tests.support.faulty_files import PowerCut
from tests.support.manual_worker import ManualWorker


def test_work_is_done_in_order_when_the_test_says_so() -> None:
    worker, done = ManualWorker(), []
    worker.submit(lambda: 1, done.append)
    worker.submit(lambda: 2, done.append)
    assert done == []
    assert len(worker) == 2
    assert worker.run_one()
    assert done == [1]
    worker.close()
    assert done == [1, 2]
    assert not worker.run_one()


def test_work_that_makes_work_is_done_too() -> None:
    worker, done = ManualWorker(), []
    worker.submit(lambda: 1, lambda _: worker.submit(lambda: 2, done.append))
    worker.run_all()
    assert done == [2]


def test_an_exception_is_the_outcome() -> None:
    worker, done = ManualWorker(), []

    def fail() -> None:
        raise OSError("x")

    worker.submit(fail, done.append)
    worker.run_all()
    assert isinstance(done[0], OSError)


@pytest.mark.parametrize("error", [PowerCut, AssertionError, TypeError])
def test_a_power_cut_or_a_mistake_ends_everything_and_tells_nobody(error: type[BaseException]) -> None:
    worker, done = ManualWorker(), []

    def fail() -> None:
        raise error

    worker.submit(fail, done.append)
    worker.submit(lambda: 1, done.append)
    with pytest.raises(error):
        worker.run_all()
    assert not worker.run_one()
    assert done == []
