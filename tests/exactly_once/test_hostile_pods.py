"""What happens to Pods behind cnat's back: their run is recorded and never repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cnat import api
from tests.exactly_once.observed import Observed, poll
from tests.exactly_once.scenario import WAITING, ended
from tests.worlds import Manifest, RealWorld, at

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


def assert_over(observed: Observed, outcome: tuple[str, str]) -> None:
    """The run has this outcome, the only one for ever, and cnat holds nothing any more."""
    observed.until_silent(in_a_while())
    assert observed.outcome("cnrex") == outcome
    assert observed.started("cnrex") == 1
    assert [pod for pod in observed.world.pods() if api.Pod(pod).held] == []


@pytest.mark.parametrize("status", [{}, WAITING], ids=["new", "waiting"])
def test_a_pod_deleted_while_pending_ends_its_run(observed: Observed, status: Manifest) -> None:
    name = observed.start(at())
    observed.world.set_pod_status(name, status)
    observed.world.delete_pod(name)
    assert_over(observed, ("Failed", "PodDeleted"))


def test_a_pod_deleted_while_running_is_waited_for(real: Observed) -> None:
    name = running_on_a_node(real)
    real.world.delete_pod(name)
    real.reconcile()
    assert real.outcome("cnrex") == ("Running", "")
    assert api.Pod(real.pod(name)).held


def test_the_exit_of_a_pod_deleted_while_running_is_recorded(real: Observed) -> None:
    name = running_on_a_node(real)
    real.world.delete_pod(name)
    real.world.set_pod_status(name, ended(143))
    assert_over(real, ("Failed", "Error"))
    assert real.world.at("cnrex")["status"]["exitCode"] == 143


def test_a_pod_deleted_while_running_whose_node_never_reports_ends_its_run(real: Observed) -> None:
    name = running_on_a_node(real)
    real.world.delete_pod(name)
    assert_over(real, ("Failed", "PodDeleted"))


@pytest.mark.parametrize(
    ("code", "outcome"), [(0, ("Succeeded", "Completed")), (3, ("Failed", "Error"))]
)
def test_a_pod_deleted_the_moment_it_finishes_has_its_outcome_recorded(
    observed: Observed, code: int, outcome: tuple[str, str]
) -> None:
    name = observed.start(at())
    observed.world.set_pod_status(name, ended(code))
    observed.world.delete_pod(name)
    assert_over(observed, outcome)


def test_an_evicted_pod_ends_its_run_and_says_who_evicted_it(real: Observed) -> None:
    name = running_on_a_node(real)
    assert isinstance(real.world, RealWorld)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    real.world.request("POST", f"{real.world.core}/pods/{name}/eviction", eviction)
    assert_over(real, ("Failed", "EvictionByEvictionAPI"))


def test_a_pod_evicted_by_its_kubelet_ends_its_run(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.set_pod_status(
        name,
        {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on resource: memory.",
            "conditions": [disrupted("TerminationByKubelet")],
        },
    )
    assert_over(observed, ("Failed", "Evicted"))


def test_a_pod_whose_node_is_gone_ends_its_run(observed: Observed) -> None:
    """As the Pod garbage collector does it: fail, then delete without grace."""
    name = observed.start(at())
    observed.world.set_pod_status(
        name, {"phase": "Failed", "conditions": [disrupted("DeletionByPodGC")]}
    )
    observed.world.delete_pod(name)
    assert_over(observed, ("Failed", "DeletionByPodGC"))


@pytest.mark.exhaustive
def test_a_pod_that_the_real_garbage_collector_takes_from_a_lost_node_ends_its_run(
    real: Observed,
) -> None:
    name = running_on_a_node(real)
    poll(lambda: api.Pod(real.pod(name)).deleted is not None, looks=3000)
    assert_over(real, ("Failed", "DeletionByPodGC"))


def test_a_pod_deleted_by_force_is_still_held_until_its_end_is_recorded(real: Observed) -> None:
    name = running_on_a_node(real)
    assert isinstance(real.world, RealWorld)
    real.world.request("DELETE", f"{real.world.core}/pods/{name}?gracePeriodSeconds=0")
    assert api.Pod(real.pod(name)).held
    assert_over(real, ("Failed", "PodDeleted"))


def test_a_running_pod_stripped_of_its_finalizer_and_gone_is_lost(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.set_pod_status(name, RUNNING)
    vanish(observed, name)
    assert_over(observed, ("Failed", "PodLost"))


def test_a_pod_that_finished_but_was_stripped_and_gone_before_a_pass_is_lost(
    observed: Observed,
) -> None:
    name = observed.start(at())
    observed.world.set_pod_status(name, ended(0))
    vanish(observed, name)
    assert_over(observed, ("Failed", "PodLost"))


def test_a_pod_stripped_of_its_labels_is_not_replaced(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.edit_pod(name, {"labels": None})
    observed.until_silent()
    assert observed.outcome("cnrex") == ("Failed", "PodLost")
    assert observed.started("cnrex") == 1


def test_a_pod_that_gets_its_labels_back_has_its_run_recorded_after_all(
    observed: Observed,
) -> None:
    name = observed.start(at())
    labels = observed.pod(name)["metadata"]["labels"]
    observed.world.edit_pod(name, {"labels": None})
    observed.until_silent()
    observed.world.edit_pod(name, {"labels": labels})
    observed.world.set_pod_status(name, ended(0))
    assert_over(observed, ("Succeeded", "Completed"))


def test_a_pod_without_labels_that_no_status_tells_of_is_not_replaced(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.edit_pod(name, {"labels": None})
    observed.world.set_at_status("cnrex", None)
    observed.until_silent()
    assert observed.outcome("cnrex") == ("Pending", "PodNameTaken")
    assert observed.started("cnrex") == 1


def test_a_pod_without_its_owner_is_left_alone(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.edit_pod(name, {"ownerReferences": None})
    before = observed.pod(name)
    observed.until_silent()
    assert observed.outcome("cnrex") == ("Failed", "PodLost")
    assert observed.started("cnrex") == 1
    assert observed.pod(name) == before


def test_a_pod_that_gets_its_owner_back_has_its_run_recorded_after_all(
    observed: Observed,
) -> None:
    name = observed.start(at())
    owners = observed.pod(name)["metadata"]["ownerReferences"]
    observed.world.edit_pod(name, {"ownerReferences": None})
    observed.until_silent()
    observed.world.edit_pod(name, {"ownerReferences": owners})
    observed.world.set_pod_status(name, ended(3))
    assert_over(observed, ("Failed", "Error"))


def test_a_pod_that_says_another_instant_is_known_by_its_name(observed: Observed) -> None:
    name = observed.start(at())
    observed.world.edit_pod(name, {"annotations": {api.SCHEDULED_TIME: "2030-01-01T00:00:00Z"}})
    observed.world.set_pod_status(name, ended(0))
    assert_over(observed, ("Succeeded", "Completed"))


def test_a_finalizer_that_is_not_ours_stays(observed: Observed) -> None:
    name = observed.start(at())
    ours = observed.pod(name)["metadata"]["finalizers"]
    observed.world.edit_pod(name, {"finalizers": [*ours, "example.org/theirs"]})
    observed.world.set_pod_status(name, ended(0))
    observed.until_silent(in_a_while())
    assert observed.pod(name)["metadata"]["finalizers"] == ["example.org/theirs"]
    observed.world.edit_pod(name, {"finalizers": None})


def test_a_copy_of_a_pod_under_another_name_is_left_alone(observed: Observed) -> None:
    name = observed.start(at())
    metadata = observed.pod(name)["metadata"]
    kept = ("labels", "annotations", "ownerReferences", "finalizers")
    copied = {key: metadata[key] for key in kept}
    containers = [{"name": "shell", "image": "centos:7"}]
    observed.world.create_pod(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "copy", **copied},
            "spec": {"containers": containers},
        }
    )
    observed.world.set_pod_status("copy", ended(3))
    before = observed.pod("copy")
    observed.world.set_pod_status(name, ended(0))
    observed.until_silent(in_a_while())
    assert observed.outcome("cnrex") == ("Succeeded", "Completed")
    assert observed.pod("copy") == before


def disrupted(reason: str) -> Manifest:
    return {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": "somebody else needs the room",
        "lastTransitionTime": "2026-01-01T00:00:07Z",
    }


def running_on_a_node(real: Observed) -> str:
    """Start a run, bind its Pod to a node (which doesn't exist), and let it run."""
    name = real.start(at())
    assert isinstance(real.world, RealWorld)
    target = {"apiVersion": "v1", "kind": "Node", "name": "somewhere"}
    binding = {"metadata": {"name": name}, "target": target}
    real.world.request("POST", f"{real.world.core}/pods/{name}/binding", binding)
    real.world.set_pod_status(name, RUNNING)
    real.reconcile()
    return name


def vanish(observed: Observed, name: str) -> None:
    """Strip a Pod of its finalizer and delete it."""
    observed.world.edit_pod(name, {"finalizers": None})
    observed.world.delete_pod(name)
    assert name not in [pod["metadata"]["name"] for pod in observed.world.pods()]
