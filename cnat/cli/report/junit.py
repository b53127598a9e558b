"""The report as JUnit XML, which CI systems show as tests: one for each At and each problem."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from cnat.cli.logs import one_line
from cnat.cli.report import words
from cnat.cli.report.model import Report, Row
from cnat.core.schedule import rfc3339
from cnat.manifests.problem import Problem


def render(report: Report) -> str:
    """One test suite. What is bad fails; what is doubtful does with `strict`, else it is told."""
    cases = [_problem(report, each) for each in report.problems]
    cases += [_row(report, each) for each in report.rows]
    failures = sum(case.find("failure") is not None for case in cases)
    suite = ET.Element(
        "testsuite",
        {
            "name": "cnat",
            "tests": str(len(cases)),
            "failures": str(failures),
            "errors": "0",
            "skipped": "0",
            "time": "0",
            "timestamp": rfc3339(report.as_of.replace(microsecond=0)).removesuffix("Z"),
        },
    )
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _clean(words.counted(report))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def _problem(report: Report, problem: Problem) -> ET.Element:
    name = problem.name or "readable"
    case = _case(problem.source, f"{name}, {problem.field}".removesuffix(", "))
    if problem.severity == "error" or report.strict:
        _fail(case, "Invalid", problem.reason, str(problem))
    else:
        ET.SubElement(case, "system-out").text = _clean(str(problem))
    return case


def _row(report: Report, row: Row) -> ET.Element:
    case = _case(row.place.source if row.place else row.namespace, f"At {row.name}")
    if row.fails:
        where = f"{row.place}: " if row.place else ""
        _fail(case, row.kind, row.why, f"{where}At {row.name}: {row.why}")
    told = ", ".join(filter(None, [words.when(report, row), row.why]))
    ET.SubElement(case, "system-out").text = _clean(f"{row.kind}: {told}")
    return case


def _case(group: str, name: str) -> ET.Element:
    told = {"classname": _clean(group), "name": _clean(name), "time": "0"}
    return ET.Element("testcase", told)


def _fail(case: ET.Element, kind: str, message: str, text: str) -> None:
    told = {"type": _clean(kind), "message": _clean(message)}
    ET.SubElement(case, "failure", told).text = _clean(text)


def _clean(text: str) -> str:
    """XML 1.0 has no way to write most control characters, escaped or not."""
    return one_line(text)
