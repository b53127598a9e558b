"""A sandbox in which every pass is counted, and may be interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cnat.cluster.connect import connect
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster
from cnat.core.at import At
from cnat.engine.reconcile import reconcile
from cnat.engine.results import Results
from cnat.engine.settings import Settings
from tests.exactly_once.interceptor import Creations, Hook, Intercepted, nobody
from tests.support.sandbox import EmbeddedSandbox, Manifest, RealSandbox, Sandbox


class CountedSandbox:
    """A sandbox, and all Pods that passes have created in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.creations = Creations()

    def reconcile(
        self, now: datetime | None = None, before: Hook = nobody, after: Hook = nobody
    ) -> Results:
        """One pass, with hooks around its requests."""
        with _opened(self.sandbox, now) as cluster:
            intercepted = Intercepted(cluster, self.creations, before, after)
            return reconcile(intercepted, Deadline(30.0), Settings(concurrency=1))

    def until_silent(self, now: datetime | None = None) -> None:
        """As many passes as it takes until one changes nothing."""
        for _ in range(5):
            if not self.reconcile(now).changes:
                return
        raise AssertionError("the passes don't come to an end")

    def start(self, manifest: Manifest) -> str:
        """Apply a due At, run a pass, and answer the name of the Pod that it created."""
        self.sandbox.apply(manifest)
        self.reconcile()
        return self.pod_of(manifest["metadata"]["name"])

    def pod_of(self, name: str) -> str:
        return str(self.sandbox.at(name)["status"]["podName"])

    def pod(self, name: str) -> Manifest:
        return next(pod for pod in self.sandbox.pods() if pod["metadata"]["name"] == name)

    def started(self, name: str) -> int:
        """How many Pods were ever created for an At, by whatever run."""
        uid = At(self.sandbox.at(name)).uid
        return sum(times for (owner, _), times in self.creations.counts.items() if owner == uid)

    def outcome(self, name: str) -> tuple[str, str]:
        """Phase and reason."""
        status = self.sandbox.at(name)["status"]
        return status["phase"], status.get("reason", "")


def poll(true: Callable[[], bool], looks: int = 300) -> None:
    """Wait for what the control plane does in its own time."""
    for _ in range(looks):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


@contextmanager
def _opened(sandbox: Sandbox, now: datetime | None) -> Iterator[Cluster]:
    if isinstance(sandbox, RealSandbox):
        connection = connect(str(sandbox.kubeconfig), None, 4)
        cluster = sandbox.cluster(connection, Deadline(30.0))
        cluster.pinned = now
        try:
            yield cluster
        finally:
            connection.close()
    elif isinstance(sandbox, EmbeddedSandbox):
        yield sandbox.store(now or datetime.now(UTC))
    else:
        raise TypeError(sandbox)
