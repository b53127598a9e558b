"""What would keep an At from starting, and what is doubtful about it, heard before it is applied.

An API server takes such an At, and a pass would refuse it; or do what hardly anybody can mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from cnat.core import schedule
from cnat.core.at import At
from cnat.core.fields import Malformed
from cnat.core.schedule import ScheduleError, rfc3339
from cnat.core.span import span
from cnat.manifests.documents import Document
from cnat.manifests.pod_rules import hidden_variables, pod_violations
from cnat.manifests.problem import Problem

# By how much clocks are changed, nearly everywhere.
_CLOCK_CHANGE = timedelta(hours=1)


def check(
    document: Document, now: datetime, default_starting_deadline: timedelta | None = None
) -> list[Problem]:
    """The problems of an At that the schema takes; none of one whose run has begun or ended.

    Args:
        document: an At with name, namespace, uid, and the status that it has, if any.
        now: aware; an instant before it is past.
        default_starting_deadline: for an At that sets none; None for no limit.
    """
    at = At(document.manifest)
    if _has_begun(at):
        return []
    refused = pod_violations(at.spec)
    doubtful = hidden_variables(at.spec)
    return [
        *_of_schedule(document, at, now, default_starting_deadline),
        *(document.problem(each.field, each.reason) for each in refused),
        *(document.problem(each.field, each.reason, "warning") for each in doubtful),
    ]


def _has_begun(at: At) -> bool:
    """Whether the run that the schedule asks for is under way, or over."""
    try:
        run = at.status.run
        if run and run.phase == "Running":
            return True
        return at.status.ended_run(at.instant) is not None
    except ScheduleError:
        return False
    except Malformed:
        return True  # A status that nobody can read; the plan says so.


def _of_schedule(
    document: Document, at: At, now: datetime, default: timedelta | None
) -> Iterator[Problem]:
    try:
        instant = at.instant
    except ScheduleError as error:
        yield document.problem("spec.schedule", str(error))
        return
    if not (at.suspended or at.deleting):
        yield from _late(document, at, now - instant, default)
    yield from _near_clock_change(document, at)


def _late(
    document: Document, at: At, late: timedelta, default: timedelta | None
) -> Iterator[Problem]:
    own = at.starting_deadline_seconds
    deadline = default if own is None else timedelta(seconds=own)
    if deadline is not None and late > deadline:
        whose = "--default-starting-deadline" if own is None else "startingDeadlineSeconds"
        reason = (
            f"can never run: its {whose}, {deadline.total_seconds():.0f} s, were over "
            f"{span(late - deadline)} ago; give it a schedule to come"
        )
        yield document.problem("spec.schedule", reason, "warning")
    elif late > timedelta():
        reason = (
            f"is past: it starts as soon as it is applied, {span(late)} late; give it a schedule "
            "to come, or startingDeadlineSeconds if so late is never"
        )
        yield document.problem("spec.schedule", reason, "warning")


def _near_clock_change(document: Document, at: At) -> Iterator[Problem]:
    """An hour earlier or later it would be refused: a government may yet bring that about."""
    text, zone = str(at.spec["schedule"]), at.spec.get("timeZone")
    if not zone:
        return
    local = datetime.fromisoformat(text[:19])
    for shift in (-_CLOCK_CHANGE, _CLOCK_CHANGE):
        try:
            schedule.instant((local + shift).isoformat(), zone)
        except OverflowError:
            return
        except ScheduleError:
            reason = (
                f"is within an hour of a clock change in {zone}; other rules for that would move "
                f"or refuse it. {rfc3339(at.instant)}, without timeZone, is certain"
            )
            yield document.problem("spec.schedule", reason, "warning")
            return
