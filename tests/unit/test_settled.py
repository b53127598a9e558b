"""Which Ats a pass need not look at, by their rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cnat.core import plan, status
from cnat.core.at import At
from cnat.core.plan import Seen
from cnat.core.record import Status
from cnat.core.schedule import rfc3339
from cnat.core.settled import Row, is_settled
from tests.support.factories import INSTANT, SUCCEEDED, at, pod_of

AT = at()
SECOND = timedelta(seconds=1)
BEFORE = INSTANT - timedelta(hours=1)
AFTER = INSTANT + timedelta(hours=1)


def row(earned: Status, owner: At = AT) -> Row:
    return Row.of({**owner.raw, "status": earned.document()})


ARMED = row(status.armed(AT, INSTANT, BEFORE))
SUSPENDED = row(status.suspended(AT, INSTANT, BEFORE))
ENDED = row(status.of_pod(AT, INSTANT, pod_of(AT, status=SUCCEEDED), AFTER))
MISSED = row(status.missed(AT, INSTANT, AFTER, 60))


def settled(row: Row, until: datetime = BEFORE) -> bool:
    return is_settled(row, has_pod=False, until=until)


@pytest.mark.parametrize("row", [SUSPENDED, ENDED, MISSED])
def test_what_has_ended_or_is_suspended_needs_no_look(row: Row) -> None:
    assert settled(row, until=AFTER)


def test_what_is_armed_for_after_this_pass_needs_no_look() -> None:
    assert settled(ARMED, until=INSTANT - timedelta(microseconds=1))


def test_what_falls_due_in_this_pass_is_looked_at() -> None:
    assert not settled(ARMED, until=INSTANT)


@pytest.mark.parametrize("row", [ARMED, SUSPENDED, ENDED])
def test_what_has_a_pod_whose_outcome_may_not_be_recorded_is_looked_at(row: Row) -> None:
    assert not is_settled(row, has_pod=True, until=BEFORE)


@pytest.mark.parametrize("row", [ARMED, SUSPENDED, ENDED])
@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2},
        {"observed_generation": -1},
        {"observed_generation": None},
        {"generation": None, "observed_generation": None},
        {"phase": "Running"},
        {"phase": None},
        {"schedule": "2024-05-21T02:00:00Z"},
        {"schedule": "soon"},
        {"schedule": None},
        {"time_zone": "Asia/Shanghai"},
        {"due": "2023-05-21T01:59:59Z"},
        {"due": "soon"},
        {"due": None},
    ],
    ids=str,
)
def test_what_the_status_does_not_answer_is_looked_at(row: Row, change: dict[str, Any]) -> None:
    assert settled(row)
    assert not settled(row._replace(**change))


def test_what_cannot_start_is_looked_at() -> None:
    stalled = status.stalled(AT, INSTANT, BEFORE, "PreflightRejected", "exceeded quota")
    assert not settled(row(stalled))


def test_another_spelling_of_the_instant_is_the_same_instant() -> None:
    assert settled(ARMED._replace(due="2023-05-21T02:00:00.000Z"))


def test_an_at_in_a_zone_whose_rules_have_changed_since_it_was_armed_is_looked_at() -> None:
    owner = at(schedule="2023-05-21T02:00:00", timeZone="Asia/Shanghai")
    armed = row(status.armed(owner, owner.instant, BEFORE), owner)
    assert settled(armed, until=owner.instant - SECOND)
    by_older_rules = rfc3339(owner.instant + timedelta(hours=1))
    assert not settled(armed._replace(due=by_older_rules), until=owner.instant - SECOND)


def test_a_row_shows_what_its_at_has() -> None:
    assert (
        Row(
            namespace="default",
            name="cnrex",
            uid="uid-of-cnrex",
            generation=1,
            observed_generation=1,
            phase="Pending",
            reason=None,
            schedule="2023-05-21T02:00:00Z",
            time_zone=None,
            due="2023-05-21T02:00:00Z",
        )
        == ARMED
    )


def test_for_a_settled_at_the_planner_finds_nothing_to_do() -> None:
    """The same is tried over all states that the model reaches, see tests/exactly_once."""
    for each in (
        status.armed(AT, INSTANT, BEFORE),
        status.missed(AT, INSTANT, BEFORE, 60),
        status.of_pod(AT, INSTANT, pod_of(AT, status=SUCCEEDED), BEFORE),
    ):
        seen = Seen(At({**AT.raw, "status": each.document()}))
        assert plan.next_action(BEFORE, seen) is None
