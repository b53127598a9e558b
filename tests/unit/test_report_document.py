"""The report for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from cnat.cli.report.document import as_json, as_yaml
from cnat.cli.report.model import Kind, Report
from tests.support import reports
from tests.support.factories import INSTANT

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/report.json").read_text())
ALL = [reports.plan(), reports.listing(), reports.hostile(), Report("pass", INSTANT, 0)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]["kind"]["enum"]) == set(Kind)


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.about)
def test_a_report_is_as_the_schema_says(report: Report) -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(as_json(report)))


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.about)
def test_yaml_reads_the_same_as_json(report: Report) -> None:
    assert yaml.safe_load(as_yaml(report)) == json.loads(as_json(report))


def test_a_plan_has_its_rows_and_all_that_fails() -> None:
    document = json.loads(as_json(reports.plan()))
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
    document = json.loads(as_json(replace(reports.plan(), names_pods=False)))
    start = document["rows"][0]
    assert start["writes"][0] == {"action": "create pod"}
    assert "podName" not in start["run"]


def test_a_list_has_the_earlier_pods_and_runs() -> None:
    *_, past = json.loads(as_json(reports.listing()))["rows"]
    assert past["run"]["exitCode"] == 3
    assert past["attempts"][0]["podName"] == "past-1"
    assert past["history"] == [{"phase": "Succeeded", "scheduledTime": "2023-05-19T20:00:00Z"}]
