"""The report as one page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import Path

from cnat.cli.logs import one_line
from cnat.cli.report import timeline, words
from cnat.cli.report.model import Kind, Report, Row, Tone
from cnat.cli.report.when import clock
from cnat.core.record import PastAttempt, Run
from cnat.core.schedule import rfc3339

# Texts of a cluster are escaped; should one get through, it still can do nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_TITLES = {"plan": "What a pass would do", "pass": "What a pass did", "list": "Ats by time"}
_TONES: dict[Tone, str] = {
    "bad": "failed or refused",
    "late": "late",
    "busy": "starts or runs",
    "good": "succeeded",
    "calm": "waits",
}
# As many marks stand on top of each other in a column of the timeline; for more there is a number.
_MARKS = 8
# A longer section is closed until somebody opens it.
_OPEN = 100


def render(report: Report) -> str:
    """The timeline, then what needs somebody, then the rest; each At with its story."""
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(_TITLES[report.about])}: {_text(words.counted(report))}</title>",
            f"<style>\n{css}</style>",
            "</head>",
            "<body>",
            *_header(report),
            "<main>",
            *_timeline(report),
            *_problems(report),
            *_sections(report),
            "</main>",
            "</body>",
            "</html>",
        ]
    )


def _header(report: Report) -> Iterator[str]:
    yield f"<header><h1>{_TITLES[report.about]}</h1>"
    yield f'<p class="lead">{_text(words.counted(report))}</p>'
    for line in (str(report.read or ""), words.coming(report)):
        if line:
            yield f"<p>{_text(line)}</p>"
    if report.empty and report.rows:
        yield f"<p>{_text(words.EMPTY)}</p>"
    yield "</header>"


def _timeline(report: Report) -> Iterator[str]:
    if not any(row.due for row in report.rows):
        return
    columns = timeline.columns(report.rows, report.as_of)
    yield '<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>'
    yield '<ol class="timeline">'
    first = next(column for column in columns if not column.past)
    for column in columns:
        yield f"<li{' class=now' if column is first else ''}>{_column(column)}</li>"
    yield "</ol>"
    yield '<p class="legend" aria-hidden="true">'
    for tone, name in _TONES.items():
        yield f'<span><i class="mark {tone}"></i> {name}</span>'
    yield "</p></section>"


def _column(column: timeline.Column) -> str:
    """Marks, one an At; where there are too many, as many as there is room for, in proportion."""
    tones = Counter(row.tone for row in column.rows)
    number = len(column.rows)
    told = ", ".join(f"{tones[tone]} {name}" for tone, name in _TONES.items() if tones[tone])
    marks = "".join(
        f'<i class="mark {tone}"></i>'
        for tone in reversed(_TONES)
        for _ in range(_share(tones[tone], number))
    )
    names = ", ".join(row.name for row in column.rows[:_MARKS])
    return (
        f'<span class="hidden">{column.told}: {told or "none"}</span>'
        f'<span class="bar" aria-hidden="true" title="{_text(names)}">'
        f"<b>{number or ''}</b>{marks}</span>"
        f'<span class="label" aria-hidden="true">{_text(column.label)}</span>'
    )


def _share(count: int, number: int) -> int:
    return count if number <= _MARKS else -(-count * _MARKS // number)


def _problems(report: Report) -> Iterator[str]:
    problems = [*report.errors, *report.warnings]
    if not problems:
        return
    yield f"<section><h2>Manifests that need a look ({len(problems):,})</h2><ul>"
    for problem in problems:
        tone = "bad" if problem.severity == "error" else "late"
        word = "invalid" if problem.severity == "error" else "doubtful"
        yield (
            f'<li><span class="badge {tone}">{word}</span> '
            f"<code>{_text(str(problem.place))}</code> {_text(problem.told)}</li>"
        )
    yield "</ul></section>"


def _sections(report: Report) -> Iterator[str]:
    urgent = [row for row in report.rows if row.bad or row.tone == "late"]
    yield from _section(report, "Late or failed", urgent, opened=True)
    calm = [row for row in report.rows if not (row.bad or row.tone == "late")]
    for title, rows in groupby(calm, _title):
        yield from _section(report, title, list(rows))


def _title(row: Row) -> str:
    return {
        Kind.START: "Starts",
        Kind.RETRY: "Starts",
        Kind.RECORD: "Is recorded",
        Kind.CLEAN_UP: "Is cleaned up",
        Kind.HOLD: "Waits",
        Kind.RUNNING: "Running",
    }.get(row.kind, row.kind.capitalize())


def _section(
    report: Report, title: str, rows: Sequence[Row], *, opened: bool = False
) -> Iterator[str]:
    if not rows:
        return
    heading = f"{title} ({len(rows):,})"
    if len(rows) > _OPEN:
        state = " open" if opened else ""
        yield f'<section><details class="fold"{state}><summary><h2>{heading}</h2></summary>'
    else:
        yield f"<section><h2>{heading}</h2>"
    for row in rows:
        yield from _row(report, row)
    yield "</details></section>" if len(rows) > _OPEN else "</section>"


def _row(report: Report, row: Row) -> Iterator[str]:
    """An At in a line, which opens to its story."""
    word = _text(words.word(row))
    yield (
        f'<details class="at"><summary><span class="badge {row.tone}">{word}</span> '
        f'<span class="name">{_text(row.name)}</span> '
        f'<span class="when">{_text(words.when(report, row))}</span> '
        f'<span class="why">{_text(row.why)}</span></summary><dl>'
    )
    facts = [
        ("Due", _time(report, row.due)),
        *_run_facts(report, row.run),
        ("Pod", _text(report.pod_name(row))),
        ("Writes", "<br>".join(_text(words.write(report, each)) for each in row.writes)),
        ("Earlier Pods", "<br>".join(_attempt(report, each) for each in row.attempts)),
        ("Earlier runs", "<br>".join(_earlier(report, each) for each in row.history)),
        ("Manifest", f"<code>{_text(str(row.place))}</code>" if row.place else ""),
    ]
    for term, fact in facts:
        if fact:
            yield f"<dt>{term}</dt><dd>{fact}</dd>"
    yield "</dl></details>"


def _run_facts(report: Report, run: Run | None) -> list[tuple[str, str]]:
    if run is None:
        return []
    code = "" if run.exit_code is None else str(run.exit_code)
    return [
        ("Pod created", _time(report, run.start)),
        ("Late by", words.late(run)),
        ("Finished", _time(report, run.completion)),
        ("Took", words.took(run)),
        ("Phase", _text(run.phase)),
        ("Exit code", code),
    ]


def _earlier(report: Report, run: Run) -> str:
    told = words.told(run)
    return f"{_time(report, run.instant)}: {_text(run.phase)}{told and f' ({_text(told)})'}"


def _attempt(report: Report, attempt: PastAttempt) -> str:
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
    told = ", ".join(filter(None, [attempt.pod_name, attempt.reason, code]))
    return f"{_time(report, attempt.completion)} {_text(told)}".strip()


def _time(report: Report, instant: datetime | None) -> str:
    if instant is None:
        return ""
    here, utc = clock(report.local(instant)), rfc3339(instant)
    also = "" if here.endswith(" UTC") else f" ({utc})"
    return f'<time datetime="{utc}">{_text(here)}</time>{also}'


def _text(text: str) -> str:
    return escape(one_line(text))
