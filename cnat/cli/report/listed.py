"""From the Ats, as they are read, to how each stands: what is scheduled and what ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from cnat.cli.report.model import Kind, Row
from cnat.cli.report.when import span
from cnat.cli.report.words import told
from cnat.core.at import At
from cnat.core.record import Run
from cnat.manifests.problem import Place


def rows(
    ats: Iterable[At],
    now: datetime,
    *,
    within: timedelta | None = None,
    default_starting_deadline: timedelta | None = None,
    place: Callable[[str, str], Place | None] = lambda _namespace, _at: None,
) -> list[Row]:
    """One row for each At, in the order in which they are shown.

    Args:
        now: the time by the clock that counts, aware.
        within: leave out what was due longer ago, or will be due later, than that. What runs, is
            overdue or cannot start is never left out.
        default_starting_deadline: for Ats that set none; None for no limit.
        place: where the manifest of an At stands, by its namespace and name.
    """
    found = (_row(at, now, default_starting_deadline, place(at.namespace, at.name)) for at in ats)
    return sorted((row for row in found if _is_near(row, now, within)), key=lambda row: row.order)


def _is_near(row: Row, now: datetime, within: timedelta | None) -> bool:
    if within is None or row.due is None or row.kind in {Kind.RUNNING, Kind.OVERDUE, Kind.REFUSE}:
        return True
    return abs(row.due - now) <= within


def _row(at: At, now: datetime, default: timedelta | None, place: Place | None) -> Row:
    kind, run, why = _standing(at, now, default)
    row = Row(kind, at.namespace, at.name, run.instant if run else None, why, run, place=place)
    if run is None:
        return row
    record = at.status
    return replace(
        row,
        attempts=record.attempts if record.run and record.run.instant == run.instant else (),
        history=tuple(each for each in record.ended_runs if each.instant != run.instant),
    )


def _standing(at: At, now: datetime, default: timedelta | None) -> tuple[Kind, Run | None, str]:
    """How an At stands, the run that this is about, and why."""
    try:
        status = at.status
        if status.run and status.run.phase == "Running":
            return Kind.RUNNING, status.run, told(status.run)
        instant = at.instant
    except ValueError as error:
        return Kind.REFUSE, None, str(error)
    if ended := status.ended_run(instant):
        return Kind.PAST, ended, told(ended)
    if at.deleting:
        return Kind.SUSPENDED, Run(instant, "Pending"), "is being deleted: starts nothing more"
    if at.suspended:
        why = "starts nothing while spec.suspend is true"
        return Kind.SUSPENDED, Run(instant, "Suspended"), why
    if status.run and status.cannot_start and status.observed_generation == at.generation:
        return Kind.REFUSE, status.run, told(status.run)
    pending = Run(instant, "Pending")
    if now < instant:
        accepted = status.observed_generation == at.generation
        return Kind.UPCOMING, pending, "" if accepted else "not checked yet by a pass"
    own = at.starting_deadline_seconds
    deadline = default if own is None else timedelta(seconds=own)
    if deadline is not None and now - instant > deadline:
        which = "--default-starting-deadline" if own is None else "startingDeadlineSeconds"
        return Kind.OVERDUE, pending, f"can start no more: {which} ({span(deadline)}) is over"
    return Kind.OVERDUE, pending, "starts at the next pass"
