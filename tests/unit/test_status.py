"""The status that an At has earned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cnat.core import outcome, record, status
from cnat.core.at import At
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
POD = pod_of(AT)
NAME = POD.name


def conditions(earned: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Status, reason and message of each condition."""
    return {
        entry["type"]: (entry["status"], entry["reason"], entry["message"])
        for entry in earned["conditions"]
    }


def ended(pod_status: Mapping[str, Any]) -> record.Status:
    """The status of an At whose run has ended so."""
    return status.of_pod(AT, INSTANT, pod_of(AT, status=pod_status), NOW)


def of_pod(pod_status: Mapping[str, Any], now: Any = NOW, **pod: Any) -> dict[str, Any]:
    """The status that the Pod of an At's first run earns it."""
    earned = status.of_pod(AT, INSTANT, pod_of(AT, status=pod_status, **pod), now).document()
    status_schema().validate(earned)
    return earned


# Waiting


def test_an_armed_at_tells_its_instant() -> None:
    assert status.armed(AT, INSTANT, INSTANT - HOUR).document() == {
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
    earned = status.suspended(AT, INSTANT, NOW).document()
    assert earned["phase"] == "Suspended"
    assert conditions(earned) == {
        "Ready": ("True", "Suspended", "starts nothing while spec.suspend is true")
    }


def test_a_stalled_at_is_pending_and_says_why() -> None:
    earned = status.stalled(AT, INSTANT, NOW, "PreflightRejected", "exceeded quota").document()
    assert (earned["phase"], earned["reason"]) == ("Pending", "PreflightRejected")
    assert earned["message"] == "exceeded quota"
    assert conditions(earned) == {
        "Ready": ("False", "PreflightRejected", "exceeded quota"),
        "Stalled": ("True", "PreflightRejected", "exceeded quota"),
    }


def test_without_an_instant_there_is_no_scheduled_time() -> None:
    assert "scheduledTime" not in status.stalled(AT, None, NOW, "InvalidSchedule", "no").document()


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (timedelta(days=412), "412 days late"),
        (timedelta(hours=47), "47 hours late"),
        (timedelta(seconds=119), "119 seconds late"),
    ],
)
def test_a_missed_run_says_by_how_much_and_who_said_that_it_is_too_late(
    late: timedelta, told: str
) -> None:
    earned = status.missed(AT, INSTANT, INSTANT + late, 60)
    assert earned.run is not None
    assert f"(--default-starting-deadline): {told};" in earned.run.message


def test_a_missed_run_says_how_to_arm_another() -> None:
    owner = at(startingDeadlineSeconds=60)
    earned = status.missed(owner, INSTANT, NOW, 60).document()
    message = (
        "not started within 60 s of 2023-05-21T02:00:00Z: 60 minutes late; "
        "change spec.schedule to arm a new run"
    )
    assert (earned["phase"], earned["reason"], earned["message"]) == (
        "Missed",
        "DeadlineMissed",
        message,
    )
    assert conditions(earned) == {
        "Failed": ("True", "DeadlineMissed", message),
        "Finished": ("True", "Missed", message),
        "Ready": ("True", "Missed", message),
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


def test_a_pod_that_nobody_has_scheduled_yet_waits_for_a_node() -> None:
    earned = of_pod({"phase": "Pending"})
    assert (earned["reason"], earned["message"]) == (
        "NotScheduled",
        f"Pod {NAME} waits for a node",
    )


def test_a_pod_on_a_node_tells_since_when_its_containers_are_being_created() -> None:
    waits = container_status(waiting={"reason": "ContainerCreating"})
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": DUE}
    earned = of_pod(
        {"phase": "Pending", "conditions": [scheduled], "containerStatuses": [waits]},
        nodeName="node-7",
    )
    assert earned["reason"] == "ContainerCreating"
    assert earned["message"] == (
        f"Pod {NAME} waits for its containers on node node-7 since {DUE}: ContainerCreating; "
        f"kubectl describe pod {NAME} tells what they wait for"
    )


def test_a_pod_that_runs_its_init_containers_says_so() -> None:
    waits = container_status(waiting={"reason": "PodInitializing"})
    earned = of_pod({"phase": "Pending", "containerStatuses": [waits]}, nodeName="node-7")
    assert earned["reason"] == "PodInitializing"
    assert earned["message"] == f"Pod {NAME} runs its init containers"


@pytest.mark.parametrize(
    "state",
    [
        {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting"}},
        {"running": {"startedAt": DUE}},
        {"terminated": {"exitCode": 1, "reason": "Error"}},
    ],
    ids=["backed off", "running", "ended"],
)
def test_a_container_that_restarts_is_told_alike_whatever_it_does_just_now(state: Any) -> None:
    entry = {
        **container_status(**state),
        "restartCount": 3,
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    earned = of_pod({"phase": "Running", "containerStatuses": [entry]})
    assert earned["reason"] == "ContainerRestarted"
    assert earned["message"] == (
        "container 'shell' was restarted 3 times, last after exit code 1 (Error)"
    )


def test_an_image_that_cannot_be_pulled_is_told_once_however_the_kubelet_words_it() -> None:
    first = of_pod(pulling("ErrImagePull", "no such host"))
    second = pod_of(AT, status=pulling("ImagePullBackOff", "Back-off pulling image"))
    assert first["reason"] == "ImagePullBackOff"
    assert status.of_pod(at(status=first), INSTANT, second, NOW).document() == first


@pytest.mark.parametrize(
    ("waiting", "message"),
    [
        (
            {"reason": "ImagePullBackOff", "message": "no such image"},
            "container 'shell' cannot start: ImagePullBackOff: no such image",
        ),
        ({"reason": "RunContainerError"}, "container 'shell' cannot start: RunContainerError"),
    ],
)
def test_a_container_that_cannot_start_says_why(waiting: dict[str, str], message: str) -> None:
    earned = of_pod({"phase": "Pending", "containerStatuses": [container_status(waiting=waiting)]})
    assert (earned["phase"], earned["reason"]) == ("Running", waiting["reason"])
    assert earned["message"] == message
    assert conditions(earned) == {"Ready": ("True", "Running", message)}


def pulling(reason: str, message: str) -> dict[str, Any]:
    waits = container_status(waiting={"reason": reason, "message": message})
    return {"phase": "Pending", "containerStatuses": [waits]}


def test_the_first_container_that_cannot_start_counts() -> None:
    init = container_status("init", waiting={"reason": "ErrImagePull"})
    main = container_status("main", waiting={"reason": "CreateContainerConfigError"})
    earned = of_pod({"initContainerStatuses": [init], "containerStatuses": [main]})
    assert earned["reason"] == "ImagePullBackOff"


def test_a_pod_without_a_node_says_why() -> None:
    unscheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available",
    }
    earned = of_pod({"phase": "Pending", "conditions": [unscheduled]})
    assert earned["reason"] == "Unschedulable"
    assert earned["message"] == (
        f"Pod {NAME} waits for a node: Unschedulable: 0/3 nodes are available"
    )


def test_a_pod_held_back_by_a_scheduling_gate_says_so() -> None:
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    earned = of_pod({"phase": "Pending", "conditions": [gated]})
    assert earned["reason"] == "SchedulingGated"
    assert earned["message"] == f"Pod {NAME} waits for a node: SchedulingGated"


# Ending


def test_success_has_exit_code_zero() -> None:
    earned = of_pod(SUCCEEDED)
    assert conditions(earned) == {
        "Complete": ("True", "Completed", f"Pod {NAME} succeeded"),
        "Finished": ("True", "Succeeded", f"Pod {NAME} succeeded"),
        "Ready": ("True", "Succeeded", f"Pod {NAME} succeeded"),
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
        "Finished": ("True", "Failed", message),
        "Ready": ("True", "Failed", message),
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
            "Pod was active on the node longer than the specified deadline; "
            "container 'shell' exited with 143 (Error)",
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
        pytest.param(
            {
                "reason": "Evicted",
                "message": "The node was low on resource: memory.",
                "containerStatuses": [terminated(137, "Error")],
            },
            137,
            "Evicted",
            "The node was low on resource: memory.; container 'shell' exited with 137 (Error)",
            id="evicted by the kubelet while it ran",
        ),
        pytest.param(
            {
                "conditions": [
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "EvictionByEvictionAPI",
                        "message": "Eviction API: evicting",
                    }
                ],
                "containerStatuses": [terminated(137, "Error")],
            },
            137,
            "EvictionByEvictionAPI",
            "Eviction API: evicting; container 'shell' exited with 137 (Error)",
            id="evicted through the API while it ran",
        ),
        pytest.param(
            {"containerStatuses": [terminated(1, "Error", message="first\nsecond\n")]},
            1,
            "Error",
            "container 'shell' exited with 1 (Error): first\nsecond",
            id="a termination message that ends a line",
        ),
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
    until = INSTANT + outcome.DELETION_REPORT_TIME
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


def test_a_pod_that_its_deletion_ended_says_so() -> None:
    killed = {"phase": "Failed", "containerStatuses": [terminated(137, "Error")]}
    earned = deleted(ENDED, killed)
    assert (earned["exitCode"], earned["reason"]) == (137, "PodDeleted")
    assert earned["message"] == (
        f"Pod {NAME} was deleted; container 'shell' exited with 137 (Error)"
    )


def test_a_pod_that_failed_before_it_was_deleted_says_why_it_failed() -> None:
    later = {"deletionTimestamp": rfc3339(ENDED + timedelta(seconds=1))}
    assert of_pod(FAILED, metadata=later)["reason"] == "Error"


def test_a_sidecar_that_is_ended_last_is_not_what_failed() -> None:
    pod_status = {
        "phase": "Failed",
        "initContainerStatuses": [terminated(143, "Error", "proxy")],
        "containerStatuses": [terminated(3, "Error", "main")],
    }
    sidecar = {"name": "proxy", "image": "proxy", "restartPolicy": "Always"}
    earned = of_pod(pod_status, initContainers=[sidecar])
    assert earned["exitCode"] == 3
    assert earned["message"] == "container 'main' exited with 3 (Error)"


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
    earned = status.lost(running, INSTANT, NAME, NOW).document()
    assert (earned["phase"], earned["reason"]) == ("Failed", "PodLost")
    assert earned["startTime"] == DUE
    assert earned["completionTime"] == rfc3339(NOW)
    assert "its finalizer cnat.programming-kubernetes.info/outcome" in earned["message"]
    assert earned["message"].endswith("change spec.schedule to arm a new run")


# Conditions


def test_a_transition_time_stays_while_the_status_does() -> None:
    before = status.armed(AT, INSTANT, INSTANT - HOUR).document()
    after = status.of_pod(at(status=before), INSTANT, pod_of(AT), NOW).document()
    (ready,) = after["conditions"]
    assert ready["lastTransitionTime"] == rfc3339(INSTANT - HOUR)
    assert ready["reason"] == "Running"


def test_a_transition_time_is_in_whole_seconds_as_those_of_kubernetes() -> None:
    (ready,) = status.armed(AT, INSTANT, NOW + timedelta(microseconds=999_999)).document()[
        "conditions"
    ]
    assert ready["lastTransitionTime"] == rfc3339(NOW)


def test_a_transition_time_moves_when_the_status_flips() -> None:
    before = status.armed(AT, INSTANT, INSTANT - HOUR).document()
    after = status.stalled(at(status=before), INSTANT, NOW, "PreflightRejected", "no").document()
    assert {entry["lastTransitionTime"] for entry in after["conditions"]} == {rfc3339(NOW)}


@pytest.mark.parametrize(
    "reason", ["no camel", "1st", "trailing:", "ü", "x" * 2000, "", "Two\nlines"]
)
def test_a_reason_that_no_condition_may_have_stays_in_the_status(reason: str) -> None:
    earned = of_pod({"phase": "Failed", "reason": reason})
    assert conditions(earned)["Failed"][1] == "PodFailed"
    assert earned["reason"] == (reason[:1024] or "PodFailed")


def test_a_pod_that_is_there_is_not_lost_whatever_it_says() -> None:
    assert of_pod({"phase": "Failed", "reason": "PodLost"})["reason"] == "PodFailed"


def test_a_long_message_is_cut() -> None:
    earned = of_pod({"phase": "Failed", "message": "x" * 5000})
    assert len(earned["message"]) == 1024
    assert all(len(entry["message"]) == 1024 for entry in earned["conditions"])


def test_a_run_that_goes_on_after_an_edit_answers_the_generation_that_it_was_started_for() -> None:
    running = status.of_pod(at(metadata={"generation": 3}), INSTANT, POD, NOW).document()
    edited = at(schedule=rfc3339(NOW + HOUR), metadata={"generation": 5}, status=running)
    done = status.of_pod(edited, INSTANT, pod_of(AT, status=SUCCEEDED), NOW).document()
    assert done["observedGeneration"] == 5
    assert {entry["observedGeneration"] for entry in done["conditions"]} == {3}


def test_a_run_answers_the_latest_spec_while_that_asks_for_the_same_instant() -> None:
    running = at(status=of_pod({"phase": "Running"}), metadata={"generation": 2})
    done = status.of_pod(running, INSTANT, pod_of(AT, status=SUCCEEDED), NOW).document()
    assert {entry["observedGeneration"] for entry in done["conditions"]} == {2}


def test_conditions_answer_the_generation_they_were_made_for() -> None:
    earned = status.armed(at(metadata={"generation": 7}), INSTANT, NOW).document()
    assert earned["observedGeneration"] == 7
    assert earned["conditions"][0]["observedGeneration"] == 7


# Health answers "will this At do as it is written?", and not "how did its run go?". kstatus: a
# Stalled that is True is Failed, else a Ready that is False is InProgress, else Current.


@pytest.mark.parametrize(
    ("earned", "verdict"),
    [
        pytest.param(status.armed(AT, INSTANT, NOW), "Current", id="armed"),
        pytest.param(status.suspended(AT, INSTANT, NOW), "Current", id="suspended"),
        pytest.param(status.stalled(AT, INSTANT, NOW, "No", "no"), "Failed", id="stalled"),
        pytest.param(status.of_pod(AT, INSTANT, POD, NOW), "Current", id="running"),
        pytest.param(ended(SUCCEEDED), "Current", id="succeeded"),
        pytest.param(ended(FAILED), "Current", id="failed"),
        pytest.param(status.missed(AT, INSTANT, NOW, 60), "Current", id="missed"),
        pytest.param(status.lost(AT, INSTANT, NAME, NOW), "Current", id="lost"),
    ],
)
def test_gitops_tools_see(earned: record.Status, verdict: str) -> None:
    found = {kind: value for kind, (value, _, _) in conditions(earned.document()).items()}
    assert found["Ready"] == ("True" if verdict == "Current" else "False")
    assert found.get("Stalled") == ("True" if verdict == "Failed" else None)


@pytest.mark.parametrize(
    ("earned", "phase"),
    [
        pytest.param(ended(SUCCEEDED), "Succeeded", id="succeeded"),
        pytest.param(ended(FAILED), "Failed", id="failed"),
        pytest.param(status.missed(AT, INSTANT, NOW, 60), "Missed", id="missed"),
        pytest.param(status.lost(AT, INSTANT, NAME, NOW), "Failed", id="lost"),
    ],
)
def test_a_run_that_ended_in_any_way_is_finished_and_its_at_ready(
    earned: record.Status, phase: str
) -> None:
    told = conditions(earned.document())
    assert told["Finished"][:2] == told["Ready"][:2] == ("True", phase)
    assert ("Complete" in told, "Failed" in told) == (phase == "Succeeded", phase != "Succeeded")


# History


def ended_at(instant: Any, pod_status: Mapping[str, Any], owner: At = AT) -> At:
    """The At after the run of that instant."""
    earned = status.of_pod(owner, instant, pod_of(AT, instant, pod_status), instant).document()
    return at(status=earned)


def test_a_run_that_ended_is_in_the_history_of_the_next() -> None:
    earned = status.armed(ended_at(INSTANT, FAILED), NOW, INSTANT).document()
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
    earned = status.armed(both, NOW + HOUR, NOW).document()
    assert [run["scheduledTime"] for run in earned["history"]] == [rfc3339(NOW), DUE]


def test_a_run_that_has_not_ended_is_no_history() -> None:
    running = at(status=of_pod({"phase": "Running"}))
    assert "history" not in status.armed(running, NOW, INSTANT).document()


def test_a_recorded_run_is_answered_from_the_record() -> None:
    ended = ended_at(INSTANT, FAILED)
    later = at(status=status.armed(ended, NOW, INSTANT).document())
    earned = status.recorded(later, INSTANT, NOW)
    assert earned is not None
    assert earned.run == ended.status.run


def test_a_run_that_was_not_recorded_is_not() -> None:
    assert status.recorded(AT, INSTANT, NOW) is None
    assert status.recorded(ended_at(INSTANT, FAILED), NOW, NOW) is None


def many_runs(count: int) -> At:
    runs = [
        record.Run(INSTANT - n * HOUR, "Failed", INSTANT, INSTANT, "x" * 63, 1, "Error", "x" * 1024)
        for n in range(1, count + 1)
    ]
    return at(status=record.Status(1, record.Run(INSTANT, "Failed"), (), tuple(runs)).document())


def test_of_all_but_the_latest_runs_only_instant_and_phase_are_kept() -> None:
    history = status.armed(many_runs(20), NOW, NOW).document()["history"]
    assert len(history) == 21
    assert [set(run) for run in history[-10:]] == [{"scheduledTime", "phase"}] * 10


def test_a_status_with_all_the_runs_it_can_have_fits_into_etcd() -> None:
    full = status.armed(many_runs(record.MAX_RUNS), NOW, NOW).document()
    assert len(json.dumps(full)) < 2**20


def test_an_at_that_has_had_all_the_runs_it_can_remember_says_so() -> None:
    assert status.history_full(many_runs(record.MAX_RUNS - 2), NOW, NOW) is None
    full = status.history_full(many_runs(record.MAX_RUNS - 1), NOW, NOW)
    assert full is not None
    assert full.run == record.Run(
        NOW,
        "Pending",
        reason="HistoryFull",
        message="this At has had 10000 runs, more than it can remember; make another At",
    )


@pytest.mark.parametrize("text", ["2023-05-21T02:00:00+00:00", "2023-05-21T02:00:00.000Z"])
def test_a_recorded_instant_is_known_in_any_spelling(text: str) -> None:
    ended = at(status={"phase": "Failed", "scheduledTime": text})
    assert status.recorded(ended, INSTANT, NOW) is not None
