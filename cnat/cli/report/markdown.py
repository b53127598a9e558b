"""The report as GitHub and GitLab show it: on a merge request, in a job's summary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cnat.cli.logs import one_line
from cnat.cli.report import words
from cnat.cli.report.model import Report, Row

# Beyond so many rows a table is folded away, and beyond so many characters GitHub shows nothing: a
# comment may have 65,536, a job's summary 1 MiB.
_OPEN = 20
_ROOM = 60_000
_SIGNS = {"good": "✅", "bad": "❌", "late": "⚠️", "busy": "▶️", "calm": "🕒"}
# What Markdown, or HTML in it, would take for markup; and what makes a link or a mention of a word.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#!|~&$])")
_LINKS = re.compile(r"(?i)(?<=[a-z]):(?=//)|(?<=www)\.|@")


def render(report: Report) -> str:
    """A heading that says the outcome, then what is wrong, then a table of what happens."""
    lines = [f"### {_heading(report)}", "", _text(words.counted(report))]
    if report.read:
        lines += ["", _text(str(report.read))]
    if report.empty and report.rows:
        lines += ["", _text(words.EMPTY)]
    for title, problems in (("Invalid", report.errors), ("Doubtful", report.warnings)):
        if problems:
            lines += ["", f"#### {title}", ""]
            lines += _bounded([f"- {_code(each.place)} {_text(each.told)}" for each in problems])
    for title, rows in _sections(report):
        lines += ["", *_table(report, title, rows)]
    if coming := words.coming(report):
        lines += ["", _text(coming[:1].upper() + coming[1:])]
    return "\n".join(lines)


def _heading(report: Report) -> str:
    about = {"plan": "Plan", "pass": "Pass", "list": "Ats"}[report.about]
    return f"{'❌' if report.failed else '✅'} {about}"


def _sections(report: Report) -> Iterator[tuple[str, Sequence[Row]]]:
    """What is bad first: nobody scrolls a comment."""
    bad = [row for row in report.rows if row.bad]
    rest = [row for row in report.rows if not row.bad]
    if bad:
        yield "Needs you", bad
    if rest:
        yield "What happens" if report.about != "list" else "All as it should be", rest


def _table(report: Report, title: str, rows: Sequence[Row]) -> list[str]:
    columns = [each for each in words.columns(report) if any(each.cell(row) for row in rows)]
    head = "| | " + " | ".join([*(column.title.capitalize() for column in columns), "Why"]) + " |"
    lines = [head, "|" + " --- |" * (len(columns) + 2)]
    lines += _bounded(
        [
            f"| {_SIGNS[row.tone]} | "
            + " | ".join([*(_text(column.cell(row)) for column in columns), _text(row.why)])
            + " |"
            for row in rows
        ]
    )
    if len(rows) <= _OPEN:
        return [f"#### {title}", "", *lines]
    summary = f"<details><summary>{title}: {len(rows):,} Ats</summary>"
    return [summary, "", *lines, "", "</details>"]


def _bounded(lines: Sequence[str]) -> list[str]:
    shown: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > _ROOM // 3:
            return [*shown, "", f"… {len(lines) - len(shown):,} more"]
        shown.append(line)
    return shown


def _text(text: str) -> str:
    """A text that shows as it is, on one line, and links nowhere and to nobody."""
    escaped = _MARKUP.sub(r"\\\1", one_line(text))
    # An empty comment keeps apart what would be joined into an address or a mention.
    return _LINKS.sub(lambda found: f"{found[0]}<!-- -->", escaped)


def _code(text: object) -> str:
    line = one_line(str(text)).replace("`", "'")
    return f"`{line}`"
