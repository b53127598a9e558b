"""The CronJob, run for real: by the cluster's own controllers, as its own service account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.controlplane.server import ControlPlane
from tests.install.kubelet import Kubelet
from tests.worlds import RealWorld, at

IN = "--namespace=cnat-system"
SOON = "--timeout=30s"


def pods_of(cluster: ControlPlane, job: str, number: int = 1) -> list[dict[str, Any]]:
    """The Pods that the Job controller creates for a Job, when they are all there."""
    cluster.kubectl("wait", f"--for=jsonpath={{.status.active}}={number}", f"job/{job}", IN, SOON)
    listed = cluster.kubectl("get", "pods", f"--selector=job-name={job}", IN, "--output=json")
    items: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return items


@pytest.fixture
def job(installed: ControlPlane) -> str:
    """A pass of the CronJob, without waiting for the full minute."""
    name = "by-hand"
    installed.kubectl("create", "job", name, "--from=cronjob/cnat-reconcile", IN)
    return name


def test_a_pass_of_the_cronjob_starts_a_due_at(
    installed: ControlPlane, kubelet: Kubelet, job: str
) -> None:
    with RealWorld.opened(installed) as world:
        world.apply(at())
        (pod,) = pods_of(installed, job)

        result = kubelet.run(pod)

        print(result)
        assert world.at("cnrex")["status"]["phase"] == "Running", result.stderr
        (started,) = world.pods()
        assert started["metadata"]["name"] == world.at("cnrex")["status"]["podName"]
