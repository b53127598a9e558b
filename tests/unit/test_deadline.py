"""How long a pass may go on."""

from __future__ import annotations

import threading
import time

import pytest

from cnat.cluster.deadline import Deadline

LONG = 10_000.0

# Who sleeps on when he shouldn't is not waited for.
pytestmark = pytest.mark.timeout(60)


def test_it_counts_down() -> None:
    deadline = Deadline(LONG)
    first, second = deadline.remaining, deadline.remaining
    assert LONG >= first >= second > 0.0
    assert not deadline.passed


def test_no_time_is_over_at_once() -> None:
    deadline = Deadline(0.0)
    assert deadline.remaining == 0.0
    assert deadline.passed


def test_it_can_be_ended_early() -> None:
    deadline = Deadline(LONG)
    deadline.expire()
    assert deadline.remaining == 0.0
    assert deadline.passed


def test_it_can_be_extended() -> None:
    deadline = Deadline(0.0)
    deadline.extend(LONG)
    assert not deadline.passed


def test_what_was_ended_early_stays_ended() -> None:
    deadline = Deadline(LONG)
    deadline.expire()
    deadline.extend(LONG)
    assert deadline.passed


def test_nobody_sleeps_beyond_it() -> None:
    Deadline(0.01).sleep(LONG)


def test_a_sleeper_is_woken_when_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    deadline, asleep, sleep = Deadline(LONG), threading.Event(), time.sleep

    def fall_asleep(seconds: float) -> None:
        asleep.set()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", fall_asleep)
    sleeper = threading.Thread(target=deadline.sleep, args=[LONG], daemon=True)
    sleeper.start()
    asleep.wait()
    deadline.expire()
    sleeper.join()
    assert deadline.passed


def test_a_part_passes_before_the_whole_and_with_it_once_that_is_extended() -> None:
    whole = Deadline(0.0)
    part = whole.part(0.75)
    assert part.passed
    whole = Deadline(LONG)
    part = whole.part(0.75)
    assert 0.7 * LONG < part.remaining <= 0.75 * LONG
    whole.extend(LONG / 10)
    assert 0.09 * LONG < part.remaining <= 0.1 * LONG
    whole.expire()
    assert part.passed
