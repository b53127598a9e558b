"""What happens to Pods behind cnat's back: their run is recorded and never repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cnat.core import api
from cnat.core.observed_pod import Pod
from tests.exactly_once.counted import CountedSandbox, poll
from tests.exactly_once.scenario import WAITING, ended
from tests.support.sandbox import Manifest, RealSandbox, at

RUNNING: Manifest = {
    "phase": "Running",
    "containerStatuses": [
        {
            "name": "shell",
            "image": "i",
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}


def in_a_while() -> datetime:
    """Long enough for every grace period to be over."""
    return datetime.now(UTC) + timedelta(minutes=10)


def assert_over(counted: CountedSandbox, outcome: tuple[str, str]) -> None:
    """The run has this outcome, the only one for ever, and cnat holds nothing any more."""
    counted.until_silent(in_a_while())
    assert counted.outcome("cnrex") == outcome
    assert counted.started("cnrex") == 1
    assert [pod for pod in counted.sandbox.pods() if Pod.of(pod).has_finalizer] == []


@pytest.mark.parametrize("status", [{}, WAITING], ids=["new", "waiting"])
def test_a_pod_deleted_while_pending_ends_its_run(
    counted: CountedSandbox, status: Manifest
) -> None:
    name = counted.start(at())
    counted.sandbox.set_pod_status(name, status)
    counted.sandbox.delete_pod(name)
    assert_over(counted, ("Failed", "PodDeleted"))


def test_a_pod_deleted_while_running_is_waited_for(real: CountedSandbox) -> None:
    name = running_on_a_node(real)
    real.sandbox.delete_pod(name)
    real.reconcile()
    assert real.outcome("cnrex") == ("Running", "")
    assert Pod.of(real.pod(name)).has_finalizer


def test_the_exit_of_a_pod_deleted_while_running_is_recorded(real: CountedSandbox) -> None:
    name = running_on_a_node(real)
    real.sandbox.delete_pod(name)
    real.sandbox.set_pod_status(name, ended(143))
    assert_over(real, ("Failed", "Error"))
    assert real.sandbox.at("cnrex")["status"]["exitCode"] == 143


def test_a_pod_deleted_while_running_whose_node_never_reports_ends_its_run(
    real: CountedSandbox,
) -> None:
    name = running_on_a_node(real)
    real.sandbox.delete_pod(name)
    assert_over(real, ("Failed", "PodDeleted"))


@pytest.mark.parametrize(
    ("code", "outcome"), [(0, ("Succeeded", "Completed")), (3, ("Failed", "Error"))]
)
def test_a_pod_deleted_the_moment_it_finishes_has_its_outcome_recorded(
    counted: CountedSandbox, code: int, outcome: tuple[str, str]
) -> None:
    name = counted.start(at())
    counted.sandbox.set_pod_status(name, ended(code))
    counted.sandbox.delete_pod(name)
    assert_over(counted, outcome)


def test_an_evicted_pod_ends_its_run_and_says_who_evicted_it(real: CountedSandbox) -> None:
    name = running_on_a_node(real)
    assert isinstance(real.sandbox, RealSandbox)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    real.sandbox.request("POST", f"{real.sandbox.core}/pods/{name}/eviction", eviction)
    assert_over(real, ("Failed", "EvictionByEvictionAPI"))


def test_a_pod_evicted_by_its_kubelet_ends_its_run(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.set_pod_status(
        name,
        {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on resource: memory.",
            "conditions": [disrupted("TerminationByKubelet")],
        },
    )
    assert_over(counted, ("Failed", "Evicted"))


def test_a_pod_whose_node_is_gone_ends_its_run(counted: CountedSandbox) -> None:
    """As the Pod garbage collector does it: fail, then delete without grace."""
    name = counted.start(at())
    counted.sandbox.set_pod_status(
        name, {"phase": "Failed", "conditions": [disrupted("DeletionByPodGC")]}
    )
    counted.sandbox.delete_pod(name)
    assert_over(counted, ("Failed", "DeletionByPodGC"))


@pytest.mark.exhaustive
def test_a_pod_that_the_real_garbage_collector_takes_from_a_lost_node_ends_its_run(
    real: CountedSandbox,
) -> None:
    name = running_on_a_node(real)
    poll(lambda: Pod.of(real.pod(name)).deleted is not None, looks=3000)
    assert_over(real, ("Failed", "DeletionByPodGC"))


def test_a_pod_deleted_by_force_is_still_held_until_its_end_is_recorded(
    real: CountedSandbox,
) -> None:
    name = running_on_a_node(real)
    assert isinstance(real.sandbox, RealSandbox)
    real.sandbox.request("DELETE", f"{real.sandbox.core}/pods/{name}?gracePeriodSeconds=0")
    assert Pod.of(real.pod(name)).has_finalizer
    assert_over(real, ("Failed", "PodDeleted"))


def test_a_running_pod_stripped_of_its_finalizer_and_gone_is_lost(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.set_pod_status(name, RUNNING)
    vanish(counted, name)
    assert_over(counted, ("Failed", "PodLost"))


def test_a_pod_that_finished_but_was_stripped_and_gone_before_a_pass_is_lost(
    counted: CountedSandbox,
) -> None:
    name = counted.start(at())
    counted.sandbox.set_pod_status(name, ended(0))
    vanish(counted, name)
    assert_over(counted, ("Failed", "PodLost"))


def test_a_pod_stripped_of_its_labels_is_still_the_runs(counted: CountedSandbox) -> None:
    name = counted.start(at())
    labels = counted.pod(name)["metadata"]["labels"]
    counted.sandbox.edit_pod(name, {"labels": None})
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Running", "NotScheduled")
    counted.sandbox.set_pod_status(name, ended(0))
    assert_over(counted, ("Succeeded", "Completed"))
    counted.sandbox.edit_pod(name, {"labels": labels})
    assert not Pod.of(counted.pod(name)).has_finalizer


def test_a_pod_without_labels_that_no_status_tells_of_is_found_by_its_name(
    counted: CountedSandbox,
) -> None:
    name = counted.start(at())
    counted.sandbox.edit_pod(name, {"labels": None})
    counted.sandbox.set_at_status("cnrex", None)
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Running", "NotScheduled")
    assert counted.started("cnrex") == 1


def test_a_pod_without_its_owner_is_left_alone(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.edit_pod(name, {"ownerReferences": None})
    before = counted.pod(name)
    counted.until_silent()
    assert counted.outcome("cnrex") == ("Failed", "PodLost")
    assert counted.started("cnrex") == 1
    assert counted.pod(name) == before


def test_a_pod_that_gets_its_owner_back_has_its_run_recorded_after_all(
    counted: CountedSandbox,
) -> None:
    name = counted.start(at())
    owners = counted.pod(name)["metadata"]["ownerReferences"]
    counted.sandbox.edit_pod(name, {"ownerReferences": None})
    counted.until_silent()
    counted.sandbox.edit_pod(name, {"ownerReferences": owners})
    counted.sandbox.set_pod_status(name, ended(3))
    assert_over(counted, ("Failed", "Error"))


def test_a_pod_that_says_another_instant_is_known_by_its_name(counted: CountedSandbox) -> None:
    name = counted.start(at())
    counted.sandbox.edit_pod(name, {"annotations": {api.SCHEDULED_TIME: "2030-01-01T00:00:00Z"}})
    counted.sandbox.set_pod_status(name, ended(0))
    assert_over(counted, ("Succeeded", "Completed"))


def test_a_finalizer_that_is_not_ours_stays(counted: CountedSandbox) -> None:
    name = counted.start(at())
    ours = counted.pod(name)["metadata"]["finalizers"]
    counted.sandbox.edit_pod(name, {"finalizers": [*ours, "example.org/theirs"]})
    counted.sandbox.set_pod_status(name, ended(0))
    counted.until_silent(in_a_while())
    assert counted.pod(name)["metadata"]["finalizers"] == ["example.org/theirs"]
    counted.sandbox.edit_pod(name, {"finalizers": None})


def test_a_copy_of_a_pod_under_another_name_is_left_alone(counted: CountedSandbox) -> None:
    name = counted.start(at())
    metadata = counted.pod(name)["metadata"]
    kept = ("labels", "annotations", "ownerReferences", "finalizers")
    copied = {key: metadata[key] for key in kept}
    containers = [{"name": "shell", "image": "centos:7"}]
    counted.sandbox.create_pod(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "copy", **copied},
            "spec": {"containers": containers},
        }
    )
    counted.sandbox.set_pod_status("copy", ended(3))
    before = counted.pod("copy")
    counted.sandbox.set_pod_status(name, ended(0))
    counted.until_silent(in_a_while())
    assert counted.outcome("cnrex") == ("Succeeded", "Completed")
    assert counted.pod("copy") == before


def disrupted(reason: str) -> Manifest:
    return {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": "somebody else needs the room",
        "lastTransitionTime": "2026-01-01T00:00:07Z",
    }


def running_on_a_node(real: CountedSandbox) -> str:
    """Start a run, bind its Pod to a node (which doesn't exist), and let it run."""
    name = real.start(at())
    assert isinstance(real.sandbox, RealSandbox)
    target = {"apiVersion": "v1", "kind": "Node", "name": "somewhere"}
    binding = {"metadata": {"name": name}, "target": target}
    real.sandbox.request("POST", f"{real.sandbox.core}/pods/{name}/binding", binding)
    real.sandbox.set_pod_status(name, RUNNING)
    real.reconcile()
    return name


def vanish(counted: CountedSandbox, name: str) -> None:
    """Strip a Pod of its finalizer and delete it."""
    counted.sandbox.edit_pod(name, {"finalizers": None})
    counted.sandbox.delete_pod(name)
    assert name not in [pod["metadata"]["name"] for pod in counted.sandbox.pods()]
