"""The report as workflow commands of GitHub Actions: a note at the line that it is about.

docs.github.com, "Workflow commands for GitHub Actions": what isn't escaped may be a command.
"""

from __future__ import annotations

from collections.abc import Iterator

from cnat.cli.logs import one_line
from cnat.cli.report import words
from cnat.cli.report.model import Report, Row
from cnat.manifests.problem import Place


def render(report: Report) -> str:
    """An error or a warning a line, then what sums it up, as text that is no command."""
    return "\n".join([*_commands(report), *_summary(report)])


def _commands(report: Report) -> Iterator[str]:
    for problem in report.problems:
        command = "error" if problem.severity == "error" or report.strict else "warning"
        yield _command(command, problem.place, problem.name or "Invalid", problem.told)
    for row in report.rows:
        if row.bad or row.tone == "late":
            command = "error" if row.fails else "warning"
            yield _command(
                command, row.place, f"At {row.name}: {words.word(row)}", _about(report, row)
            )


def _about(report: Report, row: Row) -> str:
    return ": ".join(filter(None, [words.when(report, row), row.why]))


def _command(command: str, place: Place | None, title: str, message: str) -> str:
    properties = {"file": place.source, "line": place.line, "col": place.column} if place else {}
    told = {**properties, "title": one_line(title)}
    text = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in told.items() if value)
    return f"::{command} {text}::{_escaped(one_line(message))}"


def _summary(report: Report) -> Iterator[str]:
    for line in (str(report.read or ""), words.counted(report), words.coming(report)):
        if line:
            yield one_line(line)


def _escaped(text: str, more: str = "") -> str:
    """In messages `%` and line ends, in properties also `:` and `,`, stand as their code."""
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{more}" else char for char in text)
