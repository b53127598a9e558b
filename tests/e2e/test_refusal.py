"""A kubelet that does not admit a Pod: nothing of it started, and that is proved."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.situation import at

pytestmark = pytest.mark.e2e

NAME = "is-refused"
DOOR = "cnat-e2e.example.com/door"


def test_a_run_whose_pod_its_kubelet_refused_gets_another(cluster: Cluster) -> None:
    # By nodeName, past the scheduler, onto a node that lacks the label.
    spec = {"nodeName": cluster.node, "nodeSelector": {DOOR: "open"}, "retryPolicy": "NotStarted"}
    cluster.apply(at(NAME, cluster.node, spec=spec))
    cluster.eventually(lambda: cluster.status(NAME).get("reason") == "Retrying")
    cluster.kubectl("label", "node", cluster.node, f"{DOOR}=open")

    cluster.eventually(lambda: cluster.status(NAME)["phase"] == "Succeeded")

    cluster.kubectl("label", "node", cluster.node, f"{DOOR}-")
    assert {each["reason"] for each in cluster.status(NAME)["attempts"]} == {"NodeAffinity"}
    assert cluster.disk.written(NAME) == ["began"]
