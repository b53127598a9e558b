"""Runs that get another Pod, told once and tried on both clusters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cnat.core.observed_pod import Pod
from tests.contract.test_contract import FAILED, SUCCEEDED, condition, started
from tests.support.sandbox import Sandbox, at, resource_versions

ENDED = datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC)  # the Pods that have failed here
GOES_ON = ENDED + timedelta(seconds=10)


def failed(sandbox: Sandbox) -> str:
    """An At that retries, once its first Pod has failed; the name of that."""
    name = started(sandbox, at(retryPolicy="Failed"))
    sandbox.set_pod_status(name, FAILED)
    sandbox.reconcile(ENDED)
    return name


def test_a_failed_run_waits_for_its_back_off(sandbox: Sandbox) -> None:
    name = failed(sandbox)
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["reason"]) == ("Running", "Retrying")
    assert [each["podName"] for each in status["attempts"]] == [name]
    assert condition(sandbox.at("cnrex"), "Ready") == ("True", "Running")
    assert len(sandbox.pods()) == 1


def test_a_pass_while_it_waits_writes_nothing(sandbox: Sandbox) -> None:
    failed(sandbox)
    before = resource_versions(sandbox, "cnrex")
    assert sandbox.reconcile(ENDED + timedelta(seconds=9)).changes == []
    assert resource_versions(sandbox, "cnrex") == before


def test_then_it_gets_another_pod_whose_outcome_is_the_runs(sandbox: Sandbox) -> None:
    first = failed(sandbox)
    sandbox.reconcile(GOES_ON)
    second = sandbox.at("cnrex")["status"]["podName"]
    assert {pod["metadata"]["name"] for pod in sandbox.pods()} == {first, second}
    sandbox.set_pod_status(second, SUCCEEDED)
    sandbox.reconcile(GOES_ON)
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["podName"], status["exitCode"]) == ("Succeeded", second, 0)
    assert [each["exitCode"] for each in status["attempts"]] == [3]
    assert not any(Pod.of(pod).has_finalizer for pod in sandbox.pods())


def test_events_tell_of_each_attempt(sandbox: Sandbox) -> None:
    failed(sandbox)
    sandbox.reconcile(GOES_ON)
    told = sorted(sandbox.events(), key=lambda event: str(event["note"].endswith("attempt 2")))
    assert [(event["type"], event["reason"]) for event in told if event["reason"] != "Started"] == [
        ("Warning", "Retrying")
    ]
    assert [event["note"].split(", ")[1:] for event in told if event["reason"] == "Started"] == [
        [],
        ["attempt 2"],
    ]


def test_a_run_that_has_no_further_pod_fails_as_its_last_one_did(sandbox: Sandbox) -> None:
    name = started(sandbox, at(retryPolicy="Failed", backoffLimit=0))
    sandbox.set_pod_status(name, FAILED)
    sandbox.reconcile(ENDED)
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["podName"], status["exitCode"]) == ("Failed", name, 3)
    assert "attempts" not in status
    assert "it has had the 1 Pods that spec.backoffLimit allows" in status["message"]
