"""What is scheduled and what ran, by what each At says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cnat.cli.report import listed, words
from cnat.cli.report.model import Kind, Row
from cnat.core.at import At
from cnat.core.record import Run
from cnat.core.schedule import rfc3339
from tests.support.factories import DUE, INSTANT, at

HOUR = timedelta(hours=1)


def row(one: At, hours: int = 0) -> Row:
    (found,) = listed.rows([one], INSTANT + hours * HOUR)
    return found


def status(phase: str, due: str = DUE, **more: Any) -> dict[str, Any]:
    return {"observedGeneration": 1, "phase": phase, "scheduledTime": due, **more}


FAILED = status("Failed", reason="Error", message="exit 3", exitCode=3)
REJECTED = status("Pending", reason="PreflightRejected", message="no quota")


@pytest.mark.parametrize(
    ("one", "hours", "kind", "why"),
    [
        (at(), -1, Kind.UPCOMING, "not checked yet by a pass"),
        (at(status=status("Pending")), -1, Kind.UPCOMING, ""),
        (at(status=status("Pending")), 0, Kind.OVERDUE, "starts at the next pass"),
        (
            at(startingDeadlineSeconds=60),
            1,
            Kind.OVERDUE,
            "can start no more: startingDeadlineSeconds (1m) is over",
        ),
        (at(status=status("Running")), 0, Kind.RUNNING, ""),
        (at(status=FAILED), 1, Kind.PAST, "Error: exit 3"),
        (at(status=status("Succeeded", reason="Completed")), 1, Kind.PAST, ""),
        (at(suspend=True), 0, Kind.SUSPENDED, "starts nothing while spec.suspend is true"),
        (at(status=REJECTED), -1, Kind.REFUSE, "PreflightRejected: no quota"),
        (
            at(metadata={"deletionTimestamp": DUE}),
            0,
            Kind.SUSPENDED,
            "is being deleted: starts nothing more",
        ),
    ],
)
def test_an_at_stands_as_its_spec_and_status_say(one: At, hours: int, kind: Kind, why: str) -> None:
    found = row(one, hours)
    assert (found.kind, found.why, found.due) == (kind, why, INSTANT)


def test_a_start_within_the_second_of_its_instant_is_not_early() -> None:
    """A Pod's creationTimestamp is cut to the second."""
    run = Run(INSTANT + timedelta(seconds=0.5), "Running", start=INSTANT)
    assert words.late(run) == "0s"


def test_a_deadline_that_is_not_its_own_counts_where_it_has_none() -> None:
    def why(one: At) -> str:
        (found,) = listed.rows([one], INSTANT + HOUR, default_starting_deadline=HOUR / 2)
        return found.why

    assert why(at()) == "can start no more: --default-starting-deadline (30m) is over"
    assert why(at(startingDeadlineSeconds=7200)) == "starts at the next pass"


def test_a_refusal_of_an_earlier_spec_says_nothing_about_this_one() -> None:
    edited = at(status=REJECTED, metadata={"generation": 2})
    assert row(edited, -1).kind == Kind.UPCOMING


def test_an_at_that_ran_and_has_another_instant_waits_for_that_and_keeps_its_history() -> None:
    later = at(schedule=rfc3339(INSTANT + HOUR), status=FAILED)
    found = row(later)
    assert (found.kind, found.due) == (Kind.UPCOMING, INSTANT + HOUR)
    assert [run.phase for run in found.history] == ["Failed"]


def test_a_run_that_goes_on_with_another_pod_has_its_earlier_ones() -> None:
    retrying = status("Running", attempts=[{"podName": "cnrex-1", "reason": "Evicted"}])
    assert [each.reason for each in row(at(status=retrying)).attempts] == ["Evicted"]


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (at(schedule="soon"), "'soon' is not an RFC 3339 time"),
        (at(status={"phase": "Odd"}), "status.phase: 'Odd' is none of"),
    ],
)
def test_an_at_that_names_no_instant_or_cannot_be_read_needs_somebody(one: At, why: str) -> None:
    found = row(one)
    assert (found.kind, found.due) == (Kind.REFUSE, None)
    assert found.why.startswith(why)


def test_what_needs_somebody_comes_first_then_what_is_to_come_then_what_was_the_latest_first() -> (
    None
):
    def due(name: str, hours: int, **more: Any) -> At:
        when = rfc3339(INSTANT + hours * HOUR)
        return at(name, schedule=when, status=status(more.pop("phase", "Pending"), when))

    ats = [
        due("old", -9, phase="Succeeded"),
        due("recent", -1, phase="Missed"),
        due("far", 9),
        due("soon", 1),
        due("busy", 0, phase="Running"),
        due("late", -2),
        at("bad", schedule="soon"),
    ]
    names = [found.at for found in listed.rows(ats, INSTANT)]
    assert names == ["bad", "late", "busy", "soon", "far", "recent", "old"]
    assert [found.at for found in listed.rows(ats[::-1], INSTANT)] == names
    near = [found.at for found in listed.rows(ats, INSTANT, within=HOUR)]
    assert near == ["bad", "late", "busy", "soon", "recent"]
