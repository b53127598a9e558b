"""The report for programs."""

from __future__ import annotations

import json
import tracemalloc
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from cnat.cli.report.document import as_json, as_yaml
from cnat.cli.report.model import Kind, Report
from tests.support import reports
from tests.support.factories import INSTANT

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/report.json").read_text())
ALL = [reports.plan(), reports.listing(), reports.hostile(), Report("pass", INSTANT, 0)]


def read(report: Report) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("".join(as_json(report)))
    return document


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]["kind"]["enum"]) == set(Kind)


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.about)
def test_a_report_is_as_the_schema_says(report: Report) -> None:
    Draft202012Validator(SCHEMA).validate(read(report))


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.about)
def test_yaml_reads_the_same_as_json(report: Report) -> None:
    assert yaml.safe_load(as_yaml(report)) == read(report)


def test_a_plan_has_its_rows_and_all_that_fails() -> None:
    document = read(reports.plan())
    assert document["counts"] == {"start": 1, "hold": 1, "refuse": 1}
    assert document["rows"][0] == {
        "kind": "start",
        "namespace": "team",
        "at": "cnrex",
        "due": "2023-05-21T02:00:00Z",
        "why": "its instant has come",
        "run": {
            "phase": "Running",
            "scheduledTime": "2023-05-21T02:00:00Z",
            "podName": "cnrex-1e0ce9ed",
        },
        "writes": [
            {"action": "create pod", "target": "cnrex-1e0ce9ed"},
            {"action": "set status", "target": "Running"},
        ],
        "file": "a/at.yaml",
        "line": 7,
        "column": 1,
    }
    invalid, refused = document["failures"]
    assert (invalid["file"], invalid["line"], invalid["field"]) == ("a/typo.yaml", 3, "spec.imgae")
    assert (refused["at"], refused["file"], refused["line"]) == ("bad", "a/bad.yaml", 4)
    assert [each["message"] for each in document["warnings"]] == ["is past"]
    assert document["phases"] == {"Pending": 2, "Running": 1}
    assert document["next"] == [{"namespace": "team", "at": "later", "due": "2023-05-24T06:00:00Z"}]


def test_a_pod_whose_name_nobody_knows_has_none() -> None:
    document = read(replace(reports.plan(), names_pods=False))
    start = document["rows"][0]
    assert start["writes"][0] == {"action": "create pod"}
    assert "podName" not in start["run"]


def test_a_list_has_the_earlier_pods_and_runs() -> None:
    *_, past = read(reports.listing())["rows"]
    assert past["run"]["exitCode"] == 3
    assert past["attempts"][0]["podName"] == "past-1"
    assert past["history"] == [{"phase": "Succeeded", "scheduledTime": "2023-05-19T20:00:00Z"}]


def test_a_report_of_many_rows_is_written_piece_by_piece() -> None:
    """The text of one row takes 0.5 KB, its pieces and mappings 5 KB."""
    rows = list(reports.plan().rows) * 500
    many = replace(reports.plan(), rows=rows, failures=())
    tracemalloc.start()
    deque(as_json(many), maxlen=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * len(rows)
