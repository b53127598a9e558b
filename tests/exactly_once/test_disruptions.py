"""What ends Pods in a cluster, as Kubernetes really tells it, and whose run gets another Pod then.

The API server, the eviction API and the Pod garbage collector are the real ones. What kubelets, the
scheduler and the taint eviction controller write is written as they do (KEP-3329).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from tests.exactly_once.counted import CountedSandbox, poll
from tests.exactly_once.scenario import WAITING, ended
from tests.exactly_once.test_hostile_pods import RUNNING, disrupted, in_a_while
from tests.support.sandbox import Manifest, RealSandbox, at

NEVER, NOT_STARTED, DISRUPTED, FAILED = POLICIES = ("Never", "NotStarted", "Disrupted", "Failed")

Happening = Callable[[CountedSandbox, str], None]


def request(real: CountedSandbox, method: str, path: str, body: Manifest | None = None) -> None:
    assert isinstance(real.sandbox, RealSandbox)
    real.sandbox.request(method, f"{real.sandbox.core}/pods/{path}", body)


def bind(real: CountedSandbox, name: str) -> None:
    """To a node that does not exist."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "somewhere"}
    request(real, "POST", f"{name}/binding", {"metadata": {"name": name}, "target": target})


def run(real: CountedSandbox, name: str) -> None:
    bind(real, name)
    began = rfc3339(datetime.now(UTC).replace(microsecond=0))
    real.sandbox.set_pod_status(name, {**RUNNING, "startTime": began})


# What happens


def is_deleted_before_it_has_a_node(real: CountedSandbox, name: str) -> None:
    real.sandbox.delete_pod(name)


def is_refused_by_its_kubelet(real: CountedSandbox, name: str) -> None:
    bind(real, name)
    refuse(real, name, datetime.now(UTC))


def is_refused_by_a_restarted_kubelet(real: CountedSandbox, name: str) -> None:
    """It had started it; the labels of the node have changed since (kubernetes#123859)."""
    bind(real, name)
    refuse(real, name, datetime(2026, 1, 1, tzinfo=UTC))


def refuse(real: CountedSandbox, name: str, acknowledged: datetime) -> None:
    status = {
        "phase": "Failed",
        "reason": "NodeAffinity",
        "message": "Pod was rejected: Predicate NodeAffinity failed",
        "startTime": rfc3339(acknowledged.replace(microsecond=0)),
        "conditions": None,
        "containerStatuses": None,
    }
    real.sandbox.set_pod_status(name, status)


def is_drained(real: CountedSandbox, name: str) -> None:
    run(real, name)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    request(real, "POST", f"{name}/eviction", eviction)
    real.sandbox.set_pod_status(name, {**ended(143), **conditions(real, name)})


def is_drained_and_not_heard_of_again(real: CountedSandbox, name: str) -> None:
    run(real, name)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    request(real, "POST", f"{name}/eviction", eviction)


def is_preempted(real: CountedSandbox, name: str) -> None:
    run(real, name)
    real.sandbox.set_pod_status(name, {"conditions": [disrupted("PreemptionByScheduler")]})
    real.sandbox.delete_pod(name)


def has_its_node_tainted(real: CountedSandbox, name: str) -> None:
    run(real, name)
    real.sandbox.set_pod_status(name, {"conditions": [disrupted("DeletionByTaintManager")]})
    real.sandbox.delete_pod(name)


def is_evicted_by_its_kubelet(real: CountedSandbox, name: str) -> None:
    run(real, name)
    told = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    marked = {"conditions": [disrupted("TerminationByKubelet")]}
    real.sandbox.set_pod_status(name, {**ended(137), **told, **marked})


def has_its_node_shut_down(real: CountedSandbox, name: str) -> None:
    run(real, name)
    told = {"reason": "Terminated", "message": "Pod was terminated in response to imminent node"}
    marked = {"conditions": [disrupted("TerminationByKubelet")]}
    real.sandbox.set_pod_status(name, {**ended(137), **told, **marked})


def is_collected_from_a_lost_node(real: CountedSandbox, name: str) -> None:
    bind(real, name)
    marked = {"conditions": [disrupted("DeletionByPodGC")]}
    real.sandbox.set_pod_status(name, {"phase": "Failed", **marked})
    request(real, "DELETE", f"{name}?gracePeriodSeconds=0")


def is_deleted_by_somebody(real: CountedSandbox, name: str) -> None:
    run(real, name)
    real.sandbox.delete_pod(name)


def is_deleted_while_it_pulls_its_image(real: CountedSandbox, name: str) -> None:
    """Nothing of it has started, but nobody can prove that."""
    bind(real, name)
    real.sandbox.set_pod_status(name, WAITING)
    real.sandbox.delete_pod(name)


def vanishes(real: CountedSandbox, name: str) -> None:
    run(real, name)
    real.reconcile()
    real.sandbox.edit_pod(name, {"finalizers": None})
    request(real, "DELETE", f"{name}?gracePeriodSeconds=0")


def fails(real: CountedSandbox, name: str) -> None:
    run(real, name)
    real.sandbox.set_pod_status(name, ended(3))


def runs_out_of_its_deadline(real: CountedSandbox, name: str) -> None:
    run(real, name)
    told = {"reason": "DeadlineExceeded", "message": "Pod was active on the node longer than"}
    real.sandbox.set_pod_status(name, {**ended(137), **told})


def succeeds(real: CountedSandbox, name: str) -> None:
    run(real, name)
    real.sandbox.set_pod_status(name, ended(0))


def conditions(real: CountedSandbox, name: str) -> Manifest:
    """Those that it has: a kubelet keeps what others have written."""
    return {"conditions": real.pod(name)["status"]["conditions"]}


RETRIED_BY: dict[Happening, set[str]] = {
    is_deleted_before_it_has_a_node: {NOT_STARTED, DISRUPTED, FAILED},
    is_refused_by_its_kubelet: {NOT_STARTED, DISRUPTED, FAILED},
    is_refused_by_a_restarted_kubelet: {FAILED},
    is_drained: {DISRUPTED, FAILED},
    is_drained_and_not_heard_of_again: {DISRUPTED, FAILED},
    is_preempted: {DISRUPTED, FAILED},
    has_its_node_tainted: {DISRUPTED, FAILED},
    is_evicted_by_its_kubelet: {DISRUPTED, FAILED},
    has_its_node_shut_down: {DISRUPTED, FAILED},
    is_collected_from_a_lost_node: {DISRUPTED, FAILED},
    is_deleted_by_somebody: {DISRUPTED, FAILED},
    is_deleted_while_it_pulls_its_image: {DISRUPTED, FAILED},
    vanishes: {DISRUPTED, FAILED},
    fails: {FAILED},
    runs_out_of_its_deadline: {FAILED},
    succeeds: set(),
}


@pytest.mark.parametrize("happening", RETRIED_BY, ids=lambda happening: happening.__name__)
def test_a_run_gets_another_pod_if_its_policy_covers_that_its_pod(
    real: CountedSandbox, happening: Happening
) -> None:
    ats = {policy: policy.lower() for policy in POLICIES}
    for policy, name in ats.items():
        real.sandbox.apply(at(name, retryPolicy=policy))
    real.reconcile()
    for name in ats.values():
        happening(real, real.pod_of(name))
    for passed in (
        timedelta(),
        timedelta(minutes=10),
    ):  # The end is recorded; the back-off is over.
        real.until_silent(in_a_while() + passed)

    assert {policy for policy in ats if real.started(ats[policy]) == 2} == RETRIED_BY[happening]
    assert {policy for policy in ats if real.started(ats[policy]) > 2} == set()
    assert real.creations.repeated == []
    for policy, name in ats.items():
        status = real.sandbox.at(name)["status"]
        retried = policy in RETRIED_BY[happening]
        assert (status["phase"] == "Running") == retried
        assert len(status.get("attempts", [])) == retried


@pytest.mark.exhaustive
def test_a_run_whose_node_is_gone_goes_on_once_the_real_garbage_collector_has_seen_it(
    real: CountedSandbox,
) -> None:
    name = real.start(at(retryPolicy=DISRUPTED))
    run(real, name)
    poll(lambda: Pod.of(real.pod(name)).deleted is not None, looks=3000)
    for passed in (timedelta(), timedelta(minutes=10)):
        real.until_silent(in_a_while() + passed)
    assert real.started("cnrex") == 2
    (attempt,) = real.sandbox.at("cnrex")["status"]["attempts"]
    assert attempt["reason"] == "DeletionByPodGC"
