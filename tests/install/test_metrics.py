"""Metrics and alerts speak of fields, phases and metrics that there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from cnat.core import api
from cnat.core.fields import moment
from tests.install.overlay import KUSTOMIZE

Manifest = dict[str, Any]

COMPONENTS = KUSTOMIZE / "components"
CONFIG = yaml.safe_load((COMPONENTS / "kube-state-metrics/config.yaml").read_text())
(ATS,) = CONFIG["spec"]["resources"]
METRICS = {metric["name"]: metric["each"] for metric in ATS["metrics"]}
RULES = yaml.safe_load((COMPONENTS / "prometheus-rule/prometheus_rule.yaml").read_text())
EXPRESSIONS = {
    rule.get("alert") or rule["record"]: rule["expr"]
    for group in RULES["spec"]["groups"]
    for rule in group["rules"]
}


def at_path(value: Any, path: list[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def number(value: Any) -> float:
    """As kube-state-metrics reads a gauge's value."""
    if isinstance(value, int):
        return float(value)
    if instant := moment(value):
        return instant.timestamp()
    return {"True": 1.0, "False": 0.0}[value]


def test_the_metrics_are_of_ats() -> None:
    assert ATS["groupVersionKind"] == {
        "group": api.GROUP,
        "version": api.VERSION,
        "kind": api.KIND,
    }


def test_a_start_within_the_second_of_its_instant_is_not_early() -> None:
    """A Pod's creationTimestamp is cut to the second."""
    assert EXPRESSIONS["cnat_at:start_lateness:seconds"].endswith(", 0)")
    assert EXPRESSIONS["cnat_at:start_lateness:seconds"].startswith("clamp_min(")


def test_every_phase_is_told() -> None:
    phase = METRICS["phase"]["stateSet"]
    assert set(phase["list"]) == api.PHASES


@pytest.mark.parametrize(
    "name", [name for name, each in METRICS.items() if each["type"] == "Gauge"]
)
def test_every_gauge_has_a_number_in_some_situation(ats: dict[str, Manifest], name: str) -> None:
    gauge = METRICS[name]["gauge"]
    values = [value for each in ats.values() if (value := at_path(each, gauge["path"])) is not None]
    if "valueFrom" in gauge:
        entries = [entry for value in values for entry in value]
        labels = gauge["labelsFromPath"].values()
        assert all(isinstance(at_path(entry, path), str) for entry in entries for path in labels)
        values = [at_path(entry, gauge["valueFrom"]) for entry in entries]
    assert values
    assert [number(value) for value in values]


def test_a_start_is_never_before_it_was_due(ats: dict[str, Manifest]) -> None:
    statuses = [each.get("status", {}) for each in ats.values()]
    started = [status for status in statuses if "startTime" in status]
    assert started
    assert all(number(each["startTime"]) >= number(each["scheduledTime"]) for each in started)


@pytest.mark.parametrize("rule", EXPRESSIONS)
def test_a_rule_names_only_metrics_that_there_are(rule: str) -> None:
    known = {f"{ATS['metricNamePrefix']}_{name}" for name in METRICS}
    known.add("kube_cronjob_status_last_schedule_time")  # of kube-state-metrics itself
    assert set(re.findall(r"\b(?:cnat|kube)_\w+", EXPRESSIONS[rule])) <= known
    assert set(re.findall(r'phase="(\w+)"', EXPRESSIONS[rule])) <= api.PHASES


def test_there_are_alerts_for_what_a_sync_does_not_tell() -> None:
    assert [name for name in EXPRESSIONS if name.startswith("Cnat")] == [
        "CnatAtMissed",
        "CnatAtFailed",
        "CnatAtNotStarting",
        "CnatAtCannotStart",
        "CnatNotReconciling",
    ]


def reason_of(at: Manifest) -> str:
    """The label of the metric `reason`; "" where there is none."""
    info = METRICS["reason"]["info"]
    return at_path(at, [*info["path"], *info["labelsFromPath"]["reason"]]) or ""


def test_what_has_not_started_and_what_runs_differ_by_their_reason(
    ats: dict[str, Manifest],
) -> None:
    (started,) = re.findall(r'reason!~"([\w|]+)"', EXPRESSIONS["CnatAtNotStarting"])
    phases = {ats[situation]["status"]["phase"] for situation in ("not starting", "running")}
    assert phases == set(re.findall(r'phase="(\w+)"', EXPRESSIONS["CnatAtNotStarting"]))
    assert reason_of(ats["not starting"]) not in {"", *started.split("|")}
    assert api.RETRYING in started.split("|")
    assert reason_of(ats["running"]) == "NotScheduled"


def test_only_what_cannot_start_as_written_is_alerted_of_before_its_instant(
    ats: dict[str, Manifest],
) -> None:
    kinds = re.findall(r'type="(\w+)"', EXPRESSIONS["CnatAtCannotStart"])
    assert kinds == ["Stalled"]
    stalled = {
        situation
        for situation, each in ats.items()
        for condition in at_path(each, ["status", "conditions"]) or []
        if condition["type"] in kinds and condition["status"] == "True"
    }
    assert stalled == {"refused", "no such time", "name taken"}
