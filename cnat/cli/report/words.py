"""What a report says in words, whatever it is shown on: columns, counts, and what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.cli.report.model import Kind, Report, Row
from cnat.cli.report.when import clock, distance, span
from cnat.core.record import Run
from cnat.core.schedule import rfc3339
from cnat.engine.results import Change

EMPTY = (
    "Planned as on a cluster where none of these Ats has been yet; to plan on what is there, "
    "add --against cluster."
)

_COUNTED: dict[Kind, tuple[str, str]] = {
    Kind.START: ("start", "starts"),
    Kind.RETRY: ("retry", "retries"),
    Kind.RECORD: ("record", "records"),
    Kind.CLEAN_UP: ("clean-up", "clean-ups"),
    Kind.HOLD: ("held", "held"),
    Kind.MISS: ("missed", "missed"),
    Kind.FAIL: ("failed", "failed"),
    Kind.REFUSE: ("cannot start", "cannot start"),
    Kind.OVERDUE: ("overdue", "overdue"),
    Kind.RUNNING: ("running", "running"),
    Kind.UPCOMING: ("upcoming", "upcoming"),
    Kind.SUSPENDED: ("suspended", "suspended"),
    Kind.PAST: ("past", "past"),
}
_SECTIONS = {
    Kind.REFUSE: "Running and overdue",
    Kind.OVERDUE: "Running and overdue",
    Kind.RUNNING: "Running and overdue",
    Kind.UPCOMING: "Upcoming",
    Kind.SUSPENDED: "Suspended",
    Kind.PAST: "Past",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, but the last, which says why.

    Attributes:
        label: what a cell needs before it where it stands without its title.
        spare: whether the others say it too, so that it may be left out for want of room.
    """

    title: str
    cell: Callable[[Row], str]
    label: str = ""
    spare: bool = False


def columns(report: Report) -> list[Column]:
    """Those of a plan or of a list. One that is empty throughout needs no showing."""
    due = Column("DUE", lambda row: clock(report.local(row.due)) if row.due else "")
    away = Column("WHEN", lambda row: when(report, row))
    at = Column("AT", lambda row: row.name)
    if report.about != "list":
        return [Column("ACTION", lambda row: row.kind), at, due, away]
    return [
        at,
        due,
        Column("UTC", lambda row: _utc(report, row.due), spare=True),
        away,
        Column("PHASE", lambda row: row.phase),
        Column("LATE", lambda row: late(row.run), "late by "),
        Column("TOOK", lambda row: took(row.run), "took "),
    ]


def section(report: Report, row: Row) -> str:
    """The heading of a list under which it belongs; a plan has none."""
    return _SECTIONS.get(row.kind, "") if report.about == "list" else ""


def word(row: Row) -> str:
    """What happens to it, or how it stands, in a word or two."""
    if row.kind == Kind.PAST:
        return row.phase
    return "cannot start" if row.kind == Kind.REFUSE else row.kind


def when(report: Report, row: Row) -> str:
    """How far away its instant is; an At that should have started by now is late."""
    if row.due is None:
        return ""
    is_late = row.kind in {Kind.START, Kind.OVERDUE, Kind.REFUSE, Kind.FAIL}
    return distance(row.due, report.as_of, "late" if is_late else "ago")


def late(run: Run | None) -> str:
    """From its instant until its Pod was created."""
    if run is None or run.start is None or run.instant is None:
        return ""
    return span(max(run.start - run.instant, timedelta()))


def took(run: Run | None) -> str:
    """From the creation of its Pod until the last of its containers finished."""
    if run is None or run.start is None or run.completion is None:
        return ""
    return span(run.completion - run.start)


def told(run: Run) -> str:
    """Reason and message of a run, as far as they say more than its phase."""
    reason = "" if run.reason in {run.phase, "Completed", "DeadlineMissed"} else run.reason
    return ": ".join(filter(None, [reason, run.message]))


def write(report: Report, change: Change) -> str:
    """One write of a plan, for those who want to know."""
    return f"{change.action} {report.target(change)}".rstrip()


def counted(report: Report) -> str:
    """How many Ats, as of when, and what comes to them."""
    notes = [_note(kind, report.by_kind[kind]) for kind in Kind if report.by_kind[kind]]
    failed = sum(row.bad for row in report.rows if row.kind == Kind.PAST)
    if failed:
        notes[-1] += f" ({failed:,} of them failed or missed)"
    rest = [
        (len(report.errors), "invalid"),
        (len(report.warnings), "doubtful"),
        (report.conflicts, "changed by somebody else meanwhile, left to the next pass"),
        (report.deferred, "deferred to the next pass, out of time"),
    ]
    notes += [f"{number:,} {text}" for number, text in rest if number]
    as_of = rfc3339(report.as_of.replace(microsecond=0))
    head = f"{report.ats:,} {'At' if report.ats == 1 else 'Ats'} as of {as_of}"
    tail = " (dry run: nothing was changed)" if report.about == "plan" else ""
    nothing = "nothing to list" if report.about == "list" else "nothing to do"
    return f"{head}: {', '.join(notes) or nothing}{tail}"


def coming(report: Report) -> str:
    """How many Ats wait, and which are the next; "" if none does."""
    if not report.next:
        return ""
    told = [
        f"{each.namespace}/{each.at} {distance(each.instant, report.as_of)} "
        f"({clock(report.local(each.instant))})"
        for each in report.next
    ]
    more = ", …" if report.waiting > len(told) else ""
    wait = "1 waits for its" if report.waiting == 1 else f"{report.waiting:,} wait for their"
    return f"{wait} instant; next: {', '.join(told)}{more}"


def _note(kind: Kind, number: int) -> str:
    return f"{number:,} {_COUNTED[kind][number != 1]}"


def _utc(report: Report, due: datetime | None) -> str:
    if due is None or not report.local(due).utcoffset():
        return ""
    return rfc3339(due.replace(microsecond=0))
