"""An embedded store where time passes only when told to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.apply import Applier
from cnat.deadline import Deadline
from cnat.local import LocalCluster
from cnat.reconciler import reconcile
from tests.exactly_once.interposed import Creations, Hook, Interposed, nobody
from tests.exactly_once.scenario import ended
from tests.worlds import EmbeddedWorld


@dataclass
class Clock:
    """The one time of a test: of the cluster, and of the process."""

    now: datetime
    passed: float = 0.0

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed += seconds


@dataclass
class Place:
    """The store, its time, and all Pods that were ever created in it."""

    world: EmbeddedWorld
    clock: Clock
    creations: Creations

    def one_pass(
        self, before: Hook = nobody, after: Hook = nobody, timeout: float = 7200.0
    ) -> list[str]:
        """Answer the requests made."""
        store = LocalCluster(str(self.world.directory), now=lambda: self.clock.now)
        cluster = Interposed(store, self.creations, before, after)
        applier = Applier(cluster, Deadline(timeout), concurrency=1, report=lambda _: None)
        reconcile(cluster, applier)
        return cluster.requests

    def a_whole_life(self, seconds: float) -> None:
        """Others start the run, see it end, record it, and clean up, in so many seconds.

        The Pod is deleted by its time to live: who deletes a recorded Pod by hand within a minute
        of its start is beyond the promise, see the README.
        """
        self.one_pass()
        for pod in self.world.pods():
            self.world.set_pod_status(pod["metadata"]["name"], ended(0))
        self.clock.go_on(seconds)
        self.one_pass()
