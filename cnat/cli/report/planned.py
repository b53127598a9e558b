"""From the writes of a pass, real or not, to what happens to each At."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from cnat.cli.report.model import Kind, Row
from cnat.cli.report.words import told
from cnat.core.action import CreatePod, DeletePod, UpdateStatus
from cnat.core.record import Run
from cnat.engine.actions import NAMES
from cnat.engine.results import Change, Failure
from cnat.manifests.problem import Place

_CREATE = NAMES[CreatePod]
_RECORD = NAMES[UpdateStatus]
_DELETE = NAMES[DeletePod]

# A pass a minute starts in time what is there in time; what is later than this came late.
_OVERDUE = timedelta(minutes=5)


def rows(
    changes: Sequence[Change],
    failures: Sequence[Failure],
    as_of: datetime,
    place: Callable[[str, str], Place | None] = lambda _namespace, _at: None,
) -> list[Row]:
    """One row for each At that something happens to, in the order in which they are shown.

    Args:
        changes: those of one At in the order in which they were made.
        as_of: the time that the decisions were made for, UTC.
        place: where the manifest of an At stands, by its namespace and name.
    """
    failed = {_key(failure): failure for failure in failures}
    found: dict[tuple[str, str], Row] = {
        name: _changed(list(its), as_of) for name, its in groupby(sorted(changes, key=_key), _key)
    }
    for name, failure in failed.items():
        found[name] = _failed(failure, found.get(name))
    placed = (replace(row, place=place(*name)) for name, row in found.items())
    return sorted(placed, key=lambda row: row.order)


def _key(event: Change | Failure) -> tuple[str, str]:
    return event.namespace, event.at


def _failed(failure: Failure, changed: Row | None) -> Row:
    """Why it could not be done. What was done before stands among the writes."""
    on_record = failure.on_record
    reason = f"{failure.reason}: {failure.message}"
    return Row(
        Kind.REFUSE if on_record else Kind.FAIL,
        failure.namespace,
        failure.at,
        failure.instant or (changed.due if changed else None),
        reason if on_record else f"cannot {failure.action}: {reason}",
        changed.run if changed else None,
        changed.writes if changed else (),
    )


def _changed(changes: Sequence[Change], as_of: datetime) -> Row:
    """The row of an At to which nothing happens but this."""
    first = changes[0]
    created = next((change for change in changes if change.action == _CREATE), None)
    recorded = [change for change in changes if change.action == _RECORD]
    run = recorded[-1].run if recorded else None
    due = next((change.instant for change in reversed(changes) if change.instant), None)
    if created:
        kind, why = _started(created, as_of)
        # How its Pod gets on from there nobody knows yet.
        run = Run(due, "Running", pod_name=created.target)
    else:
        kind, why = _kind(changes, run)
    return Row(kind, first.namespace, first.at, due, why, run, tuple(changes))


def _started(created: Change, as_of: datetime) -> tuple[Kind, str]:
    before, due = created.run, created.instant
    if before:
        return Kind.RETRY, before.message or "its last Pod ended without success"
    if due and as_of - due > _OVERDUE:
        return Kind.START, "overdue, so it starts at once"
    return Kind.START, "its instant has come"


def _kind(changes: Sequence[Change], run: Run | None) -> tuple[Kind, str]:
    if run is None:
        return Kind.CLEAN_UP, _cleaned_up(changes)
    why = told(run)
    match run.phase:
        case "Missed":
            return Kind.MISS, why
        case "Pending" if run.reason:
            return Kind.REFUSE, why
        case "Pending":
            return Kind.HOLD, "waits for its instant"
        case "Suspended":
            return Kind.HOLD, "starts nothing while spec.suspend is true"
    return Kind.RECORD, f"{run.phase}: {why}" if why else run.phase


def _cleaned_up(changes: Iterable[Change]) -> str:
    if any(change.action == _DELETE for change in changes):
        return "the time to live of its Pod is over: the Pod is deleted"
    return "its outcome is on record: its Pod is let go"
