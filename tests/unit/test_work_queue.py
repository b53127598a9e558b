"""What is handed out when, and to whom."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cnat.cluster.deadline import Deadline
from cnat.engine.work_queue import Order, WorkQueue

START = datetime(2023, 5, 21, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENCE = 60.0


class Clock(Deadline):
    """A deadline, and the time that goes with it, which moves only when it is told to.

    Attributes:
        coming: what happens, one after the other, each time that somebody has looked at the time
            and waited.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        super().__init__(seconds)
        self.time = START
        self.opened: list[float] = []
        self.coming: list[Callable[[], None]] = []

    def now(self) -> datetime:
        now = self.time
        if self.coming:
            self.coming.pop(0)()
        return now

    def reach(self, time: datetime) -> Callable[[], None]:
        """What makes it that late."""
        return lambda: setattr(self, "time", time)

    def extend(self, seconds: float) -> None:
        super().extend(seconds)
        self.opened.append(seconds)


def work_queue(clock: Clock, linger: float = 0.0) -> WorkQueue[str]:
    return WorkQueue(clock.now, clock, linger)


def taken(queue: WorkQueue[str]) -> list[str]:
    """All that a single worker gets."""
    works = []
    while (work := queue.take()) is not None:
        works.append(work)
        queue.done()
    return works


def test_it_counts_the_tasks_that_wait_and_come_before_others() -> None:
    queue = work_queue(Clock())
    assert queue.ready(3) == 0
    queue.put(Order(3), "later")
    assert (queue.ready(2), queue.ready(3)) == (0, 1)
    queue.put_at(START + SECOND, "not yet")
    assert queue.ready(2) == 0


def test_what_is_taken_waits_no_more() -> None:
    queue = work_queue(Clock())
    queue.put(Order(0), "first")
    queue.put(Order(1), "second")
    queue.take()
    assert (queue.ready(0), queue.ready(1)) == (0, 1)


def test_what_has_fallen_due_waits_for_a_thread() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=10.0)
    queue.put_at(START + SECOND, "due")
    queue.put_at(START + SECOND, "due, too")
    clock.time = START + SECOND
    queue.take()
    assert queue.ready(0) == 1


def test_nothing_to_do_is_the_end() -> None:
    assert work_queue(Clock()).take() is None


def test_rank_comes_before_all_then_who_was_not_refused_then_who_was_due_first() -> None:
    queue = work_queue(Clock())
    queue.put(Order(1), "record")
    queue.put(Order(0, refused=True, due=1.0), "start refused")
    queue.put(Order(0, due=3.0), "start late")
    queue.put(Order(0, due=2.0), "start early")
    assert taken(queue) == ["start early", "start late", "start refused", "record"]


def test_it_is_full_while_more_waits_than_there_is_memory_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnat.engine.work_queue._MOST_BYTES", 2000)
    clock = Clock()
    queue = work_queue(clock, linger=60.0)
    queue.put(Order(0), "x" * 1000)
    assert not queue.is_full
    queue.put_at(clock.now(), "x" * 1000)
    assert queue.is_full
    queue.take()
    assert not queue.is_full


def test_equals_come_in_their_order() -> None:
    queue = work_queue(Clock())
    works = [f"{number}" for number in range(20)]
    for work in works:
        queue.put(Order(0), work)
    assert taken(queue) == works


def test_work_brings_work() -> None:
    queue = work_queue(Clock())
    queue.put(Order(0), "first")
    assert queue.take() == "first"
    queue.put(Order(0), "second")
    queue.done()
    assert taken(queue) == ["second"]


def test_who_waits_while_another_works_gets_what_comes_of_it() -> None:
    queue = work_queue(Clock())
    queue.put(Order(0), "first")
    assert queue.take() == "first"
    got: list[str] = []
    worker = threading.Thread(target=lambda: got.extend(taken(queue)), daemon=True)
    worker.start()
    queue.put(Order(0), "second")
    queue.done()
    worker.join(PATIENCE)
    assert got == ["second"]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_all_is_done_once_and_everybody_goes_home(workers: int) -> None:
    queue = work_queue(Clock())
    works = [f"{number}" for number in range(200)]
    for work in works:
        queue.put(Order(0), work)
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda: got.extend(taken(queue)), daemon=True)
        for _ in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert sorted(got) == sorted(works)


# Waiting for an instant


def test_without_lingering_nothing_is_waited_for() -> None:
    queue = work_queue(Clock())
    queue.put_at(START + SECOND, "later")
    assert taken(queue) == []


def test_what_falls_due_while_the_pass_goes_on_is_done_in_it() -> None:
    clock = Clock()
    queue = work_queue(clock)
    queue.put_at(START + SECOND, "later")
    queue.put(Order(1), "record")
    clock.time += SECOND
    assert taken(queue) == ["later", "record"]


def test_the_window_opens_when_the_pass_is_over() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=10.0)
    queue.put_at(START + 25 * SECOND, "in the window")
    queue.put_at(START + 31 * SECOND, "after it")
    queue.put(Order(0), "long")
    assert queue.take() == "long"
    clock.time += 20 * SECOND
    queue.done()
    clock.coming = [clock.reach(START + 25 * SECOND)]
    assert taken(queue) == ["in the window"]
    assert clock.opened == [20.0]  # ten, and ten more for work that falls due at the end


def test_what_cannot_come_before_the_window_closes_is_not_even_kept() -> None:
    queue = work_queue(Clock(seconds=30.0), linger=10.0)
    queue.put_at(START + 41 * SECOND, "too late")
    assert len(queue) == 0
    queue.put_at(START + 39 * SECOND, "perhaps")
    assert len(queue) == 1


def test_what_is_added_while_lingering_must_fall_into_the_window() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=10.0)
    queue.put_at(START + SECOND, "first")
    clock.coming = [clock.reach(START + SECOND)]
    assert queue.take() == "first"
    queue.put_at(START + 11 * SECOND, "too late")
    queue.put_at(START + 9 * SECOND, "moved")
    assert len(queue) == 1
    clock.time += 9 * SECOND
    queue.done()
    assert taken(queue) == ["moved"]


def test_nothing_is_handed_out_before_its_instant() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=10.0)
    queue.put_at(START + SECOND, "later")
    moment_before = START + SECOND - timedelta(microseconds=1)
    looks = [moment_before, moment_before, START + SECOND]
    clock.coming = [clock.reach(time) for time in looks]
    assert queue.take() == "later"
    assert clock.coming == [], "it was handed out before the clock was there"


def test_right_before_an_instant_what_can_wait_is_done_by_few() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=10.0)
    queue.put_at(START + SECOND / 2, "start")
    for number in range(4):
        queue.put(Order(1), f"record {number}")
    assert [queue.take() for _ in range(3)] == ["record 0", "record 1", "record 2"]
    clock.coming = [clock.reach(START + SECOND / 2)]
    assert queue.take() == "start"
    assert queue.take() == "record 3"


def test_long_before_an_instant_everybody_does_what_can_wait() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=10.0)
    queue.put_at(START + 5 * SECOND, "start")
    for number in range(8):
        queue.put(Order(1), f"record {number}")
    assert all(queue.take() for _ in range(8))


def test_when_the_deadline_is_ended_nothing_is_waited_for_any_longer() -> None:
    clock = Clock()
    queue = work_queue(clock, linger=600.0)
    queue.put_at(START + 500 * SECOND, "later")
    clock.coming = [clock.expire]
    assert taken(queue) == []
