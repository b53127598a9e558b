"""The report for people at a terminal, and for `grep` behind a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from textwrap import wrap

from cnat.cli.logs import one_line
from cnat.cli.report import words
from cnat.cli.report.model import Kind, Report, Row, Tone
from cnat.cli.report.words import Column

_COLOURS: dict[Tone, str] = {"good": "32", "bad": "31", "late": "33", "busy": "36", "calm": ""}
_BOLD = "1"
# Where less than this is left for the prose in the last column, each row is a paragraph instead.
_MIN_PROSE = 28
_INDENT = "    "
# On a terminal no more than this is shown at once of what needs nobody.
_FOLDED = 20
_CALM = {Kind.HOLD, Kind.UPCOMING, Kind.SUSPENDED, Kind.PAST}


@dataclass(frozen=True, slots=True)
class Style:
    """What the reader sees it on.

    Attributes:
        width: columns of the terminal; None for a pipe, where a row is a line, however long.
        colour: whether it may have colours.
        verbose: whether each write is shown, and nothing folded.
    """

    width: int | None = None
    colour: bool = False
    verbose: bool = False


def render(report: Report, style: Style) -> str:
    """Rows, then what is wrong with manifests, then what sums it all up.

    A pass that was no dry run has told its rows in the log already, line by line.
    """
    return "\n".join(_Page(report, style).lines())


class _Page:
    def __init__(self, report: Report, style: Style) -> None:
        self._report = report
        self._style = style
        self._columns = words.columns(report)

    def lines(self) -> Iterator[str]:
        report = self._report
        if report.about != "pass" and report.rows:
            if report.empty:
                yield from self._prose(words.EMPTY, "")
                yield ""
            for title, section in groupby(report.rows, partial(words.section, report)):
                yield from self._section(title, list(section))
                yield ""
        for problem in [*report.warnings, *report.errors]:
            tone = _COLOURS["bad" if problem.severity == "error" else "late"]
            yield from self._prose(str(problem), tone)
        if report.problems:
            yield ""
        if report.read:
            yield from self._prose(str(report.read), "")
        yield from self._prose(words.counted(report), _BOLD)
        yield from self._prose(words.coming(report), "")

    def _section(self, title: str, rows: Sequence[Row]) -> Iterator[str]:
        if title:
            yield self._coloured(f"{title} ({len(rows):,})", _BOLD)
        shown = self._folded(rows)
        yield from self._table(shown)
        if len(shown) < len(rows):
            yield f"… {len(rows) - len(shown):,} more: -v shows all, and so does a pipe"

    def _folded(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows that fit a screen; of what needs somebody, all."""
        if self._style.width is None or self._style.verbose:
            return rows
        calm = [row for row in rows if row.kind in _CALM]
        left_out = set(map(id, calm[_FOLDED:]))
        return [row for row in rows if id(row) not in left_out]

    def _table(self, rows: Sequence[Row]) -> Iterator[str]:
        used = [column for column in self._columns if any(column.cell(row) for row in rows)]
        why = max(len(one_line(row.why)) for row in rows)
        for columns in (used, [column for column in used if not column.spare]):
            widths = [
                max(len(column.title), *(len(one_line(column.cell(row))) for row in rows))
                for column in columns
            ]
            left = sum(widths) + 2 * len(widths)
            if self._style.width is None or self._style.width - left >= min(why, _MIN_PROSE):
                yield from self._lines(rows, columns, widths, "WHY" if why else "")
                return
        for row in rows:
            yield from self._paragraph(row, used)

    def _lines(
        self, rows: Sequence[Row], columns: Sequence[Column], widths: Sequence[int], why: str
    ) -> Iterator[str]:
        titles = _aligned([column.title for column in columns], widths) + why
        yield self._coloured(titles.rstrip(), _BOLD)
        left = sum(widths) + 2 * len(widths)
        for row in rows:
            cells = _aligned([one_line(column.cell(row)) for column in columns], widths)
            first, *more = self._wrapped(row.why, left) or [""]
            yield self._coloured(cells if first else cells.rstrip(), _COLOURS[row.tone]) + first
            yield from (" " * left + line for line in more)
            yield from self._writes(row)

    def _paragraph(self, row: Row, columns: Sequence[Column]) -> Iterator[str]:
        cells = [
            column.label + one_line(column.cell(row)) for column in columns if column.cell(row)
        ]
        yield from self._prose("  ".join(cells[:2]), _COLOURS[row.tone])
        yield from self._prose(", ".join(cells[2:]), "", _INDENT)
        yield from self._prose(row.why, "", _INDENT)
        yield from self._writes(row)

    def _writes(self, row: Row) -> Iterator[str]:
        if self._style.verbose:
            for change in row.writes:
                yield from self._prose(words.write(self._report, change), "", _INDENT)

    def _wrapped(self, text: str, used: int) -> list[str]:
        """A text in lines that fit beside what is used; it is never cut."""
        text, width = one_line(text), self._style.width
        if width is None:
            return [text] if text else []
        # A path or an image is easier to read, and to copy, in one piece.
        return wrap(text, max(width - used, 1), break_on_hyphens=False)

    def _prose(self, text: str, colour: str, indent: str = "") -> Iterator[str]:
        lines = self._wrapped(text, len(indent) + len(_INDENT) * (not indent))
        for number, line in enumerate(lines):
            yield self._coloured((indent or _INDENT * (number > 0)) + line, colour)

    def _coloured(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._style.colour and code else text


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(cell.ljust(size + 2) for cell, size in zip(cells, widths, strict=True))
