"""What the project exists for."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.install.overlay import KUSTOMIZE

pytestmark = pytest.mark.e2e


def test_the_first_sample_says_hello_once_and_its_at_knows(cluster: Cluster) -> None:
    cluster.kubectl("apply", f"--filename={KUSTOMIZE / 'samples/at_cnrex.yaml'}")

    # By the CronJob itself: no pass is made by hand here.
    cluster.kubectl("wait", "--for=condition=Complete", "at/cnrex", "--timeout=180s")

    status = cluster.status("cnrex")
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)
    assert cluster.disk.printed(status["podName"]) == ["Hello, Shanghai!"]
    assert set(cluster.events("cnrex")) == {"Started", "Completed"}
