"""An embedded store where time passes only when told to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.cluster.deadline import Deadline
from cnat.core import plan
from cnat.engine.reconcile import reconcile
from cnat.engine.settings import Settings
from cnat.local.store import LocalCluster
from tests.exactly_once.interceptor import Creations, Hook, Intercepted, nobody
from tests.support.sandbox import EmbeddedSandbox


@dataclass
class Clock:
    """The one time of a test: of the cluster, and of the process."""

    now: datetime
    passed: float = 0.0

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed += seconds


@dataclass
class TimedSandbox:
    """The store, its time, and all Pods that were ever created in it."""

    sandbox: EmbeddedSandbox
    clock: Clock
    creations: Creations

    def one_pass(
        self, before: Hook = nobody, after: Hook = nobody, timeout: float = 7200.0
    ) -> list[str]:
        """Answer the requests made."""
        store = LocalCluster(str(self.sandbox.directory), now=lambda: self.clock.now)
        cluster = Intercepted(store, self.creations, before, after)
        reconcile(cluster, Deadline(timeout), Settings(concurrency=1))
        return cluster.requests

    def a_whole_life(self, seconds: float) -> None:
        """Others start the run, see it end, record it, and clean up, in so many seconds.

        Who deletes a recorded Pod by hand within a minute of its start is beyond the promise, see
        docs/promise.md. So within it, only what cnat deletes is deleted.
        """
        self.one_pass()
        started = self.sandbox.pods()
        for pod in started:
            self.sandbox.set_pod_status(pod["metadata"]["name"], {"phase": "Succeeded"})
        self.clock.go_on(seconds)
        self.one_pass()
        if seconds >= plan.MIN_POD_AGE_SECONDS:
            assert self.sandbox.pods() == [], "nothing was cleaned up"
