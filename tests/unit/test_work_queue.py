"""What is handed out when, and to whom."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from cnat.cluster.deadline import Deadline
from cnat.engine.work_queue import Order, WorkQueue

START = datetime(2023, 5, 21, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENCE = 60.0


class Clock(Deadline):
    """A deadline, and the time that goes with it, which moves only when it is told to."""

    def __init__(self, seconds: float = 30.0) -> None:
        super().__init__(seconds)
        self.time = START
        self.opened: list[float] = []

    def now(self) -> datetime:
        return self.time

    def extend(self, seconds: float) -> None:
        super().extend(seconds)
        self.opened.append(seconds)


def agenda(clock: Clock, linger: float = 0.0) -> WorkQueue[str]:
    return WorkQueue(clock.now, clock, linger)


def taken(agenda: WorkQueue[str]) -> list[str]:
    """All that a single worker gets."""
    works = []
    while (work := agenda.take()) is not None:
        works.append(work)
        agenda.done()
    return works


def test_nothing_to_do_is_the_end() -> None:
    assert agenda(Clock()).take() is None


def test_rank_comes_before_all_then_who_was_not_refused_then_who_was_due_first() -> None:
    todo = agenda(Clock())
    todo.put(Order(1), "record")
    todo.put(Order(0, refused=True, due=1.0), "start refused")
    todo.put(Order(0, due=3.0), "start late")
    todo.put(Order(0, due=2.0), "start early")
    assert taken(todo) == ["start early", "start late", "start refused", "record"]


def test_equals_come_in_their_order() -> None:
    todo = agenda(Clock())
    works = [f"{number}" for number in range(20)]
    for work in works:
        todo.put(Order(0), work)
    assert taken(todo) == works


def test_work_brings_work() -> None:
    todo = agenda(Clock())
    todo.put(Order(0), "first")
    assert todo.take() == "first"
    todo.put(Order(0), "second")
    todo.done()
    assert taken(todo) == ["second"]


def test_who_waits_while_another_works_gets_what_comes_of_it() -> None:
    todo = agenda(Clock())
    todo.put(Order(0), "first")
    assert todo.take() == "first"
    got: list[str] = []
    worker = threading.Thread(target=lambda: got.extend(taken(todo)), daemon=True)
    worker.start()
    todo.put(Order(0), "second")
    todo.done()
    worker.join(PATIENCE)
    assert got == ["second"]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_all_is_done_once_and_everybody_goes_home(workers: int) -> None:
    todo = agenda(Clock())
    works = [f"{number}" for number in range(200)]
    for work in works:
        todo.put(Order(0), work)
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda: got.extend(taken(todo)), daemon=True)
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
    todo = agenda(Clock())
    todo.put_at(START + SECOND, "later")
    assert taken(todo) == []


def test_what_falls_due_while_the_pass_goes_on_is_done_in_it() -> None:
    clock = Clock()
    todo = agenda(clock)
    todo.put_at(START + SECOND, "later")
    todo.put(Order(1), "record")
    clock.time += SECOND
    assert taken(todo) == ["later", "record"]


def test_the_window_opens_when_the_pass_is_over() -> None:
    clock = Clock()
    todo = agenda(clock, linger=10.0)
    todo.put_at(START + 25 * SECOND, "in the window")
    todo.put_at(START + 31 * SECOND, "after it")
    todo.put(Order(0), "long")
    assert todo.take() == "long"
    clock.time += 20 * SECOND
    todo.done()
    threading.Timer(0.1, lambda: setattr(clock, "time", START + 25 * SECOND)).start()
    assert taken(todo) == ["in the window"]
    assert clock.opened == [20.0]  # ten, and ten more for work that falls due at the end


def test_what_cannot_come_before_the_window_closes_is_not_even_kept() -> None:
    todo = agenda(Clock(seconds=30.0), linger=10.0)
    todo.put_at(START + 41 * SECOND, "too late")
    assert len(todo) == 0
    todo.put_at(START + 39 * SECOND, "perhaps")
    assert len(todo) == 1


def test_what_is_added_while_lingering_must_fall_into_the_window() -> None:
    clock = Clock()
    todo = agenda(clock, linger=10.0)
    todo.put_at(START + SECOND, "first")
    threading.Timer(0.1, lambda: setattr(clock, "time", START + SECOND)).start()
    assert todo.take() == "first"
    todo.put_at(START + 11 * SECOND, "too late")
    todo.put_at(START + 9 * SECOND, "moved")
    assert len(todo) == 1
    clock.time += 9 * SECOND
    todo.done()
    assert taken(todo) == ["moved"]


def test_nothing_is_handed_out_before_its_instant() -> None:
    clock = Clock()
    todo = agenda(clock, linger=10.0)
    todo.put_at(START + SECOND, "later")
    got: list[datetime] = []

    def work() -> None:
        assert todo.take() == "later"
        got.append(clock.time)
        todo.done()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    for _ in range(4):
        worker.join(0.05)
        assert not got
        clock.time += SECOND / 4
    worker.join(PATIENCE)
    assert got == [START + SECOND]


def test_right_before_an_instant_what_can_wait_is_done_by_few() -> None:
    clock = Clock()
    todo = agenda(clock, linger=10.0)
    todo.put_at(START + SECOND / 2, "start")
    works = [f"record {number}" for number in range(20)]
    for each in works:
        todo.put(Order(1), each)
    got: list[str] = []
    together = threading.Semaphore(0)
    go_on = threading.Event()

    def work() -> None:
        while (each := todo.take()) is not None:
            got.append(each)
            together.release()
            go_on.wait(PATIENCE)
            todo.done()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert together.acquire(timeout=PATIENCE)
    assert not together.acquire(timeout=0.1)
    clock.time += SECOND / 2
    assert together.acquire(timeout=PATIENCE)
    assert got[3] == "start"
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(got) == sorted(["start", *works])


def test_long_before_an_instant_everybody_does_what_can_wait() -> None:
    clock = Clock()
    todo = agenda(clock, linger=10.0)
    todo.put_at(START + 5 * SECOND, "start")
    for number in range(8):
        todo.put(Order(1), f"record {number}")
    assert all(todo.take() for _ in range(8))


def test_when_the_deadline_is_ended_nothing_is_waited_for_any_longer() -> None:
    clock = Clock()
    todo = agenda(clock, linger=600.0)
    todo.put_at(START + 500 * SECOND, "later")
    threading.Timer(0.1, clock.expire).start()
    assert taken(todo) == []
