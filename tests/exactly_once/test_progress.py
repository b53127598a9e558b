"""Passes that run out of time: each gets further than the one before."""

from __future__ import annotations

from datetime import timedelta

from cnat.api import At
from cnat.apply import Applier
from cnat.deadline import Deadline
from cnat.fields import Manifest
from cnat.local import LocalCluster
from cnat.reconciler import reconcile
from tests.exactly_once.interposed import Interposed
from tests.exactly_once.place import Place
from tests.exactly_once.scenario import ended
from tests.worlds import at

SECONDS = 10.0


def slow(place: Place) -> list[str]:
    """A pass in which each request takes a second."""
    return place.one_pass(before=lambda *_: place.clock.go_on(1.0), timeout=SECONDS)


def test_more_refused_ats_than_a_pass_has_time_for_do_not_starve_a_good_one(place: Place) -> None:
    for number in range(12):
        place.world.apply(at(f"bad-{number}", containers=[{"name": "shell"}] * 2))
    place.world.apply(at("good", schedule="2023-05-21T02:00:01Z"))
    for _ in range(6):
        slow(place)
    assert place.world.at("good")["status"]["phase"] == "Running"


def test_more_due_ats_than_a_pass_has_time_for_all_run_once(place: Place) -> None:
    names = [f"a{number}" for number in range(12)]
    for name in names:
        place.world.apply(at(name))
    for _ in range(6):
        slow(place)
    for pod in place.world.pods():
        place.world.set_pod_status(pod["metadata"]["name"], ended(0))
    for _ in range(6):
        slow(place)
        place.clock.now += timedelta(seconds=60)
    assert {place.world.at(name)["status"]["phase"] for name in names} == {"Succeeded"}
    assert place.creations.repeated == []


class Pruning(LocalCluster):
    """An API server whose CRD is older than cnat: it drops the fields that it doesn't know."""

    def update_status(self, at: At, status: Manifest) -> Manifest:
        known = {key: value for key, value in status.items() if key != "history"}
        return super().update_status(at, known)


def test_a_status_that_is_not_kept_as_written_is_a_failure_and_no_endless_pass(
    place: Place,
) -> None:
    place.world.apply(at())
    place.one_pass()
    place.world.set_pod_status(place.world.pods()[0]["metadata"]["name"], ended(0))
    place.one_pass()
    place.world.apply(at(schedule="2999-01-01T00:00:00Z"))
    pruning = Pruning(str(place.world.directory), now=lambda: place.clock.now)
    cluster = Interposed(pruning, place.creations, before=lambda *_: place.clock.go_on(1.0))
    applier = Applier(cluster, Deadline(100.0), concurrency=1, report=lambda _: None)
    (failure,) = reconcile(cluster, applier).failures
    assert "kustomize/crd" in failure.message
    assert cluster.requests.count("update_status") == 1
