"""The report for people: a table of what a dry run found, and a line that sums up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cnat.cli.logs import one_line
from cnat.cli.report.model import Report
from cnat.core.schedule import rfc3339

_HEADINGS = ("NAMESPACE", "AT", "ACTION", "TARGET", "DETAIL")
_COLOURS = {"create pod": "32", "delete pod": "31", "release pod": "36", "set status": "33"}
_COUNTED = {
    "create pod": "start",
    "set status": "status change",
    "release pod": "release",
    "delete pod": "deletion",
}
_FAILURE_COLOUR = "31"
_MIN_DETAIL = 16


def as_text(report: Report, width: int | None, colour: bool) -> str:
    """The table and the summary.

    Args:
        width: columns of the terminal; None for as wide as it gets.
        colour: whether the reader is a terminal that wants colours.
    """
    return "\n".join([*_table(report, width, colour), _summary(report)])


def _table(report: Report, width: int | None, colour: bool) -> list[str]:
    if not report.dry_run:
        return []  # The log has told already, line by line.
    changes = [
        (change.namespace, change.at, change.action, change.target, change.detail)
        for change in report.changes
    ]
    failures = [
        (failure.namespace, failure.at, "FAILED", failure.reason, failure.message)
        for failure in report.results.failures
        if failure.action != "read"  # A document that can't be read has been told by then.
    ]
    rows = [*changes, *failures]
    return [*_columns([_HEADINGS, *rows], width, colour), ""] if rows else []


def _summary(report: Report) -> str:
    results = report.results
    actions = Counter(change.action for change in results.changes)
    invalid = sum(failure.action == "read" for failure in results.failures)
    refused = len(report.refused)
    notes = [
        *((actions[action], _plural(noun, actions[action])) for action, noun in _COUNTED.items()),
        (refused, "cannot start"),
        (invalid, "invalid"),
        (len(results.failures) - refused - invalid, "failed"),
        (results.conflicts, "changed by somebody else meanwhile, left to the next pass"),
        (results.deferred, "deferred to the next pass, out of time"),
    ]
    told = [f"{number} {text}" for number, text in notes if number] or ["nothing to do"]
    as_of = rfc3339(report.as_of.replace(microsecond=0))
    head = f"{results.ats} {_plural('At', results.ats)} as of {as_of}"
    tail = " (dry run: nothing was changed)" if report.dry_run else ""
    return f"{head}: {', '.join(told)}{tail}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"


def _columns(rows: Sequence[Sequence[str]], width: int | None, colour: bool) -> list[str]:
    """Aligned columns; on a terminal the last one is cut to what is left of the width."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    lasts = len(rows[0]) - 1
    widths = [max(len(row[column]) for row in rows) for column in range(lasts)]
    left = max(_MIN_DETAIL, width - sum(widths) - 2 * lasts) if width else None
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(size) for cell, size in zip(row[:lasts], widths, strict=True)]
        if colour and number:
            code = _COLOURS.get(row[2], _FAILURE_COLOUR)
            cells[2] = f"\033[{code}m{cells[2]}\033[0m"
        last = row[lasts]
        if left and len(last) > left:
            last = last[: left - 1] + "…"
        lines.append("  ".join([*cells, last]).rstrip())
    return lines
