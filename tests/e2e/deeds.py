"""What is done to an At, or to its Pod, while its command runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cnat.core.schedule import rfc3339
from tests.e2e.cluster import NAMESPACE, Cluster

Manifest = dict[str, Any]
Deed = Callable[[Cluster, str], None]

IMAGE = "busybox:1.37"
PRIORITY = "cnat-e2e"
# https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
SLOT = "cnat-e2e.example.com/slot"
ONE_SLOT = {"resources": {"limits": {SLOT: "1"}}}


def patch(change: Manifest) -> Deed:
    """An edit of the At."""

    def deed(cluster: Cluster, name: str) -> None:
        cluster.kubectl("patch", "at", name, "--type=merge", f"--patch={json.dumps(change)}")

    return deed


def resume_now(cluster: Cluster, name: str) -> None:
    """What was suspended is due from now on."""
    now = rfc3339(datetime.now(UTC).replace(microsecond=0))
    patch({"spec": {"schedule": now, "suspend": False}})(cluster, name)


def delete_pod(cluster: Cluster, name: str) -> None:
    """Somebody's `kubectl delete pod`."""
    pod = cluster.pod(name)["metadata"]["name"]
    cluster.kubectl("delete", "pod", pod, "--wait=false")


def delete_pod_at_its_end(cluster: Cluster, name: str) -> None:
    """The same, the moment that its command is through."""
    cluster.eventually(lambda: cluster.disk.written(name)[1:])
    delete_pod(cluster, name)


def evict(cluster: Cluster, name: str) -> None:
    """As a drain and the cluster autoscaler ask for it: the Eviction API."""
    pod = cluster.pod(name)["metadata"]["name"]
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    cluster.kubectl("create", f"--raw={path}", "--filename=-", stdin=json.dumps(eviction))


def preempt(cluster: Cluster, _: str) -> None:
    """A Pod that is more important wants the one slot that the node has."""
    container = {"name": "main", "image": IMAGE, "command": ["true"], **ONE_SLOT}
    spec = {"restartPolicy": "Never", "priorityClassName": PRIORITY, "containers": [container]}
    metadata = {"name": "important"}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
