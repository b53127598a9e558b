"""The report where reviewers look: in merge requests, annotations and test results."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from cnat.cli.report import github, junit, markdown
from cnat.cli.report.model import Kind, Report
from tests.support import reports
from tests.support.factories import INSTANT

# Markdown


def test_markdown_begins_with_the_outcome_and_what_needs_somebody() -> None:
    assert markdown.render(reports.plan()).splitlines() == [
        "### ❌ Plan",
        "",
        (
            "3 Ats as of 2023-05-21T02:00:00Z: 1 start, 1 held, 1 cannot start, 1 invalid, "
            "1 doubtful (dry run: nothing was changed)"
        ),
        "",
        "2 files: 3 Ats, 1 invalid",
        "",
        "#### Invalid",
        "",
        "- `a/typo.yaml:3:5` At typo, spec.imgae: unknown field",
        "",
        "#### Doubtful",
        "",
        "- `a/typo.yaml:3:5` At typo, spec.imgae: is past",
        "",
        "#### Needs you",
        "",
        "| | Action | At | Due | When | Why |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| ❌ | refuse | a/bad | 2023-05-21 05:00 CEST | in 1h | {reports.WHY} |",
        "",
        "#### What happens",
        "",
        "| | Action | At | Due | When | Why |",
        "| --- | --- | --- | --- | --- | --- |",
        "| ▶️ | start | team/cnrex | 2023-05-21 04:00 CEST | now | its instant has come |",
        "| 🕒 | hold | team/later | 2023-05-24 08:00 CEST | in 3d 4h | waits for its instant |",
        "",
        "1 waits for its instant; next: team/later in 3d 4h (2023-05-24 08:00 CEST)",
    ]


def test_what_fails_nothing_is_green() -> None:
    assert markdown.render(Report("list", INSTANT, 0)).startswith("### ✅ Ats\n")


def test_no_text_becomes_markdown() -> None:
    shown = markdown.render(reports.hostile())
    for line in shown.splitlines():
        if line.startswith("|"):  # A row has its cells and no more.
            assert len(re.findall(r"(?<!\\)\|", line)) == 7
    prose = re.sub(r"`[^`]*`", "", shown)
    assert not re.search(r"(?<!\\)(<(?!!-- -->)|\]\()", prose)
    assert "http://" not in prose


def test_a_long_table_is_folded_and_fits_a_comment() -> None:
    rows = [replace(reports.HOLD, at=f"at-{number}") for number in range(5_000)]
    shown = markdown.render(replace(reports.plan(), rows=rows))
    assert "<details><summary>What happens: 5,000 Ats</summary>\n\n| |" in shown
    assert re.search(r"\n\n… [\d,]+ more\n\n</details>", shown)
    assert len(shown) < 65_536


# GitHub


def test_github_shows_each_problem_at_its_line() -> None:
    assert github.render(reports.plan()).splitlines() == [
        "::warning file=a/typo.yaml,line=3,col=5,title=At typo::At typo, spec.imgae: is past",
        "::error file=a/typo.yaml,line=3,col=5,title=At typo::At typo, spec.imgae: unknown field",
        (
            "::error file=a/bad.yaml,line=4,col=3,title=At a/bad%3A cannot start::"
            f"in 1h: {reports.WHY}"
        ),
        "2 files: 3 Ats, 1 invalid",
        (
            "3 Ats as of 2023-05-21T02:00:00Z: 1 start, 1 held, 1 cannot start, 1 invalid, "
            "1 doubtful (dry run: nothing was changed)"
        ),
        "1 waits for its instant; next: team/later in 3d 4h (2023-05-24 08:00 CEST)",
    ]


def test_what_is_doubtful_is_an_error_to_the_strict() -> None:
    assert "::warning" not in github.render(replace(reports.plan(), strict=True))


def test_a_run_that_is_too_late_warns() -> None:
    missed = replace(reports.HOLD, kind=Kind.MISS, why="too late")
    shown = github.render(Report("plan", INSTANT, 1, [missed]))
    assert shown.startswith("::warning title=At team/later%3A miss::in 3d 4h: too late\n")


def test_no_text_becomes_a_workflow_command() -> None:
    shown = github.render(reports.hostile())
    commands = [line for line in shown.splitlines() if line.startswith("::")]
    assert len(commands) == 2
    for command in commands:
        _, name, message = command.split("::", 2)
        assert re.fullmatch(r"error (\w+=[^:,\r\n]*)(,\w+=[^:,\r\n]*)*", name)
        assert "%0A" not in message
        assert "%250A" in message


# JUnit


def cases(report: Report) -> dict[str | None, ET.Element]:
    (suite,) = ET.fromstring(junit.render(report))
    return {case.get("name"): case for case in suite.iter("testcase")}


def test_junit_has_a_test_for_each_at_and_each_problem() -> None:
    (suite,) = ET.fromstring(junit.render(replace(reports.plan(), problems=[reports.INVALID])))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "2",
        "errors": "0",
    }
    told = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    assert told == [
        ("a/typo.yaml", "At typo, spec.imgae"),
        ("a/at.yaml", "At team/cnrex"),
        ("team", "At team/later"),
        ("a/bad.yaml", "At a/bad"),
    ]


def test_what_is_bad_fails_with_place_and_reason() -> None:
    failure = cases(reports.plan())["At a/bad"].find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("refuse", reports.WHY)
    assert failure.text == f"a/bad.yaml:4:3: At a/bad: {reports.WHY}"
    assert cases(reports.plan())["At team/cnrex"].find("failure") is None


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_doubtful_fails_the_strict_and_is_told_to_others(strict: bool) -> None:
    report = replace(reports.plan(), problems=[reports.DOUBTFUL], strict=strict)
    case = cases(report)["At typo, spec.imgae"]
    assert (case.find("failure") is not None) is strict
    assert (case.find("system-out") is not None) is not strict


def test_whatever_a_text_has_the_xml_can_be_read() -> None:
    assert len(cases(reports.hostile())) == 2
