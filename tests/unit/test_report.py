"""Plans and summaries."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from cnat.cli.report.document import as_json, as_yaml
from cnat.cli.report.model import Report
from cnat.cli.report.text import as_text
from cnat.engine.results import Change, Failure, Results
from tests.support.factories import INSTANT

CREATED = Change("create pod", "b", "cnrex", "cnrex-1e0ce9ed", "due 2023-05-21T02:00:00Z", 0.1)
RECORDED = Change("set status", "b", "cnrex", "Running", "", 0.1)
RELEASED = Change("release pod", "a", "longer-name", "longer-name-12345678", "", 0.1)
DELETED = Change("delete pod", "a", "longer-name", "longer-name-12345678", "", 0.1)
FAILURE = Failure("a", "bad", "start", "PreflightRejected", "exceeded\nquota")
REFUSED = replace(FAILURE, on_record=True)
INVALID = Failure("", "", "read", "Invalid", "typo.yaml, document 1: is not YAML")
NOW = INSTANT + timedelta(microseconds=250_000)


def text(results: Results, dry_run: str | None = "client", width: int | None = None) -> list[str]:
    return as_text(Report(results, NOW, dry_run), width, colour=False).splitlines()


# The plan


def test_a_plan_is_a_table_by_object_with_failures_last() -> None:
    results = Results(3, [CREATED, RELEASED, RECORDED, DELETED], [FAILURE])
    assert text(results) == [
        "NAMESPACE  AT           ACTION       TARGET                DETAIL",
        "a          longer-name  release pod  longer-name-12345678",
        "a          longer-name  delete pod   longer-name-12345678",
        "b          cnrex        create pod   cnrex-1e0ce9ed        due 2023-05-21T02:00:00Z",
        "b          cnrex        set status   Running",
        "a          bad          FAILED       PreflightRejected     exceeded quota",
        "",
        (
            "3 Ats as of 2023-05-21T02:00:00Z: 1 start, 1 status change, 1 release, 1 deletion, "
            "1 failed (dry run: nothing was changed)"
        ),
    ]


def test_an_empty_plan_is_one_line() -> None:
    assert text(Results(0)) == [
        "0 Ats as of 2023-05-21T02:00:00Z: nothing to do (dry run: nothing was changed)"
    ]


def test_on_a_terminal_the_detail_is_cut_to_the_width() -> None:
    table = text(Results(1, [CREATED]), width=64)
    assert table[:2] == [
        "NAMESPACE  AT     ACTION      TARGET          DETAIL",
        "b          cnrex  create pod  cnrex-1e0ce9ed  due 2023-05-21T02…",
    ]
    assert len(table[1]) == 64


def test_however_narrow_the_terminal_some_detail_is_left() -> None:
    assert text(Results(1, [CREATED]), width=10)[1].endswith("  due 2023-05-21T…")


def test_colours_mark_the_actions_and_nothing_else() -> None:
    results = Results(1, [CREATED, RELEASED, RECORDED, DELETED], [FAILURE])
    plain = as_text(Report(results, NOW, "client"), None, colour=False)
    coloured = as_text(Report(results, NOW, "client"), None, colour=True)
    assert "\033" not in plain
    marked = [line for line in coloured.splitlines() if "\033[" in line]
    assert len(marked) == 5
    for code, word in [("32", "create pod"), ("31", "delete pod"), ("31", "FAILED")]:
        assert f"\033[{code}m{word.ljust(11)}\033[0m" in coloured
    for code in ("31", "32", "33", "36", "0"):
        coloured = coloured.replace(f"\033[{code}m", "")
    assert coloured == plain


def test_no_text_from_the_cluster_commands_the_terminal() -> None:
    evil = Failure("a", "bad", "start", "\x1b[31mRed", "\x1b]0;title\x07")
    assert "\x1b" not in "\n".join(text(Results(1, [], [evil])))


# The summary


@pytest.mark.parametrize(
    ("results", "summary"),
    [
        (Results(0), "0 Ats as of 2023-05-21T02:00:00Z: nothing to do"),
        (Results(1), "1 At as of 2023-05-21T02:00:00Z: nothing to do"),
        (
            Results(2, [CREATED, CREATED, RECORDED, RECORDED]),
            "2 Ats as of 2023-05-21T02:00:00Z: 2 starts, 2 status changes",
        ),
        (
            Results(2, [RELEASED, DELETED]),
            "2 Ats as of 2023-05-21T02:00:00Z: 1 release, 1 deletion",
        ),
        (
            Results(9, [], [FAILURE], conflicts=2, deferred=3),
            (
                "9 Ats as of 2023-05-21T02:00:00Z: 1 failed, 2 changed by somebody "
                "else meanwhile, left to the next pass, 3 deferred to the next pass, out of time"
            ),
        ),
        (
            Results(9, [], [REFUSED, INVALID]),
            "9 Ats as of 2023-05-21T02:00:00Z: 1 cannot start, 1 invalid",
        ),
    ],
)
def test_a_pass_is_summed_up_in_one_line(results: Results, summary: str) -> None:
    assert text(results, dry_run=None) == [summary]


@pytest.mark.parametrize(
    ("results", "failed"),
    [
        (Results(1), False),
        (Results(1, [CREATED]), False),
        (Results(1, conflicts=1), False),
        (Results(1, deferred=1), True),
        (Results(1, [], [FAILURE]), True),
        (Results(1, [], [REFUSED]), False),
        (Results(1, [], [REFUSED, FAILURE]), True),
    ],
)
def test_a_pass_has_failed_if_something_is_not_as_it_should_be(
    results: Results, failed: bool
) -> None:
    assert Report(results, NOW, None).failed is failed


def test_a_dry_run_asks_whether_anything_cannot_start() -> None:
    assert Report(Results(1, [], [REFUSED]), NOW, "client").failed


# For machines


DOCUMENT = {
    "asOf": "2023-05-21T02:00:00.250000Z",
    "dryRun": "client",
    "ats": 2,
    "changes": [
        {
            "action": "create pod",
            "namespace": "b",
            "at": "cnrex",
            "target": "cnrex-1e0ce9ed",
            "detail": "due 2023-05-21T02:00:00Z",
        }
    ],
    "failures": [
        {
            "namespace": "a",
            "at": "bad",
            "action": "start",
            "reason": "PreflightRejected",
            "message": "exceeded\nquota",
            "onRecord": False,
        }
    ],
    "conflicts": 1,
    "deferred": 0,
}
RESULTS = Results(2, [CREATED], [FAILURE], conflicts=1)


def test_as_json() -> None:
    assert json.loads(as_json(Report(RESULTS, NOW, "client"))) == DOCUMENT


def test_as_yaml() -> None:
    rendered = as_yaml(Report(RESULTS, NOW, "client"))
    assert yaml.safe_load(rendered) == DOCUMENT
    assert rendered.startswith("asOf:")


def test_a_real_pass_is_no_dry_run() -> None:
    document = json.loads(as_json(Report(RESULTS, NOW, None)))
    assert document["dryRun"] is None
