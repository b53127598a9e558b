"""Whose time counts, and how well it is known."""

from __future__ import annotations

import logging
import math
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.cluster.server_clock import TOLERANCE_SECONDS, ServerClock

ZERO = 1_684_634_400.0  # 2023-05-21T02:00:00Z


def date(server: float) -> str:
    """The Date header that a server writes at that time."""
    return formatdate(math.floor(server), usegmt=True)


def test_without_an_answer_the_local_clock_counts() -> None:
    assert (ServerClock().offset, ServerClock().skew) == (0.0, 0.0)


@pytest.mark.parametrize("header", [None, "", "soon", "Sun, 99 May 2023 02:00:00 GMT"])
def test_an_answer_without_a_date_teaches_nothing(header: str | None) -> None:
    clock = ServerClock()
    clock.observe(header, ZERO, ZERO)
    assert (clock.offset, clock.skew) == (0.0, 0.0)


def test_clocks_that_may_agree_are_left_alone() -> None:
    clock = ServerClock()
    clock.observe(date(ZERO), ZERO + 0.9, ZERO + 0.95)
    assert (clock.offset, clock.skew) == (0.0, 0.0)


def test_a_local_clock_that_is_ahead_is_set_back_as_soon_as_that_is_proved() -> None:
    clock = ServerClock()
    clock.observe(date(ZERO), ZERO + 1.1, ZERO + 1.2)
    assert clock.offset == pytest.approx(-1.2)
    assert clock.skew == 0.0


def test_a_local_clock_that_is_far_ahead_is_worth_a_word() -> None:
    clock = ServerClock()
    clock.observe(date(ZERO), ZERO + 60.0, ZERO + 60.1)
    assert clock.offset == clock.skew == pytest.approx(-60.1)


def test_a_local_clock_that_is_a_little_behind_is_left_alone() -> None:
    clock = ServerClock()
    clock.observe(date(ZERO), ZERO - 2.0, ZERO - 1.9)
    assert (clock.offset, clock.skew) == (0.0, 0.0)


def test_a_local_clock_that_is_far_behind_is_not_used() -> None:
    clock = ServerClock()
    clock.observe(date(ZERO), ZERO - 60.1, ZERO - 60.0)
    assert clock.offset == clock.skew == pytest.approx(60.0)


def test_a_slow_answer_proves_little() -> None:
    clock = ServerClock()
    clock.observe(date(ZERO), ZERO - 30.0, ZERO + 30.0)
    assert (clock.offset, clock.skew) == (0.0, 0.0)


def test_more_answers_tell_the_time_better() -> None:
    clock = ServerClock()
    for sent in (100.0, 100.5, 100.9, 101.3):
        clock.observe(date(ZERO + sent - 60.0), ZERO + sent, ZERO + sent)
    assert -60.4 <= clock.offset <= -60.0


@pytest.mark.parametrize("ahead", [0, 1], ids=["is-heard-first", "is-heard-last"])
def test_of_several_servers_the_one_that_is_behind_counts(ahead: int) -> None:
    clock = ServerClock()
    answers = [(date(ZERO), ZERO + 60.0), (date(ZERO + 60.0), ZERO + 60.5)]
    for header, local in (answers[ahead], answers[1 - ahead]):
        clock.observe(header, local, local)
    assert clock.offset == pytest.approx(-60.0)


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["forward", "back"])
def test_whoever_sets_the_local_clock_during_a_pass_moves_nothing(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ServerClock()
    clock.observe(date(clock.local()), clock.local(), clock.local())
    before, true_time = clock.now(), time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + step)
    assert before <= clock.now() < before + timedelta(seconds=abs(step) / 2)


@given(
    offset=st.floats(-1e4, 1e4),
    requests=st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=20
    ),
)
def test_the_estimate_is_never_ahead_of_the_server_once_that_can_be_told(
    offset: float, requests: list[tuple[float, float, float]]
) -> None:
    """`requests`: seconds since the last one, from sending to answering, from there to here."""
    clock, local = ServerClock(), ZERO
    best = math.inf
    for pause, there, back in requests:
        sent = local + pause
        local = sent + there + back
        clock.observe(date(sent + there + offset), sent, local)
        best = min(best, there + back)
    rounding = 1e-5
    # Not ahead by more than what one Date header, cut to the second, leaves open.
    assert clock.offset <= max(offset, min(0.0, offset + 1.0 + best)) + rounding
    # Not behind by more than that, or than what is tolerated.
    assert clock.offset >= offset - 1.0 - best - TOLERANCE_SECONDS - rounding
    if abs(offset) > TOLERANCE_SECONDS + 1.0 + best + rounding:
        assert clock.skew == pytest.approx(offset, abs=1.0 + best + rounding)
    if abs(offset) < TOLERANCE_SECONDS - rounding:
        assert clock.skew == 0.0


def test_its_time_is_the_local_one_and_the_offset() -> None:
    clock = ServerClock()
    now = time.time()
    clock.observe(date(now - 3600), now, now)
    before = datetime.fromtimestamp(time.time() + clock.offset, UTC)
    found = clock.now()
    after = datetime.fromtimestamp(time.time() + clock.offset, UTC)
    assert before <= found <= after
    assert found.tzinfo is UTC


def test_a_clock_that_differs_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = ServerClock()
    with caplog.at_level(logging.WARNING, "cnat"):
        clock.observe(date(ZERO), ZERO + 60.0, ZERO + 60.0)
        clock.observe(date(ZERO + 2.0), ZERO + 62.0, ZERO + 62.0)
    (record,) = caplog.records
    assert record.getMessage() == (
        "the clock of this machine is 60 s ahead of the API server's, whose time counts; "
        "check the time synchronisation (NTP) of both"
    )


def test_a_clock_that_is_behind_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "cnat"):
        ServerClock().observe(date(ZERO), ZERO - 60.0, ZERO - 60.0)
    assert "is 60 s behind the API server's" in caplog.text


def test_clocks_within_the_tolerance_are_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "cnat"):
        ServerClock().observe(date(ZERO), ZERO + 1.5, ZERO + 1.5)
    assert caplog.text == ""
