"""Nothing that may happen breaks the promise: not sampled, but every order of it, up to a bound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cnat.core import plan
from cnat.core.schedule import rfc3339
from tests.exactly_once.every_order import START, Bounds, search


def assert_holds(
    bounds: Bounds,
    capsys: pytest.CaptureFixture[str],
    *,
    second_looks: bool = False,
    **spec: Any,
) -> None:
    found = search(bounds, second_looks=second_looks, **spec)
    with capsys.disabled():
        print(f"\n{found.states} states, of {found.worlds} worlds: {bounds}")
    assert found.story == (), "\n".join(found.story)


def test_three_passes_may_meet_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert_holds(Bounds(passes=3), capsys)


def test_a_name_that_becomes_free_too_soon_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "name_may_become_free", lambda *_: True)
    found = search(Bounds(passes=3))
    assert any("was made twice" in line for line in found.story)


def test_a_run_may_fall_due_while_two_passes_meet(capsys: pytest.CaptureFixture[str]) -> None:
    soon = rfc3339(START + timedelta(seconds=0.5))
    assert_holds(Bounds(passes=2, ticks=1), capsys, schedule=soon)


@pytest.mark.exhaustive
def test_the_schedule_may_be_edited_while_two_passes_meet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert_holds(Bounds(passes=2, edits=1), capsys)


@pytest.mark.exhaustive
def test_an_at_may_be_replaced_while_two_passes_meet(capsys: pytest.CaptureFixture[str]) -> None:
    assert_holds(Bounds(passes=2, ats_replaced=1), capsys)


def test_a_pod_may_be_deleted_while_three_passes_meet(capsys: pytest.CaptureFixture[str]) -> None:
    assert_holds(Bounds(passes=3, pods_deleted=1), capsys)


def test_the_schedule_may_be_edited_while_three_passes_are_killed_anywhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert_holds(Bounds(passes=3, at_once=1, edits=1), capsys)


def test_a_run_may_be_retried_while_three_passes_are_killed_anywhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bounds = Bounds(passes=3, at_once=1, ticks=1)
    assert_holds(bounds, capsys, retryPolicy="Failed", backoffLimit=1)


def test_a_run_that_never_started_may_be_retried_while_a_pod_is_deleted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bounds = Bounds(passes=3, at_once=1, ticks=1, pods_deleted=1)
    assert_holds(bounds, capsys, retryPolicy="NotStarted", backoffLimit=1)


@pytest.mark.exhaustive
def test_a_run_may_be_retried_while_its_schedule_is_edited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bounds = Bounds(passes=3, at_once=1, ticks=1, edits=1)
    assert_holds(bounds, capsys, retryPolicy="Failed", backoffLimit=1)


@pytest.mark.exhaustive
def test_a_run_may_be_retried_while_time_passes_twice(capsys: pytest.CaptureFixture[str]) -> None:
    bounds = Bounds(passes=3, at_once=1, ticks=2)
    assert_holds(bounds, capsys, retryPolicy="Failed", backoffLimit=1)


def test_what_was_read_long_ago_may_be_looked_at_again_all_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert_holds(Bounds(passes=2, ticks=1), capsys, second_looks=True)


@pytest.mark.exhaustive
def test_so_it_may_while_a_third_pass_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert_holds(Bounds(passes=3, ticks=2), capsys, second_looks=True)
