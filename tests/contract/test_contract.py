"""What a cluster's users see of cnat, told once and tried on both clusters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cnat.core import api
from cnat.core.at import At
from cnat.core.schedule import rfc3339
from cnat.engine.reading import WHOLE_IN_MINUTE
from tests.support.sandbox import Manifest, RealSandbox, Sandbox, at, resource_versions

DUE = "2023-05-21T02:00:00Z"
FUTURE = "2999-01-01T00:00:00Z"
BEFORE = datetime(2998, 1, 1, tzinfo=UTC)
INSTANT = datetime(2999, 1, 1, tzinfo=UTC)


def condition(manifest: Manifest, kind: str) -> tuple[str, str] | None:
    """Status and reason of a condition, None where it is absent."""
    for entry in manifest["status"]["conditions"]:
        if entry["type"] == kind:
            return entry["status"], entry["reason"]
    return None


def terminated(code: int, reason: str, name: str = "shell", **more: Any) -> Manifest:
    ended = {
        "exitCode": code,
        "reason": reason,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:07Z",
        **more,
    }
    return {**_container(name), "state": {"terminated": ended}}


def waiting(reason: str, message: str = "", name: str = "shell") -> Manifest:
    return {**_container(name), "state": {"waiting": {"reason": reason, "message": message}}}


def _container(name: str) -> Manifest:
    return {"name": name, "image": "i", "imageID": "", "ready": False, "restartCount": 0}


SUCCEEDED = {"phase": "Succeeded", "containerStatuses": [terminated(0, "Completed")]}
FAILED = {"phase": "Failed", "containerStatuses": [terminated(3, "Error")]}


def started(sandbox: Sandbox, manifest: Manifest | None = None) -> str:
    """Apply a due At, run a pass, and answer the name of the Pod that it created."""
    sandbox.apply(manifest or at())
    sandbox.reconcile()
    (pod,) = sandbox.pods()
    name: str = pod["metadata"]["name"]
    return name


def alive(sandbox: Sandbox) -> list[str]:
    """The names of the Pods that nobody has deleted."""
    return [
        pod["metadata"]["name"]
        for pod in sandbox.pods()
        if "deletionTimestamp" not in pod["metadata"]
    ]


def in_an_hour() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


def whole_look() -> datetime:
    """A time at which a pass reads all Ats whole, whatever the index shows."""
    return datetime.now(UTC).replace(minute=WHOLE_IN_MINUTE)


def succeeded_at(moment: datetime) -> Manifest:
    ended = terminated(0, "Completed", finishedAt=rfc3339(moment))
    return {"phase": "Succeeded", "containerStatuses": [ended]}


# Starting


def test_a_due_at_gets_a_pod_with_exactly_its_containers(sandbox: Sandbox) -> None:
    sandbox.apply(at(containers=[{"name": "shell", "image": "centos:7", "command": ["true"]}]))
    sandbox.reconcile()
    (pod,) = sandbox.pods()
    (container,) = pod["spec"]["containers"]
    assert (container["name"], container["image"], container["command"]) == (
        "shell",
        "centos:7",
        ["true"],
    )
    assert pod["spec"]["restartPolicy"] == "Never"


def test_the_pod_is_owned_labelled_and_held(sandbox: Sandbox) -> None:
    started(sandbox)
    (pod,) = sandbox.pods()
    owner = sandbox.at("cnrex")["metadata"]["uid"]
    metadata = pod["metadata"]
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": api.API_VERSION,
            "kind": "At",
            "name": "cnrex",
            "uid": owner,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "cnat",
        "cnat.programming-kubernetes.info/at-uid": owner,
        "cnat.programming-kubernetes.info/at": "cnrex",
    }
    assert metadata["annotations"]["cnat.programming-kubernetes.info/scheduled-time"] == DUE
    assert metadata["finalizers"] == ["cnat.programming-kubernetes.info/outcome"]


def test_a_started_at_is_running(sandbox: Sandbox) -> None:
    name = started(sandbox)
    found = sandbox.at("cnrex")
    status = found["status"]
    assert status["phase"] == "Running"
    assert status["podName"] == name
    assert status["scheduledTime"] == DUE
    assert status["observedGeneration"] == found["metadata"]["generation"]
    assert status["startTime"] == sandbox.pods()[0]["metadata"]["creationTimestamp"]
    assert condition(found, "Ready") == ("True", "Running")


def test_nothing_starts_before_the_instant(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(INSTANT - timedelta(microseconds=1))
    assert sandbox.pods() == []


def test_it_starts_at_the_instant(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(INSTANT)
    assert len(sandbox.pods()) == 1


def test_the_upstream_command_runs_in_a_shell(sandbox: Sandbox) -> None:
    started(sandbox, at(command="echo YAY"))
    (container,) = sandbox.pods()[0]["spec"]["containers"]
    assert container["image"] == "busybox"
    assert container["command"] == ["/bin/sh", "-c", "echo YAY"]


def test_pod_metadata_is_copied_to_the_pod(sandbox: Sandbox) -> None:
    extra = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    started(sandbox, at(podMetadata=extra))
    metadata = sandbox.pods()[0]["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["annotations"]["note"] == "b"


def test_a_schedule_in_a_time_zone_is_read_there(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule="2999-01-01T08:00:00", timeZone="Asia/Shanghai"))
    sandbox.reconcile(BEFORE)
    assert sandbox.at("cnrex")["status"]["scheduledTime"] == FUTURE


# Waiting


def test_an_at_that_waits_for_its_instant_is_armed(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(BEFORE)
    found = sandbox.at("cnrex")
    assert found["status"]["phase"] == "Pending"
    assert found["status"]["scheduledTime"] == FUTURE
    assert condition(found, "Ready") == ("True", "Armed")
    assert condition(found, "Stalled") is None


def test_a_suspended_at_starts_nothing(sandbox: Sandbox) -> None:
    sandbox.apply(at(suspend=True))
    sandbox.reconcile()
    assert sandbox.pods() == []
    assert sandbox.at("cnrex")["status"]["phase"] == "Suspended"
    assert condition(sandbox.at("cnrex"), "Ready") == ("True", "Suspended")


def test_an_overdue_at_runs_when_it_is_resumed(sandbox: Sandbox) -> None:
    sandbox.apply(at(suspend=True))
    sandbox.reconcile()
    sandbox.apply(at(suspend=False))
    sandbox.reconcile()
    assert len(sandbox.pods()) == 1


def test_a_run_later_than_its_starting_deadline_is_missed(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE, startingDeadlineSeconds=60))
    sandbox.reconcile(INSTANT + timedelta(seconds=61))
    assert sandbox.pods() == []
    found = sandbox.at("cnrex")
    assert found["status"]["phase"] == "Missed"
    assert condition(found, "Ready") == ("True", "Missed")
    assert condition(found, "Stalled") is None
    assert condition(found, "Failed") == ("True", "DeadlineMissed")
    assert condition(found, "Finished") == ("True", "Missed")


def test_a_run_within_its_starting_deadline_starts(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE, startingDeadlineSeconds=60))
    sandbox.reconcile(INSTANT + timedelta(seconds=60))
    assert len(sandbox.pods()) == 1


def test_a_missed_run_stays_missed_when_its_deadline_is_lifted(sandbox: Sandbox) -> None:
    sandbox.apply(at(startingDeadlineSeconds=60))
    sandbox.reconcile()
    sandbox.apply(at())
    sandbox.reconcile()
    assert sandbox.pods() == []
    assert sandbox.at("cnrex")["status"]["phase"] == "Missed"


# Ending


def test_success_is_recorded_and_the_pod_released(sandbox: Sandbox) -> None:
    name = started(sandbox)
    sandbox.set_pod_status(name, SUCCEEDED)
    sandbox.reconcile()
    found = sandbox.at("cnrex")
    status = found["status"]
    assert (status["phase"], status["exitCode"], status["reason"]) == ("Succeeded", 0, "Completed")
    assert status["completionTime"] == "2026-01-01T00:00:07Z"
    assert condition(found, "Ready") == ("True", "Succeeded")
    assert condition(found, "Complete") == ("True", "Completed")
    assert condition(found, "Failed") is None
    assert condition(found, "Finished") == ("True", "Succeeded")
    assert "finalizers" not in sandbox.pods()[0]["metadata"]


def test_failure_is_recorded_with_the_exit_code_and_reason_of_the_container(
    sandbox: Sandbox,
) -> None:
    name = started(sandbox)
    sandbox.set_pod_status(
        name,
        {
            "phase": "Failed",
            "containerStatuses": [
                terminated(0, "Completed", "first"),
                terminated(137, "OOMKilled", "second"),
            ],
        },
    )
    sandbox.reconcile()
    found = sandbox.at("cnrex")
    status = found["status"]
    assert (status["phase"], status["exitCode"], status["reason"]) == ("Failed", 137, "OOMKilled")
    assert "'second' exited with 137" in status["message"]
    assert condition(found, "Ready") == ("True", "Failed")
    assert condition(found, "Stalled") is None
    assert condition(found, "Failed") == ("True", "OOMKilled")
    assert condition(found, "Finished") == ("True", "Failed")


def test_a_pod_that_cannot_start_says_why(sandbox: Sandbox) -> None:
    name = started(sandbox)
    statuses = [waiting("ImagePullBackOff", "no such image")]
    sandbox.set_pod_status(name, {"phase": "Pending", "containerStatuses": statuses})
    sandbox.reconcile()
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["reason"]) == ("Running", "ImagePullBackOff")
    assert "no such image" in status["message"]


def test_a_pod_that_cannot_be_scheduled_says_why(sandbox: Sandbox) -> None:
    name = started(sandbox)
    unschedulable = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available",
    }
    sandbox.set_pod_status(name, {"phase": "Pending", "conditions": [unschedulable]})
    sandbox.reconcile()
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["reason"]) == ("Running", "Unschedulable")
    assert "0/3 nodes" in status["message"]


def test_conditions_keep_their_transition_time_while_their_status_stays(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(BEFORE)
    sandbox.reconcile(INSTANT)
    (ready,) = sandbox.at("cnrex")["status"]["conditions"]
    assert ready["reason"] == "Running"
    assert ready["lastTransitionTime"] == "2998-01-01T00:00:00Z"


def test_the_pod_is_deleted_when_its_time_to_live_has_passed(sandbox: Sandbox) -> None:
    name = started(sandbox, at(ttlSecondsAfterFinished=60))
    end = in_an_hour()
    sandbox.set_pod_status(name, succeeded_at(end))
    sandbox.reconcile(end + timedelta(seconds=60))
    assert alive(sandbox) == []
    assert sandbox.at("cnrex")["status"]["phase"] == "Succeeded"


def test_the_pod_is_kept_until_its_time_to_live_has_passed(sandbox: Sandbox) -> None:
    name = started(sandbox, at(ttlSecondsAfterFinished=60))
    end = in_an_hour()
    sandbox.set_pod_status(name, succeeded_at(end))
    sandbox.reconcile(end + timedelta(seconds=59))
    assert alive(sandbox) == [name]


def test_a_cleaned_up_run_is_not_started_again(sandbox: Sandbox) -> None:
    name = started(sandbox, at(ttlSecondsAfterFinished=0))
    sandbox.set_pod_status(name, SUCCEEDED)
    sandbox.reconcile(in_an_hour())
    sandbox.reconcile(in_an_hour())
    assert alive(sandbox) == []


def test_a_pod_younger_than_a_minute_keeps_its_name_from_a_pass_that_was_held_up(
    sandbox: Sandbox,
) -> None:
    name = started(sandbox, at(ttlSecondsAfterFinished=0))
    sandbox.set_pod_status(name, SUCCEEDED)
    sandbox.reconcile()
    assert sandbox.at("cnrex")["status"]["phase"] == "Succeeded"
    assert alive(sandbox) == [name]


# Editing


def test_an_edited_schedule_moves_a_run_that_has_not_started(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(BEFORE)
    sandbox.apply(at(schedule="2999-06-01T00:00:00Z"))
    sandbox.reconcile(INSTANT)
    assert sandbox.pods() == []
    assert sandbox.at("cnrex")["status"]["scheduledTime"] == "2999-06-01T00:00:00Z"


def test_an_edited_schedule_arms_a_new_run_after_one_has_finished(sandbox: Sandbox) -> None:
    first = started(sandbox)
    sandbox.set_pod_status(first, FAILED)
    sandbox.reconcile()
    sandbox.apply(at(schedule="2024-01-01T00:00:00Z"))
    sandbox.reconcile()
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["scheduledTime"]) == ("Running", "2024-01-01T00:00:00Z")
    assert status["podName"] != first
    assert condition(sandbox.at("cnrex"), "Failed") is None


def test_a_run_under_way_finishes_before_an_edited_schedule_counts(sandbox: Sandbox) -> None:
    first = started(sandbox)
    sandbox.apply(at(schedule="2024-01-01T00:00:00Z"))
    sandbox.reconcile()
    assert sandbox.at("cnrex")["status"]["scheduledTime"] == DUE
    assert len(sandbox.pods()) == 1
    sandbox.set_pod_status(first, SUCCEEDED)
    sandbox.reconcile()
    assert sandbox.at("cnrex")["status"]["scheduledTime"] == "2024-01-01T00:00:00Z"
    assert len(sandbox.pods()) == 2


def test_a_schedule_that_is_put_back_is_recognised_as_already_run(sandbox: Sandbox) -> None:
    name = started(sandbox, at(ttlSecondsAfterFinished=0))
    sandbox.set_pod_status(name, FAILED)
    sandbox.reconcile(in_an_hour())
    sandbox.apply(at(schedule=FUTURE, ttlSecondsAfterFinished=0))
    sandbox.reconcile(BEFORE)
    assert sandbox.at("cnrex")["status"]["phase"] == "Pending"
    sandbox.apply(at(ttlSecondsAfterFinished=0))
    sandbox.reconcile(BEFORE)
    status = sandbox.at("cnrex")["status"]
    assert (status["phase"], status["exitCode"], status["scheduledTime"]) == ("Failed", 3, DUE)
    assert alive(sandbox) == []


def test_a_status_by_a_version_that_failed_runs_in_health_is_rewritten_once(
    sandbox: Sandbox,
) -> None:
    name = started(sandbox)
    sandbox.set_pod_status(name, FAILED)
    sandbox.reconcile()
    ready = {
        "type": "Ready",
        "status": "False",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:07Z",
        "reason": "Error",
        "message": "container 'shell' exited with 3 (Error)",
    }
    stalled = {**ready, "type": "Stalled", "status": "True"}
    run = sandbox.at("cnrex")["status"]
    sandbox.set_at_status("cnrex", {**run, "conditions": [ready, stalled]})
    sandbox.reconcile(whole_look())
    found = sandbox.at("cnrex")
    assert condition(found, "Ready") == ("True", "Failed")
    assert condition(found, "Stalled") is None
    assert {**found["status"], "conditions": []} == {**run, "conditions": []}
    before = resource_versions(sandbox, "cnrex")
    sandbox.reconcile(whole_look())
    assert resource_versions(sandbox, "cnrex") == before


def test_any_other_edit_after_the_run_only_moves_the_observed_generation(sandbox: Sandbox) -> None:
    name = started(sandbox)
    sandbox.set_pod_status(name, SUCCEEDED)
    sandbox.reconcile()
    before = sandbox.at("cnrex")["status"]
    sandbox.apply(at(containers=[{"name": "shell", "image": "centos:8"}]))
    sandbox.reconcile()
    found = sandbox.at("cnrex")
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    generations = {"observedGeneration", "conditions"}
    assert {k: v for k, v in found["status"].items() if k not in generations} == {
        k: v for k, v in before.items() if k not in generations
    }
    assert len(sandbox.pods()) == 1


# Refusing


@pytest.mark.parametrize(
    ("schedule", "offsets"),
    [
        pytest.param("2027-03-28T02:30:00", ("+01:00", "+02:00"), id="skipped"),
        pytest.param("2027-10-31T02:30:00", ("+02:00", "+01:00"), id="repeated"),
    ],
)
def test_a_local_time_that_a_clock_change_skips_or_repeats_is_refused_by_name(
    sandbox: Sandbox, schedule: str, offsets: tuple[str, str]
) -> None:
    sandbox.apply(at(schedule=schedule, timeZone="Europe/Berlin"))
    results = sandbox.reconcile()
    found = sandbox.at("cnrex")
    assert condition(found, "Ready") == ("False", "InvalidSchedule")
    assert condition(found, "Stalled") == ("True", "InvalidSchedule")
    assert all(text in found["status"]["message"] for text in (schedule, "Europe/Berlin", *offsets))
    assert [failure.reason for failure in results.failures] == ["InvalidSchedule"]


def test_what_would_be_refused_is_known_long_before_the_instant(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE, containers=[{"name": "shell"}] * 2))
    results = sandbox.reconcile(BEFORE)
    found = sandbox.at("cnrex")
    assert found["status"]["phase"] == "Pending"
    assert condition(found, "Ready") == ("False", "PreflightRejected")
    assert condition(found, "Stalled") == ("True", "PreflightRejected")
    assert "containers[1].name" in found["status"]["message"]
    assert [failure.reason for failure in results.failures] == ["PreflightRejected"]


def test_a_corrected_at_is_armed(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE, containers=[{"name": "shell"}] * 2))
    sandbox.reconcile(BEFORE)
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(BEFORE)
    assert condition(sandbox.at("cnrex"), "Ready") == ("True", "Armed")
    assert condition(sandbox.at("cnrex"), "Stalled") is None


def test_one_refused_at_keeps_no_other_from_running(sandbox: Sandbox) -> None:
    sandbox.apply(at("bad", containers=[{"name": "shell"}] * 2))
    sandbox.apply(at("good"))
    results = sandbox.reconcile()
    assert sandbox.at("good")["status"]["phase"] == "Running"
    assert condition(sandbox.at("bad"), "Stalled") == ("True", "StartRejected")
    assert [failure.at for failure in results.failures] == ["bad"]


def test_a_foreign_pod_under_our_name_is_neither_adopted_nor_deleted(sandbox: Sandbox) -> None:
    name = started(sandbox)
    sandbox.delete_at("cnrex")
    sandbox.apply(at())
    foreign = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _name_of(sandbox, "cnrex")}}
    sandbox.create_pod({**foreign, "spec": {"containers": [{"name": "x", "image": "y"}]}})
    sandbox.reconcile()
    assert condition(sandbox.at("cnrex"), "Stalled") == ("True", "PodNameTaken")
    assert [pod["metadata"]["name"] for pod in sandbox.pods()] in ([], [name])


def _name_of(sandbox: Sandbox, name: str) -> str:
    from cnat.core import pod

    at_now = At(sandbox.at(name))
    return pod.name(at_now, at_now.instant)


# Repeating


def test_a_pass_right_after_a_pass_writes_nothing(sandbox: Sandbox) -> None:
    sandbox.apply(at("new", schedule=FUTURE))
    sandbox.apply(at("due"))
    sandbox.apply(at("suspended", suspend=True))
    sandbox.apply(at("missed", startingDeadlineSeconds=0))
    sandbox.apply(at("refused", schedule=FUTURE, containers=[{"name": "shell"}] * 2))
    sandbox.reconcile()
    everything = ("new", "due", "suspended", "missed", "refused")
    before = resource_versions(sandbox, *everything)
    results = sandbox.reconcile()
    assert results.changes == []
    assert resource_versions(sandbox, *everything) == before


def test_a_finished_run_is_silent_too(sandbox: Sandbox) -> None:
    name = started(sandbox)
    sandbox.set_pod_status(name, SUCCEEDED)
    sandbox.reconcile()
    before = resource_versions(sandbox, "cnrex")
    sandbox.reconcile()
    assert resource_versions(sandbox, "cnrex") == before


def test_a_pod_whose_status_was_never_written_is_found_again(sandbox: Sandbox) -> None:
    started(sandbox)
    # As if the pass had been killed between the create and the status write.
    forgotten = sandbox.at("cnrex")
    sandbox.set_at_status("cnrex", None)
    assert forgotten["status"]["phase"] == "Running"
    sandbox.reconcile()
    assert sandbox.at("cnrex")["status"]["podName"] == forgotten["status"]["podName"]
    assert len(sandbox.pods()) == 1


# Deleting


def test_the_pod_of_a_deleted_at_is_released(sandbox: Sandbox) -> None:
    started(sandbox)
    sandbox.delete_at("cnrex")
    sandbox.reconcile(in_an_hour())
    assert [pod for pod in sandbox.pods() if pod["metadata"].get("finalizers")] == []


def test_the_pod_of_an_at_that_is_deleted_at_once_keeps_its_name_for_a_minute(
    sandbox: Sandbox,
) -> None:
    name = started(sandbox)
    sandbox.delete_at("cnrex")
    sandbox.reconcile()
    assert [pod["metadata"]["name"] for pod in sandbox.pods()] == [name]


def test_a_recreated_at_runs_again_since_it_is_another(sandbox: Sandbox) -> None:
    first = started(sandbox)
    sandbox.delete_at("cnrex")
    sandbox.apply(at())
    sandbox.reconcile()
    assert sandbox.at("cnrex")["status"]["podName"] != first


def test_a_pod_deleted_while_it_ran_is_recorded_and_not_replaced(sandbox: Sandbox) -> None:
    name = started(sandbox)
    sandbox.delete_pod(name)
    sandbox.reconcile()
    found = sandbox.at("cnrex")
    assert (found["status"]["phase"], found["status"]["reason"]) == ("Failed", "PodDeleted")
    sandbox.reconcile()
    assert alive(sandbox) == []


def test_the_outcome_of_a_pod_deleted_the_moment_it_finished_is_not_lost(sandbox: Sandbox) -> None:
    name = started(sandbox)
    sandbox.set_pod_status(name, FAILED)
    sandbox.delete_pod(name)
    sandbox.reconcile()
    assert sandbox.at("cnrex")["status"]["exitCode"] == 3


def test_a_pod_stripped_of_its_finalizer_and_gone_is_lost_and_never_run_again(
    sandbox: Sandbox,
) -> None:
    name = started(sandbox)
    sandbox.edit_pod(name, {"finalizers": None})
    sandbox.delete_pod(name)
    _wait_for_absence(sandbox, name)
    sandbox.reconcile()
    found = sandbox.at("cnrex")
    assert (found["status"]["phase"], found["status"]["reason"]) == ("Failed", "PodLost")
    sandbox.reconcile()
    assert sandbox.pods() == []


def _wait_for_absence(sandbox: Sandbox, name: str) -> None:
    """A real Pod without a node is gone at once; only a bounded number of looks is spent."""
    for _ in range(100):
        if name not in [pod["metadata"]["name"] for pod in sandbox.pods()]:
            return
    pytest.fail(f"Pod {name} is still there")


# Telling


def test_events_tell_the_story_once(sandbox: Sandbox) -> None:
    sandbox.apply(at(schedule=FUTURE))
    sandbox.reconcile(BEFORE)
    sandbox.reconcile(INSTANT)
    name = sandbox.pods()[0]["metadata"]["name"]
    sandbox.set_pod_status(name, SUCCEEDED)
    sandbox.reconcile(INSTANT)
    sandbox.reconcile(INSTANT)
    story = [(event["type"], event["reason"], event["note"]) for event in sandbox.events()]
    assert sorted(story) == [
        ("Normal", "Armed", f"starts at {FUTURE}"),
        ("Normal", "Completed", f"Pod {name} succeeded"),
        ("Normal", "Started", f"created Pod {name}"),
    ]


def test_kubectl_describe_tells_the_story_in_its_order(real_sandbox: RealSandbox) -> None:
    real_sandbox.apply(at(schedule=FUTURE))
    real_sandbox.reconcile(BEFORE)
    real_sandbox.apply(at())
    real_sandbox.reconcile()
    (pod,) = real_sandbox.pods()
    pulling = {"name": "shell", "state": {"waiting": {"reason": "ErrImagePull"}}}
    real_sandbox.set_pod_status(
        pod["metadata"]["name"], {"phase": "Pending", "containerStatuses": [pulling]}
    )
    real_sandbox.reconcile()
    real_sandbox.set_pod_status(pod["metadata"]["name"], SUCCEEDED)
    real_sandbox.reconcile()
    described = real_sandbox.control_plane.kubectl(
        "describe", "at", "cnrex", "-n", real_sandbox.namespace
    ).stdout
    story = described.partition("Events:")[2].splitlines()[3:]
    reasons = [line.split()[1] for line in story if line]
    assert reasons == ["Armed", "Started", "ImagePullBackOff", "Completed"]


def test_nothing_of_an_at_but_its_status_is_ever_written(real_sandbox: RealSandbox) -> None:
    name = started(real_sandbox, at(ttlSecondsAfterFinished=0))
    before = real_sandbox.at("cnrex")
    real_sandbox.set_pod_status(name, SUCCEEDED)
    real_sandbox.reconcile()
    after = real_sandbox.at("cnrex")
    assert after["spec"] == before["spec"]
    kept = {"resourceVersion", "managedFields"}
    assert {k: v for k, v in after["metadata"].items() if k not in kept} == {
        k: v for k, v in before["metadata"].items() if k not in kept
    }
    managers = {
        (entry["manager"], entry.get("subresource")) for entry in after["metadata"]["managedFields"]
    }
    assert managers == {("user", None), ("cnat", "status")}
