"""What happens to the node itself while a command runs there. Only on a node of the tests' own."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from cnat.core import api
from tests.e2e.cluster import Cluster
from tests.e2e.disk import MOUNT
from tests.e2e.retries import until
from tests.e2e.situation import at
from tests.support.node import power

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("CNAT_NODE_DISK" not in os.environ, reason="the node is somebody else's"),
]

Manifest = dict[str, Any]


def kill_the_kubelet(_: Cluster, __: str) -> None:
    power.kill(power.KUBELET)


def kill_the_container_runtime(_: Cluster, __: str) -> None:
    power.kill(power.CONTAINERD)


def cut_the_power(_: Cluster, __: str) -> None:
    power.cut()


def drain(cluster: Cluster, name: str) -> None:
    """Of the only node: the drain waits for a pass to record the Pod, and the pass for a node."""
    pod = f"pod/{cluster.pod(name)['metadata']['name']}"
    selector = f"--pod-selector={api.AT_NAME}={name}"
    with ThreadPoolExecutor() as pool:
        drained = pool.submit(cluster.kubectl, "drain", cluster.node, "--force", selector)
        cluster.kubectl("wait", "--for=condition=DisruptionTarget", pod, "--timeout=120s")
        cluster.kubectl("uncordon", cluster.node)
        cluster.eventually(drained.done)
        drained.result()


@dataclass(frozen=True)
class Failure:
    """One row.

    Attributes:
        deed: what is done once the command has begun.
        phase, reason, exit_code: of the status.
        written: what containers have left on the disk.
        policy: the At's retryPolicy.
    """

    deed: Callable[[Cluster, str], None]
    phase: str
    reason: str
    exit_code: int | None
    written: str
    policy: str = "Never"


SURVIVED = "Succeeded", "Completed", 0, "began ended"
RETRIED = "Succeeded", "Completed", 0, "began began ended"

FAILURES = {
    "kubelet-killed": Failure(kill_the_kubelet, *SURVIVED),
    "runtime-killed": Failure(kill_the_container_runtime, *SURVIVED),
    "power-cut": Failure(cut_the_power, "Failed", "Unknown", 255, "began"),
    "power-cut-retried": Failure(cut_the_power, *RETRIED, policy="Failed"),
    "drained": Failure(drain, "Failed", "EvictionByEvictionAPI", 137, "began"),
    "drained-retried": Failure(drain, *RETRIED, policy="Disrupted"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_node_failure(cluster: Cluster, name: str) -> None:
    failure = FAILURES[name]
    wait = until(2, name, "sleep 20")
    script = f"{wait}; echo ended >> {MOUNT}/{name}"
    cluster.apply(at(name, cluster.node, script, {"retryPolicy": failure.policy}))
    cluster.eventually(lambda: cluster.disk.written(name))
    failure.deed(cluster, name)
    cluster.kubectl("wait", "--for=create", f"node/{cluster.node}", "--timeout=60s")
    cluster.kubectl("wait", "--for=condition=Ready", f"node/{cluster.node}", "--timeout=120s")

    def finished() -> Manifest | None:
        status = cluster.status(name)
        return status if "completionTime" in status else None

    status = cluster.eventually(finished)

    told = status["phase"], status["reason"], status.get("exitCode")
    assert told == (failure.phase, failure.reason, failure.exit_code), status
    assert cluster.disk.written(name) == failure.written.split()
    cluster.eventually(lambda: not cluster.pod(name).get("metadata", {}).get("finalizers"))
