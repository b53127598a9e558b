"""Plans and summaries, for people and for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import yaml

from cnat.cli.logs import one_line
from cnat.core.schedule import rfc3339
from cnat.engine.results import Change, Results

_HEADINGS = ("NAMESPACE", "AT", "ACTION", "TARGET", "DETAIL")
_COLOURS = {"create pod": "32", "delete pod": "31", "release pod": "36", "set status": "33"}
_PAST = {"create": "created", "delete": "deleted", "release": "released", "set": "set"}
_FAILURE_COLOUR = "31"
_MIN_DETAIL = 16


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did, or a dry run would do.

    Attributes:
        as_of: the time that the decisions were made for, UTC.
        dry_run: `client`, `server`, or None for a real pass.
    """

    results: Results
    as_of: datetime
    dry_run: str | None

    @property
    def failed(self) -> bool:
        """Whether anything is not as it should be, so that the exit code must say so."""
        return bool(self.results.failures or self.results.deferred)

    def render(self, output: str, width: int | None, colour: bool) -> str:
        """As text.

        Args:
            output: `text`, `json` or `yaml`.
            width: columns of the terminal; None for as wide as it gets.
            colour: whether the reader is a terminal that wants colours.
        """
        if output == "json":
            return json.dumps(self._document(), indent=2)
        if output == "yaml":
            return yaml.safe_dump(self._document(), sort_keys=False, allow_unicode=True).rstrip()
        return "\n".join([*self._table(width, colour), self._summary()])

    def _changes(self) -> list[Change]:
        """By object; for each object in the order in which they were made."""
        return sorted(self.results.changes, key=lambda change: (change.namespace, change.at))

    def _document(self) -> dict[str, object]:
        changes = [
            {key: value for key, value in asdict(change).items() if key != "seconds"}
            for change in self._changes()
        ]
        return {
            "asOf": rfc3339(self.as_of),
            "dryRun": self.dry_run,
            "ats": self.results.ats,
            "changes": changes,
            "failures": [asdict(failure) for failure in self.results.failures],
            "left": self.results.conflicts,
            "deferred": self.results.deferred,
        }

    def _table(self, width: int | None, colour: bool) -> list[str]:
        if not self.dry_run:
            return []  # The log has told already, line by line.
        changes = [
            (change.namespace, change.at, change.action, change.target, change.detail)
            for change in self._changes()
        ]
        failures = [
            (failure.namespace, failure.at, "FAILED", failure.reason, failure.message)
            for failure in self.results.failures
        ]
        rows = [*changes, *failures]
        return [*_columns([_HEADINGS, *rows], width, colour), ""] if rows else []

    def _summary(self) -> str:
        results = self.results
        verbs = Counter(change.action for change in results.changes)
        done = [self._count(verbs[action], action) for action in _COLOURS if verbs[action]]
        notes = [
            (len(results.failures), "failed"),
            (results.conflicts, "changed by somebody else meanwhile, left to the next pass"),
            (results.deferred, "deferred to the next pass, out of time"),
        ]
        parts = [*(done or ["nothing to do"]), *(f"{n} {text}" for n, text in notes if n)]
        as_of = rfc3339(self.as_of.replace(microsecond=0))
        head = f"{results.ats} At{'' if results.ats == 1 else 's'} as of {as_of}"
        tail = " (dry run: nothing was changed)" if self.dry_run else ""
        return f"{head}: {', '.join(parts)}{tail}"

    def _count(self, number: int, action: str) -> str:
        verb, noun = action.split()
        plural = {"pod": "pods", "status": "statuses"}[noun] if number != 1 else noun
        return f"{f'would {verb}' if self.dry_run else _PAST[verb]} {number} {plural}"


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
