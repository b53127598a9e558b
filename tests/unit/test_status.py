"""The status that an At has earned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cnat.core import status
from cnat.core.objects import At
from cnat.core.schedule import rfc3339
from tests.support.factories import (
    DUE,
    ENDED,
    FAILED,
    INSTANT,
    SUCCEEDED,
    at,
    container_status,
    pod_of,
    terminated,
)
from tests.support.fake_cluster import status_schema

HOUR = timedelta(hours=1)
NOW = INSTANT + HOUR
AT = at()
NAME = pod_of(AT).name


def conditions(earned: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Status, reason and message of each condition."""
    return {
        entry["type"]: (entry["status"], entry["reason"], entry["message"])
        for entry in earned["conditions"]
    }


def of_pod(pod_status: Mapping[str, Any], now: Any = NOW, **pod: Any) -> dict[str, Any]:
    """The status that the Pod of an At's first run earns it."""
    earned = status.of_pod(AT, INSTANT, pod_of(AT, status=pod_status, **pod), now)
    status_schema().validate(earned)
    return earned


# Waiting


def test_an_armed_at_tells_its_instant() -> None:
    assert status.armed(AT, INSTANT, INSTANT - HOUR) == {
        "observedGeneration": 1,
        "phase": "Pending",
        "scheduledTime": DUE,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 1,
                "lastTransitionTime": "2023-05-21T01:00:00Z",
                "reason": "Armed",
                "message": "starts at 2023-05-21T02:00:00Z",
            }
        ],
    }


def test_a_suspended_at_is_ready_to_be_resumed() -> None:
    earned = status.suspended(AT, INSTANT, NOW)
    assert earned["phase"] == "Suspended"
    assert conditions(earned) == {
        "Ready": ("True", "Suspended", "starts nothing while spec.suspend is true")
    }


def test_a_stalled_at_is_pending_and_says_why() -> None:
    earned = status.stalled(AT, INSTANT, NOW, "PreflightRejected", "exceeded quota")
    assert (earned["phase"], earned["reason"]) == ("Pending", "PreflightRejected")
    assert earned["message"] == "exceeded quota"
    assert conditions(earned) == {
        "Ready": ("False", "PreflightRejected", "exceeded quota"),
        "Stalled": ("True", "PreflightRejected", "exceeded quota"),
    }


def test_without_an_instant_there_is_no_scheduled_time() -> None:
    assert "scheduledTime" not in status.stalled(AT, None, NOW, "InvalidSchedule", "no")


def test_a_missed_run_says_how_to_arm_another() -> None:
    earned = status.missed(at(startingDeadlineSeconds=60), INSTANT, NOW)
    message = (
        "not started within 60 s of 2023-05-21T02:00:00Z; change spec.schedule to arm a new run"
    )
    assert (earned["phase"], earned["reason"], earned["message"]) == (
        "Missed",
        "DeadlineMissed",
        message,
    )
    assert conditions(earned) == {
        "Failed": ("True", "DeadlineMissed", message),
        "Ready": ("False", "DeadlineMissed", message),
        "Stalled": ("True", "DeadlineMissed", message),
    }


# Running


def test_a_running_pod_makes_a_running_at() -> None:
    earned = of_pod({"phase": "Running"})
    assert conditions(earned) == {"Ready": ("True", "Running", f"Pod {NAME} is running")}
    del earned["conditions"]
    assert earned == {
        "observedGeneration": 1,
        "phase": "Running",
        "scheduledTime": DUE,
        "startTime": DUE,
        "podName": NAME,
    }


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_is_starting_as_it_should_has_no_reason(reason: str) -> None:
    waits = container_status(waiting={"reason": reason})
    assert "reason" not in of_pod({"phase": "Pending", "containerStatuses": [waits]})


@pytest.mark.parametrize(
    ("waiting", "message"),
    [
        (
            {"reason": "ImagePullBackOff", "message": "no such image"},
            "container 'shell' cannot start: ImagePullBackOff: no such image",
        ),
        ({"reason": "CrashLoopBackOff"}, "container 'shell' cannot start: CrashLoopBackOff"),
    ],
)
def test_a_container_that_cannot_start_says_why(waiting: dict[str, str], message: str) -> None:
    earned = of_pod({"phase": "Pending", "containerStatuses": [container_status(waiting=waiting)]})
    assert (earned["phase"], earned["reason"]) == ("Running", waiting["reason"])
    assert earned["message"] == message
    assert conditions(earned) == {"Ready": ("True", "Running", message)}


def test_the_first_container_that_cannot_start_counts() -> None:
    init = container_status("init", waiting={"reason": "ErrImagePull"})
    main = container_status("main", waiting={"reason": "CreateContainerConfigError"})
    earned = of_pod({"initContainerStatuses": [init], "containerStatuses": [main]})
    assert earned["reason"] == "ErrImagePull"


def test_a_pod_without_a_node_says_why() -> None:
    unscheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available",
    }
    earned = of_pod({"phase": "Pending", "conditions": [unscheduled]})
    assert earned["reason"] == "Unschedulable"
    assert earned["message"] == "Unschedulable: 0/3 nodes are available"


def test_a_pod_held_back_by_a_scheduling_gate_says_so() -> None:
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    earned = of_pod({"phase": "Pending", "conditions": [gated]})
    assert (earned["reason"], earned["message"]) == ("SchedulingGated", "SchedulingGated")


# Ending


def test_success_has_exit_code_zero() -> None:
    earned = of_pod(SUCCEEDED)
    assert conditions(earned) == {
        "Complete": ("True", "Completed", f"Pod {NAME} succeeded"),
        "Ready": ("True", "Completed", f"Pod {NAME} succeeded"),
    }
    del earned["conditions"]
    assert earned == {
        "observedGeneration": 1,
        "phase": "Succeeded",
        "scheduledTime": DUE,
        "startTime": DUE,
        "completionTime": rfc3339(ENDED),
        "podName": NAME,
        "exitCode": 0,
        "reason": "Completed",
    }


def test_failure_has_the_exit_code_of_the_container_that_failed() -> None:
    earned = of_pod(FAILED)
    message = "container 'shell' exited with 3 (Error)"
    assert conditions(earned) == {
        "Failed": ("True", "Error", message),
        "Ready": ("False", "Error", message),
        "Stalled": ("True", "Error", message),
    }
    del earned["conditions"]
    assert earned == {
        "observedGeneration": 1,
        "phase": "Failed",
        "scheduledTime": DUE,
        "startTime": DUE,
        "completionTime": rfc3339(ENDED),
        "podName": NAME,
        "exitCode": 3,
        "reason": "Error",
        "message": message,
    }


@pytest.mark.parametrize(
    ("pod_status", "exit_code", "reason", "message"),
    [
        pytest.param(
            {"containerStatuses": [terminated(0), terminated(2, "Error", "b")]},
            2,
            "Error",
            "container 'b' exited with 2 (Error)",
            id="the second container",
        ),
        pytest.param(
            {
                "initContainerStatuses": [terminated(1, "Error", "init")],
                "containerStatuses": [container_status(waiting={"reason": "PodInitializing"})],
            },
            1,
            "Error",
            "container 'init' exited with 1 (Error)",
            id="an init container",
        ),
        pytest.param(
            {"containerStatuses": [terminated(137, "OOMKilled")]},
            137,
            "OOMKilled",
            "container 'shell' exited with 137 (OOMKilled)",
            id="out of memory",
        ),
        pytest.param(
            {"containerStatuses": [terminated(1, "Error", message="no such file")]},
            1,
            "Error",
            "container 'shell' exited with 1 (Error): no such file",
            id="a termination message",
        ),
        pytest.param(
            {
                "reason": "DeadlineExceeded",
                "message": "Pod was active on the node longer than the specified deadline",
                "containerStatuses": [terminated(143, "Error")],
            },
            143,
            "DeadlineExceeded",
            "container 'shell' exited with 143 (DeadlineExceeded): "
            "Pod was active on the node longer than the specified deadline",
            id="activeDeadlineSeconds",
        ),
        pytest.param(
            {"reason": "Evicted", "message": "The node was low on resource: memory."},
            None,
            "Evicted",
            "The node was low on resource: memory.",
            id="evicted before it started",
        ),
        pytest.param(
            {
                "conditions": [
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "PreemptionByScheduler",
                        "message": "preempted",
                    }
                ]
            },
            None,
            "PreemptionByScheduler",
            "preempted",
            id="preempted",
        ),
        pytest.param(
            {
                "conditions": [
                    {"type": "DisruptionTarget", "status": "False", "reason": "EvictionByAPI"}
                ]
            },
            None,
            "PodFailed",
            f"Pod {NAME} failed (PodFailed)",
            id="not disrupted after all",
        ),
        pytest.param({}, None, "PodFailed", f"Pod {NAME} failed (PodFailed)", id="no detail"),
    ],
)
def test_failure_says_what_failed(
    pod_status: dict[str, Any], exit_code: int | None, reason: str, message: str
) -> None:
    earned = of_pod({"phase": "Failed", **pod_status})
    assert (earned.get("exitCode"), earned["reason"], earned["message"]) == (
        exit_code,
        reason,
        message,
    )


@pytest.mark.parametrize(
    ("pod_status", "completion"),
    [
        pytest.param(
            {
                "containerStatuses": [
                    terminated(finishedAt="2023-05-21T02:00:09Z"),
                    terminated(finishedAt="2023-05-21T02:00:01Z"),
                ]
            },
            "2023-05-21T02:00:09Z",
            id="when the last container finished",
        ),
        pytest.param(
            {
                "conditions": [
                    {"type": "DisruptionTarget", "lastTransitionTime": "2023-05-21T02:01:00Z"}
                ]
            },
            "2023-05-21T02:01:00Z",
            id="when it was evicted",
        ),
        pytest.param({}, rfc3339(NOW), id="when it was seen"),
    ],
)
def test_a_run_is_complete(pod_status: dict[str, Any], completion: str) -> None:
    assert of_pod({"phase": "Failed", **pod_status})["completionTime"] == completion


def test_a_time_of_looking_is_cut_to_the_second_as_those_of_kubernetes() -> None:
    late = NOW + timedelta(microseconds=999_999)
    assert of_pod({"phase": "Succeeded"}, now=late)["completionTime"] == rfc3339(NOW)


# Deleting a Pod that hasn't finished


def deleted(now: Any, pod_status: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"deletionTimestamp": rfc3339(INSTANT)}
    return of_pod(pod_status or {"phase": "Running"}, now, metadata=metadata, **spec)


def test_a_deleted_pod_on_a_node_may_still_report_how_it_ended() -> None:
    until = INSTANT + status.DELETION_REPORT_TIME
    assert deleted(until, nodeName="node")["phase"] == "Running"
    assert deleted(until + timedelta(microseconds=1), nodeName="node")["phase"] == "Failed"


def test_a_deleted_pod_without_a_node_never_will() -> None:
    earned = deleted(INSTANT)
    assert (earned["phase"], earned["reason"]) == ("Failed", "PodDeleted")
    assert earned["message"] == f"Pod {NAME} was deleted before it finished"
    assert earned["completionTime"] == DUE
    assert "exitCode" not in earned


def test_a_deleted_pod_that_finished_has_its_outcome() -> None:
    assert deleted(INSTANT, SUCCEEDED)["phase"] == "Succeeded"
    assert deleted(INSTANT, FAILED)["exitCode"] == 3


def test_an_evicted_pod_says_so() -> None:
    eviction = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    earned = deleted(INSTANT, {"phase": "Running", "conditions": [eviction]})
    assert earned["reason"] == "EvictionByEvictionAPI"
    assert earned["message"].endswith("was deleted before it finished: Eviction API: evicting")


def test_a_lost_pod_is_told_with_what_may_have_happened() -> None:
    running = at(status=of_pod({"phase": "Running"}))
    earned = status.lost(running, INSTANT, NAME, NOW)
    assert (earned["phase"], earned["reason"]) == ("Failed", "PodLost")
    assert earned["startTime"] == DUE
    assert earned["completionTime"] == rfc3339(NOW)
    assert "its finalizer cnat.programming-kubernetes.info/outcome" in earned["message"]
    assert earned["message"].endswith("change spec.schedule to arm a new run")


# Conditions


def test_a_transition_time_stays_while_the_status_does() -> None:
    before = status.armed(AT, INSTANT, INSTANT - HOUR)
    after = status.of_pod(at(status=before), INSTANT, pod_of(AT), NOW)
    (ready,) = after["conditions"]
    assert ready["lastTransitionTime"] == rfc3339(INSTANT - HOUR)
    assert ready["reason"] == "Running"


def test_a_transition_time_is_in_whole_seconds_as_those_of_kubernetes() -> None:
    (ready,) = status.armed(AT, INSTANT, NOW + timedelta(microseconds=999_999))["conditions"]
    assert ready["lastTransitionTime"] == rfc3339(NOW)


def test_a_transition_time_moves_when_the_status_flips() -> None:
    before = status.armed(AT, INSTANT, INSTANT - HOUR)
    after = status.stalled(at(status=before), INSTANT, NOW, "PreflightRejected", "no")
    assert {entry["lastTransitionTime"] for entry in after["conditions"]} == {rfc3339(NOW)}


@pytest.mark.parametrize(
    "reason", ["no camel", "1st", "trailing:", "ü", "x" * 2000, "", "Two\nlines"]
)
def test_a_reason_that_no_condition_may_have_stays_in_the_status(reason: str) -> None:
    earned = of_pod({"phase": "Failed", "reason": reason})
    assert {entry["reason"] for entry in earned["conditions"]} == {"PodFailed"}
    assert earned["reason"] == (reason[:1024] or "PodFailed")


def test_a_pod_that_is_there_is_not_lost_whatever_it_says() -> None:
    assert of_pod({"phase": "Failed", "reason": "PodLost"})["reason"] == "PodFailed"


def test_a_long_message_is_cut() -> None:
    earned = of_pod({"phase": "Failed", "message": "x" * 5000})
    assert len(earned["message"]) == 1024
    assert all(len(entry["message"]) == 1024 for entry in earned["conditions"])


def test_conditions_answer_the_generation_they_were_made_for() -> None:
    earned = status.armed(at(metadata={"generation": 7}), INSTANT, NOW)
    assert earned["observedGeneration"] == 7
    assert earned["conditions"][0]["observedGeneration"] == 7


# What kstatus makes of them: Stalled=True is Failed, else Ready=False is InProgress


@pytest.mark.parametrize(
    ("earned", "verdict"),
    [
        pytest.param(status.armed(AT, INSTANT, NOW), "Current", id="armed"),
        pytest.param(status.suspended(AT, INSTANT, NOW), "Current", id="suspended"),
        pytest.param(status.stalled(AT, INSTANT, NOW, "No", "no"), "Failed", id="stalled"),
        pytest.param(of_pod({"phase": "Running"}), "Current", id="running"),
        pytest.param(of_pod(SUCCEEDED), "Current", id="succeeded"),
        pytest.param(of_pod(FAILED), "Failed", id="failed"),
        pytest.param(status.missed(AT, INSTANT, NOW), "Failed", id="missed"),
        pytest.param(status.lost(AT, INSTANT, NAME, NOW), "Failed", id="lost"),
    ],
)
def test_gitops_tools_see(earned: dict[str, Any], verdict: str) -> None:
    found = {kind: value for kind, (value, _, _) in conditions(earned).items()}
    assert found["Ready"] == ("True" if verdict == "Current" else "False")
    assert found.get("Stalled") == ("True" if verdict == "Failed" else None)


# History


def ended_at(instant: Any, pod_status: Mapping[str, Any], owner: At = AT) -> At:
    """The At after the run of that instant."""
    earned = status.of_pod(owner, instant, pod_of(AT, instant, pod_status), instant)
    return at(status=earned)


def test_a_run_that_ended_is_in_the_history_of_the_next() -> None:
    earned = status.armed(ended_at(INSTANT, FAILED), NOW, INSTANT)
    assert earned["history"] == [
        {
            "scheduledTime": DUE,
            "phase": "Failed",
            "startTime": DUE,
            "completionTime": rfc3339(ENDED),
            "podName": NAME,
            "exitCode": 3,
            "reason": "Error",
            "message": "container 'shell' exited with 3 (Error)",
        }
    ]


def test_history_has_the_newest_first() -> None:
    both = ended_at(NOW, SUCCEEDED, ended_at(INSTANT, FAILED))
    earned = status.armed(both, NOW + HOUR, NOW)
    assert [run["scheduledTime"] for run in earned["history"]] == [rfc3339(NOW), DUE]


def test_a_run_that_has_not_ended_is_no_history() -> None:
    running = at(status=of_pod({"phase": "Running"}))
    assert "history" not in status.armed(running, NOW, INSTANT)


def test_a_recorded_run_is_answered_from_the_record() -> None:
    ended = ended_at(INSTANT, FAILED)
    later = at(status=status.armed(ended, NOW, INSTANT))
    earned = status.recorded(later, INSTANT, NOW)
    assert earned is not None
    kept = {key: value for key, value in ended.status.items() if key != "conditions"}
    assert {key: value for key, value in earned.items() if key != "conditions"} == kept


def test_a_run_that_was_not_recorded_is_not() -> None:
    assert status.recorded(AT, INSTANT, NOW) is None
    assert status.recorded(ended_at(INSTANT, FAILED), NOW, NOW) is None
