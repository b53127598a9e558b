"""From the writes of a pass to what a person would say has happened to each At."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cnat.cli.report import planned
from cnat.cli.report.model import Kind, Row
from cnat.core.record import Run
from cnat.engine.results import Change, Failure
from cnat.manifests.problem import Place
from tests.support.factories import ENDED, INSTANT

NOW = ENDED


def wrote(action: str, target: str = "", run: Run | None = None, at: str = "cnrex") -> Change:
    return Change(action, "team", at, target, "", 0.1, INSTANT, run)


def status(phase: str, reason: str = "", message: str = "") -> Change:
    run = Run(INSTANT, phase, reason=reason, message=message)
    return wrote("set status", phase, run)


CREATED = wrote("create pod", "cnrex-1")
RELEASED, DELETED = wrote("release pod", "cnrex-1"), wrote("delete pod", "cnrex-1")
REFUSED = Failure("team", "cnrex", "start", "StartRejected", "no", on_record=True, instant=INSTANT)


def row(*events: Change | Failure, as_of: datetime = NOW) -> Row:
    changes = [each for each in events if isinstance(each, Change)]
    failures = [each for each in events if isinstance(each, Failure)]
    (found,) = planned.rows(changes, failures, as_of)
    return found


@pytest.mark.parametrize(
    ("events", "kind", "why"),
    [
        ([CREATED, status("Running")], Kind.START, "its instant has come"),
        (
            [status("Running", "Unschedulable", "no node")],
            Kind.RECORD,
            "Running: Unschedulable: no node",
        ),
        ([status("Succeeded", "Completed"), RELEASED], Kind.RECORD, "Succeeded"),
        ([status("Failed", "Error", "exit 3")], Kind.RECORD, "Failed: Error: exit 3"),
        ([RELEASED], Kind.CLEAN_UP, "its outcome is on record: its Pod is let go"),
        ([DELETED], Kind.CLEAN_UP, "the time to live of its Pod is over: the Pod is deleted"),
        ([DELETED, status("Missed", "DeadlineMissed", "late"), RELEASED], Kind.MISS, "late"),
        ([status("Pending")], Kind.HOLD, "waits for its instant"),
        ([status("Suspended")], Kind.HOLD, "starts nothing while spec.suspend is true"),
        ([status("Pending", "StartRejected", "no"), REFUSED], Kind.REFUSE, "StartRejected: no"),
        ([REFUSED], Kind.REFUSE, "StartRejected: no"),
        (
            [CREATED, Failure("team", "cnrex", "set status", "Forbidden", "ats")],
            Kind.FAIL,
            "cannot set status: Forbidden: ats",
        ),
    ],
)
def test_the_writes_for_an_at_are_one_thing_that_happens_to_it(
    events: list[Change | Failure], kind: Kind, why: str
) -> None:
    found = row(*events)
    assert (found.kind, found.why, found.due) == (kind, why, INSTANT)
    assert list(found.writes) == [each for each in events if isinstance(each, Change)]


def test_another_pod_for_the_same_run_is_a_retry() -> None:
    before = Run(INSTANT, "Running", reason="Retrying", message="evicted; goes on at 03:00")
    found = row(wrote("create pod", "cnrex-2", before), status("Running"))
    assert (found.kind, found.why) == (Kind.RETRY, "evicted; goes on at 03:00")


@pytest.mark.parametrize(
    ("late", "why"),
    [(5, "its instant has come"), (6, "overdue, so it starts at once")],
)
def test_a_start_that_comes_late_says_so(late: int, why: str) -> None:
    assert row(CREATED, as_of=INSTANT + timedelta(minutes=late)).why == why


def test_rows_stand_by_what_happens_then_by_time_then_by_name_and_failures_last() -> None:
    def start(at: str, hours: int) -> Change:
        due = INSTANT + timedelta(hours=hours)
        return Change("create pod", "team", at, f"{at}-1", "", 0.1, due)

    changes = [status("Pending"), start("b", 1), start("a", 1), start("c", 0)]
    failures = [Failure("team", "bad", "set status", "Forbidden", "no")]
    rows = planned.rows(changes, failures, NOW)
    assert [each.at for each in rows] == ["c", "a", "b", "cnrex", "bad"]
    assert planned.rows(changes[::-1], failures, NOW) == rows


def test_a_row_knows_where_its_manifest_stands() -> None:
    place = Place("a.yaml", 3)
    (found,) = planned.rows([CREATED], [], NOW, lambda *_: place)
    assert found.place == place
