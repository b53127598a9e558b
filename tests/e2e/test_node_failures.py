"""What happens to the node itself while commands run there. Only on a node of the tests' own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import IN_SYSTEM, Cluster
from tests.e2e.disk import MOUNT, NodeDisk
from tests.e2e.situation import at
from tests.install.image import REPOSITORY
from tests.support.node import power

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        "CNAT_NODE_DISK" not in os.environ,
        reason="they kill a node: only one of our own, which make e2e makes where none is named",
    ),
]

Manifest = dict[str, Any]


def kill_the_kubelet(_: Cluster, __: list[str]) -> None:
    """The commands end before it is there again."""
    power.kill(power.KUBELET)


def kill_the_container_runtime(cluster: Cluster, _: list[str]) -> None:
    """The commands go on. (How they end while it is away it doesn't know: 255, Unknown.)"""
    power.kill(power.CONTAINERD)
    cluster.make_a_pass()  # It is there again.


def cut_the_power(_: Cluster, __: list[str]) -> None:
    power.cut()


def drain(cluster: Cluster, _: list[str]) -> None:
    """Of the only node: as docs/operations.md says."""
    _suspend_the_cronjob(cluster, "true")
    with ThreadPoolExecutor() as pool:
        drained = pool.submit(cluster.kubectl, "drain", cluster.node, "--ignore-daemonsets")
        while not drained.done():
            subprocess.run([sys.executable, REPOSITORY / "reconcile.py"], check=True)
        drained.result()
    cluster.kubectl("uncordon", cluster.node)
    _suspend_the_cronjob(cluster, "false")


def _suspend_the_cronjob(cluster: Cluster, suspend: str) -> None:
    patch = f'{{"spec":{{"suspend":{suspend}}}}}'
    cluster.kubectl("patch", "cronjob", "cnat-reconcile", f"--patch={patch}", IN_SYSTEM)


def delete_the_node(cluster: Cluster, ats: list[str]) -> None:
    """Pod GC ends its Pods. The kubelet makes a new one of that name when it starts again."""
    cluster.kubectl("delete", "node", cluster.node)
    exit_code = "{.status.containerStatuses[0].state.terminated.exitCode}"
    pods = [f"pod/{cluster.pod(name)['metadata']['name']}" for name in ats]
    cluster.kubectl("wait", f"--for=jsonpath={exit_code}=137", *pods, "--timeout=180s")
    power.kill(power.KUBELET)
    cluster.kubectl("wait", "--for=create", f"node/{cluster.node}", "--timeout=180s")


@dataclass(frozen=True)
class End:
    """How one run ends.

    Attributes:
        phase, reason, exit_code: of its At's status.
        written: what its containers have left on the disk.
    """

    phase: str
    reason: str
    exit_code: int | None
    written: str


@dataclass(frozen=True)
class Failure:
    """One row.

    Attributes:
        deed: what is done once the commands of the Ats of these names run.
        ends: how their runs end, by the Ats' retryPolicy.
    """

    deed: Callable[[Cluster, list[str]], None]
    ends: dict[str, End]


SURVIVED = End("Succeeded", "Completed", 0, "began ended")
RETRIED = End("Succeeded", "Completed", 0, "began began ended")
CUT_OFF = End("Failed", "Unknown", 255, "began")
EVICTED = End("Failed", "EvictionByEvictionAPI", 137, "began")
WITHOUT_A_NODE = End("Failed", "DeletionByPodGC", 137, "began")

FAILURES = {
    "kubelet-killed": Failure(kill_the_kubelet, {"Never": SURVIVED}),
    "runtime-killed": Failure(kill_the_container_runtime, {"Never": SURVIVED}),
    "power-cut": Failure(
        cut_the_power,
        {"Never": CUT_OFF, "NotStarted": CUT_OFF, "Disrupted": CUT_OFF, "Failed": RETRIED},
    ),
    "drained": Failure(
        drain, {"Never": EVICTED, "NotStarted": EVICTED, "Disrupted": RETRIED, "Failed": RETRIED}
    ),
    "node-deleted": Failure(
        delete_the_node,
        {
            "Never": WITHOUT_A_NODE,
            "NotStarted": WITHOUT_A_NODE,
            "Disrupted": RETRIED,
            "Failed": RETRIED,
        },
    ),
}


@pytest.fixture
def disk() -> NodeDisk:
    return NodeDisk(os.environ["CNAT_NODE_DISK"])


@pytest.mark.parametrize("failure", FAILURES)
def test_node_failure(cluster: Cluster, disk: NodeDisk, failure: str) -> None:
    row = FAILURES[failure]
    ends = {f"{failure}-{policy.lower()}": end for policy, end in row.ends.items()}
    for name, policy in zip(ends, row.ends, strict=True):
        wait = f"until [ -e {MOUNT}/{failure} ]; do sleep 0.1; done"
        script = f"{wait}; echo ended >> {MOUNT}/{name}"
        cluster.apply(at(name, cluster.node, script, {"retryPolicy": policy}))
    for name in ends:
        cluster.eventually(partial(disk.written, name))
    row.deed(cluster, list(ends))
    disk.write(failure)  # What has survived ends now.

    for name in ends:
        cluster.eventually(partial(_is_over, cluster, name))

    assert {name: _end(cluster, name) for name in ends} == ends


def _is_over(cluster: Cluster, name: str) -> bool:
    """Its outcome is on record, and its Pods let go of."""
    return "completionTime" in cluster.status(name) and not cluster.holds(name)


def _end(cluster: Cluster, name: str) -> End:
    status = cluster.status(name)
    written = " ".join(cluster.disk.written(name))
    return End(status["phase"], status["reason"], status.get("exitCode"), written)
