"""Plans, summaries and lists for people."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cnat.cli.report.model import Kind, Report, Row
from cnat.cli.report.text import Style, render
from cnat.core.record import Run
from cnat.engine.results import Change, Failure, Waiting
from cnat.manifests.problem import Counts, Problem
from tests.support.factories import INSTANT

NOW = INSTANT + timedelta(microseconds=250_000)
HOUR = timedelta(hours=1)
CREATE = Change("create pod", "team", "cnrex", "cnrex-1e0ce9ed", "", 0.1, INSTANT)
RECORD = Change("set status", "team", "cnrex", "Running", "", 0.1, INSTANT)

START = Row(Kind.START, "team", "cnrex", INSTANT, "its instant has come", writes=(CREATE, RECORD))
HOLD = Row(Kind.HOLD, "team", "later", INSTANT + 76 * HOUR, "waits for its instant")
LONG = "PreflightRejected: pods is forbidden: exceeded quota: compute, requested: pods=1, used: 10"
REFUSE = Row(Kind.REFUSE, "a", "bad", INSTANT + HOUR, LONG)
REFUSED = Failure("a", "bad", "start", "PreflightRejected", LONG, on_record=True)
INVALID = Problem("a/typo.yaml", "unknown field", 3, 5, "At typo", "spec.imgae")
DOUBTFUL = replace(INVALID, reason="is past", severity="warning")


def plan(*rows: Row, **more: Any) -> Report:
    return Report(
        "plan", NOW, len(rows), rows, dry_run="client", zone=ZoneInfo("Europe/Berlin"), **more
    )


def lines(report: Report, width: int | None = None, **style: bool) -> list[str]:
    return render(report, Style(width, **style)).splitlines()


# A plan


def test_a_plan_has_a_row_for_each_at_and_a_line_that_counts() -> None:
    assert lines(plan(START, HOLD, REFUSE, failures=[REFUSED])) == [
        "ACTION  AT          DUE                    WHEN      WHY",
        "start   team/cnrex  2023-05-21 04:00 CEST  now       its instant has come",
        "hold    team/later  2023-05-24 08:00 CEST  in 3d 4h  waits for its instant",
        f"refuse  a/bad       2023-05-21 05:00 CEST  in 1h     {LONG}",
        "",
        (
            "3 Ats as of 2023-05-21T02:00:00Z: 1 start, 1 held, 1 cannot start "
            "(dry run: nothing was changed)"
        ),
    ]


def test_on_a_terminal_the_reason_wraps_in_its_column_and_is_never_cut() -> None:
    table = lines(plan(REFUSE), width=90)[1:4]
    assert table == [
        "refuse  a/bad  2023-05-21 05:00 CEST  in 1h  PreflightRejected: pods is forbidden:",
        "                                             exceeded quota: compute, requested: pods=1,",
        "                                             used: 10",
    ]


@pytest.mark.parametrize("width", [40, 60])
def test_on_a_narrow_terminal_a_row_is_a_paragraph_and_all_of_it_is_there(width: int) -> None:
    printed = lines(plan(START, REFUSE, problems=[INVALID], read=Counts(1)), width)
    assert printed[0] == "start team/cnrex"
    assert max(map(len, printed)) <= width
    told = " ".join(" ".join(printed).split())
    for text in (LONG, "2023-05-21 05:00 CEST, in 1h", str(INVALID)):
        assert text in told


def test_what_is_too_long_for_any_line_is_broken_and_not_cut() -> None:
    path = "x" * 50
    printed = lines(plan(replace(REFUSE, why=path)), width=30)
    assert "".join(line.strip() for line in printed).count("x") == 50


def test_behind_a_pipe_a_row_is_a_line() -> None:
    assert len(lines(plan(replace(REFUSE, why="x " * 500)))) == 4


def test_writes_are_shown_to_those_who_ask() -> None:
    assert lines(plan(START), verbose=True)[1:4] == [
        "start   team/cnrex  2023-05-21 04:00 CEST  now   its instant has come",
        "    create pod cnrex-1e0ce9ed",
        "    set status Running",
    ]


def test_no_name_is_invented_for_a_pod() -> None:
    assert "    create pod" in lines(plan(START, names_pods=False), verbose=True)


def test_that_a_cluster_without_a_past_was_planned_for_is_said() -> None:
    assert lines(plan(START, empty=True))[0].startswith("Planned as on a cluster where none")
    assert "Planned as" not in "".join(lines(plan(START)))


def test_what_comes_next_is_told_below() -> None:
    waiting = [Waiting(INSTANT + hours * HOUR, "team", f"at-{hours}") for hours in (1, 2)]
    assert lines(plan(waiting=3, next=waiting))[-1] == (
        "3 wait for their instant; next: team/at-1 in 1h (2023-05-21 05:00 CEST), "
        "team/at-2 in 2h (2023-05-21 06:00 CEST), …"
    )
    assert lines(plan(waiting=1, next=waiting[:1]))[-1].startswith("1 waits for its instant; next:")


def test_what_is_wrong_with_manifests_is_told_where_and_counted() -> None:
    printed = lines(plan(START, problems=[DOUBTFUL, INVALID], read=Counts(2, 1, 1)))
    assert printed[2:] == [
        "",
        "a/typo.yaml:3:5: warning: At typo, spec.imgae: is past",
        "a/typo.yaml:3:5: At typo, spec.imgae: unknown field",
        "",
        "2 files: 1 At, 1 invalid",
        (
            "1 At as of 2023-05-21T02:00:00Z: 1 start, 1 invalid, 1 doubtful "
            "(dry run: nothing was changed)"
        ),
    ]


def test_a_screenful_of_what_only_waits_is_enough_on_a_terminal() -> None:
    rows = [*[replace(HOLD, at=f"at-{number}") for number in range(2000)], REFUSE]
    printed = lines(plan(*rows), width=200)
    assert sum("team/at-" in line for line in printed) == 20
    assert "… 1,980 more: -v shows all, and so does a pipe" in printed
    assert any(line.startswith("refuse") for line in printed)
    for everything in (lines(plan(*rows), 200, verbose=True), lines(plan(*rows))):
        assert sum("team/at-" in line for line in everything) == 2000


def test_colours_mark_the_rows_and_nothing_else() -> None:
    report = plan(START, HOLD, REFUSE)
    coloured = render(report, Style(colour=True))
    assert "\033[36mstart " in coloured
    assert "\033[31mrefuse" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == render(report, Style())


def test_no_text_from_a_cluster_or_a_file_commands_the_terminal() -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202e"
    hostile = plan(
        replace(REFUSE, why=evil, at=evil),
        problems=[replace(INVALID, reason=evil, source=evil)],
        next=[Waiting(INSTANT + HOUR, "team", evil)],
    )
    for width in (None, 40, 200):
        printed = render(hostile, Style(width, verbose=True))
        assert all(char.isprintable() or char == "\n" for char in printed)


# A pass


@pytest.mark.parametrize(
    ("report", "summary"),
    [
        (Report("pass", NOW, 0), "0 Ats as of 2023-05-21T02:00:00Z: nothing to do"),
        (Report("pass", NOW, 1), "1 At as of 2023-05-21T02:00:00Z: nothing to do"),
        (
            Report("pass", NOW, 1_000, [START, START, HOLD]),
            "1,000 Ats as of 2023-05-21T02:00:00Z: 2 starts, 1 held",
        ),
        (
            Report("pass", NOW, 9, [REFUSE], conflicts=2, deferred=3),
            (
                "9 Ats as of 2023-05-21T02:00:00Z: 1 cannot start, 2 changed by somebody "
                "else meanwhile, left to the next pass, 3 deferred to the next pass, out of time"
            ),
        ),
    ],
)
def test_a_pass_is_summed_up_in_one_line(report: Report, summary: str) -> None:
    assert lines(report) == [summary]


# A list

RAN = Run(INSTANT - HOUR, "Failed", INSTANT - HOUR + timedelta(seconds=2), INSTANT, "x", 3)
PAST = Row(Kind.PAST, "team", "past", RAN.instant, "Error: exit 3", RAN)
OVERDUE = Row(Kind.OVERDUE, "team", "late", INSTANT - HOUR, "starts at the next pass")
UPCOMING = Row(Kind.UPCOMING, "team", "next", INSTANT + HOUR, "")


def test_a_list_says_when_in_both_zones_how_late_and_how_long() -> None:
    report = Report("list", INSTANT, 3, [OVERDUE, UPCOMING, PAST], zone=ZoneInfo("Europe/Berlin"))
    assert lines(report) == [
        "Running and overdue (1)",
        "AT         DUE                    UTC                   WHEN     PHASE    WHY",
        (
            "team/late  2023-05-21 03:00 CEST  2023-05-21T01:00:00Z  1h late  Pending  "
            "starts at the next pass"
        ),
        "",
        "Upcoming (1)",
        "AT         DUE                    UTC                   WHEN   PHASE",
        "team/next  2023-05-21 05:00 CEST  2023-05-21T03:00:00Z  in 1h  Pending",
        "",
        "Past (1)",
        (
            "AT         DUE                    UTC                   WHEN    PHASE   LATE  "
            "TOOK     WHY"
        ),
        (
            "team/past  2023-05-21 03:00 CEST  2023-05-21T01:00:00Z  1h ago  Failed  2s    "
            "59m 58s  Error: exit 3"
        ),
        "",
        (
            "3 Ats as of 2023-05-21T02:00:00Z: 1 overdue, 1 upcoming, "
            "1 past (1 of them failed or missed)"
        ),
    ]


def test_for_want_of_room_what_is_told_twice_is_left_out_and_then_each_row_is_a_paragraph() -> None:
    report = Report("list", INSTANT, 1, [PAST], zone=ZoneInfo("Europe/Berlin"))
    assert lines(report, width=85)[1:3] == [
        "AT         DUE                    WHEN    PHASE   LATE  TOOK     WHY",
        "team/past  2023-05-21 03:00 CEST  1h ago  Failed  2s    59m 58s  Error: exit 3",
    ]
    assert lines(report, width=60)[1:4] == [
        "team/past 2023-05-21 03:00 CEST",
        "    2023-05-21T01:00:00Z, 1h ago, Failed, late by 2s, took",
        "    59m 58s",
    ]


def test_where_the_reader_lives_by_utc_it_is_told_once() -> None:
    report = Report("list", INSTANT, 1, [UPCOMING], zone=ZoneInfo("UTC"))
    assert lines(report)[1:3] == [
        "AT         DUE                   WHEN   PHASE",
        "team/next  2023-05-21 03:00 UTC  in 1h  Pending",
    ]


def test_an_empty_list_is_one_line() -> None:
    assert lines(Report("list", NOW, 0)) == ["0 Ats as of 2023-05-21T02:00:00Z: nothing to list"]
