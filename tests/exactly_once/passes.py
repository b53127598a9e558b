"""Passes with faults, and passes until nothing is left to do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.exactly_once.pod_watch import PodWatch
from tests.exactly_once.proxy import Answered, Fault, FaultProxy, Strike
from tests.exactly_once.runner import Ended, Runner
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox

# No fault may cost more than these until a pass finds nothing to do: one to go on, one that a
# refusal by mistake has made wait, one to spare.
ENOUGH = 4


@dataclass(frozen=True)
class Cluster:
    """The cluster as these tests need it: cnat reaches it by a proxy, and somebody counts."""

    runner: Runner
    proxy: FaultProxy
    pod_watch: PodWatch


@dataclass(frozen=True)
class Pass:
    """What one pass came to."""

    ended: Ended
    answered: Sequence[Answered]
    struck: Sequence[Fault]

    @property
    def kinds(self) -> list[str]:
        """The kinds of its requests, in their order."""
        return [entry.request.kind for entry in self.answered]

    @property
    def writes(self) -> list[str]:
        """The kinds of its writes that took effect."""
        return [entry.request.kind for entry in self.answered if entry.wrote]


@dataclass(frozen=True)
class Limits:
    """The flags of a pass that matter here, and what no flag can set.

    Attributes:
        min_pod_age: see `cnat.core.plan.MIN_POD_AGE_SECONDS`; 0 where all happens in a moment.
    """

    concurrency: int = 1
    page_size: int = 5
    timeout: float = 20.0
    patience: float | None = None
    min_pod_age: float | None = 0.0


@contextmanager
def namespace(control_plane: ControlPlane) -> Iterator[RealSandbox]:
    """A new namespace, left behind: deleting some hundred would be most of the work."""
    sandbox = RealSandbox(control_plane, f"eo-{uuid.uuid4().hex[:8]}", control_plane.kubeconfig)
    try:
        sandbox.request("POST", "/api/v1/namespaces", {"metadata": {"name": sandbox.namespace}})
        accounts = f"{sandbox.core}/serviceaccounts"
        sandbox.request("POST", accounts, {"metadata": {"name": "default"}}, accept={409})
        yield sandbox
    finally:
        sandbox.admin.close()


def one(
    cluster: Cluster,
    namespace: str,
    *strikes: Strike,
    limits: Limits = Limits(),
    shift: float = 0.0,
    date_shift: float = 0.0,
    at_first: Callable[[], None] = lambda: None,
) -> Pass:
    """Run cnat once, as a process; `at_first` is called when its first request has arrived."""
    proxy = cluster.proxy
    with proxy.session(*strikes, date_shift=date_shift, at_first=at_first) as session:
        run = cluster.runner.start(
            f"--kubeconfig={session.kubeconfig}",
            f"--namespace={namespace}",
            f"--concurrency={limits.concurrency}",
            f"--page-size={limits.page_size}",
            f"--timeout={limits.timeout}",
            shift=shift,
            patience=limits.patience,
            min_pod_age=limits.min_pod_age,
        )
        session.victim.set_result(run.pid)
        ended = run.wait()
    assert "Traceback" not in ended.output, ended.output
    return Pass(ended, session.answered, session.struck)


def until_converged(cluster: Cluster, namespace: str) -> int:
    """Run cnat until it writes nothing, and answer how often it wrote something."""
    outputs = []
    for passes in range(ENOUGH + 1):
        done = one(cluster, namespace)
        if not done.writes:
            return passes
        outputs.append(done.ended.output)
    raise AssertionError("it doesn't come to an end:\n" + "\n".join(outputs))
