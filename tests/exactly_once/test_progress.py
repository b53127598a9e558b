"""Passes that run out of time: each gets further than the one before."""

from __future__ import annotations

from datetime import timedelta

from cnat.cluster.deadline import Deadline
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.engine.reconcile import reconcile
from cnat.engine.settings import Settings
from cnat.local.store import LocalCluster
from tests.exactly_once.interceptor import Intercepted
from tests.exactly_once.scenario import ended
from tests.exactly_once.timed import TimedSandbox
from tests.support.sandbox import at

SECONDS = 10.0
# Of ten seconds the lists take four, and each At takes four more, its Event included.
PASSES = 8


def slow(timed: TimedSandbox) -> list[str]:
    """A pass in which each request takes a second."""
    return timed.one_pass(before=lambda *_: timed.clock.go_on(1.0), timeout=SECONDS)


def test_more_refused_ats_than_a_pass_has_time_for_do_not_starve_a_good_one(
    timed: TimedSandbox,
) -> None:
    for number in range(12):
        timed.sandbox.apply(at(f"bad-{number}", containers=[{"name": "shell"}] * 2))
    timed.sandbox.apply(at("good", schedule="2023-05-21T02:00:01Z"))
    for _ in range(PASSES):
        slow(timed)
    assert timed.sandbox.at("good")["status"]["phase"] == "Running"


def test_more_due_ats_than_a_pass_has_time_for_all_run_once(timed: TimedSandbox) -> None:
    names = [f"a{number}" for number in range(12)]
    for name in names:
        timed.sandbox.apply(at(name))
    for _ in range(PASSES):
        slow(timed)
    for pod in timed.sandbox.pods():
        timed.sandbox.set_pod_status(pod["metadata"]["name"], ended(0))
    for _ in range(PASSES):
        slow(timed)
        timed.clock.now += timedelta(seconds=60)
    assert {timed.sandbox.at(name)["status"]["phase"] for name in names} == {"Succeeded"}
    assert timed.creations.repeated == []


class Pruning(LocalCluster):
    """An API server whose CRD is older than cnat: it drops the fields that it doesn't know."""

    def update_status(self, at: At, status: Manifest) -> Manifest:
        known = {key: value for key, value in status.items() if key != "history"}
        return super().update_status(at, known)


def test_a_status_that_is_not_kept_as_written_is_a_failure_and_no_endless_pass(
    timed: TimedSandbox,
) -> None:
    timed.sandbox.apply(at())
    timed.one_pass()
    timed.sandbox.set_pod_status(timed.sandbox.pods()[0]["metadata"]["name"], ended(0))
    timed.one_pass()
    timed.sandbox.apply(at(schedule="2999-01-01T00:00:00Z"))
    pruning = Pruning(str(timed.sandbox.directory), now=lambda: timed.clock.now)
    cluster = Intercepted(pruning, timed.creations, before=lambda *_: timed.clock.go_on(1.0))
    (failure,) = reconcile(cluster, Deadline(100.0), Settings(concurrency=1)).failures
    assert "kustomize/crd" in failure.message
    assert cluster.requests.count("update_status") == 1
