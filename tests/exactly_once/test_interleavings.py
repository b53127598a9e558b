"""A pass that is held up at any point, while the world goes on without it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cnat.apply import FRESH_SECONDS, Applier
from cnat.deadline import Deadline
from cnat.local import LocalCluster
from cnat.reconciler import reconcile
from tests.exactly_once.interposed import Creations, Hook, Interposed, nobody
from tests.exactly_once.scenario import ended
from tests.worlds import EmbeddedWorld, at

DUE = datetime(2023, 5, 21, 2, tzinfo=UTC)


@dataclass
class Clock:
    """The one time of a test: of the cluster, and of the process."""

    now: datetime
    passed: float = 0.0

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(DUE)
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + clock.passed)
    return clock


@dataclass
class Place:
    """An embedded store where time passes only when told to."""

    world: EmbeddedWorld
    clock: Clock
    creations: Creations

    def one_pass(self, before: Hook = nobody, after: Hook = nobody) -> list[str]:
        """Answer the requests made."""
        store = LocalCluster(str(self.world.directory), now=lambda: self.clock.now)
        cluster = Interposed(store, self.creations, before, after)
        applier = Applier(cluster, Deadline(7200.0), concurrency=1, report=lambda _: None)
        reconcile(cluster, applier)
        return cluster.requests

    def a_whole_life(self, seconds: float) -> None:
        """Others start the run, see it end, record it, and let the Pod go, in so many seconds."""
        self.one_pass()
        for pod in self.world.pods():
            self.world.set_pod_status(pod["metadata"]["name"], ended(0))
        self.clock.go_on(seconds)
        self.one_pass()
        for pod in self.world.pods():
            self.world.delete_pod(pod["metadata"]["name"])


@pytest.fixture
def place(embedded_world: EmbeddedWorld, clock: Clock) -> Place:
    return Place(embedded_world, clock, Creations())


@pytest.mark.parametrize("seconds", [FRESH_SECONDS + 1, 3600.0])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_ended_while_a_pass_was_held_up_does_not_start_again(
    place: Place, when: str, seconds: float
) -> None:
    number = 0
    requests = ["unknown"]
    while number < len(requests):
        number += 1
        place.world.apply(at("cnrex", ttlSecondsAfterFinished=0))

        def hold(k: int, request: str, here: int = number) -> None:
            # One instruction before the create, no time limit helps: see the README's limits.
            if k == here and (when, request) != ("before", "create_pod"):
                place.a_whole_life(seconds)

        requests = place.one_pass(**{when: hold})
        assert place.creations.repeated == [], f"held up {when} request {number} of {requests}"
        place.world.delete_at("cnrex")
        place.clock.go_on(100.0)
        place.one_pass()
