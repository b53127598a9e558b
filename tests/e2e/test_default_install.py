"""What the project exists for: the default install, left to its CronJob, no pass made by hand."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.lateness import Lateness, committed, measured, spread
from tests.e2e.pass_meter import metered
from tests.install.overlay import KUSTOMIZE

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lateness(cluster: Cluster, figures: list[str]) -> Lateness:
    """Of Ats beside the first sample."""
    cluster.kubectl("apply", f"--filename={KUSTOMIZE / 'samples/at_cnrex.yaml'}")
    with metered() as passes:
        lateness = measured(cluster, committed(cluster, "by-the-minute", ahead=2))
    figures += lateness.told("default")
    if passes:
        figures.append(f"CPU of a pass in its Pod: {spread([each.cpu for each in passes])} s")
        memory = spread([each.memory for each in passes])
        figures.append(f"memory of a pass in its Pod, at the peak: {memory} MiB")
    return lateness


@pytest.mark.usefixtures("lateness")
def test_the_first_sample_says_hello_once_and_its_at_knows(cluster: Cluster) -> None:
    cluster.kubectl("wait", "--for=condition=Complete", "at/cnrex", "--timeout=180s")

    status = cluster.status("cnrex")
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)
    printed = cluster.disk.printed(status["podName"])
    assert [line.text for line in printed] == ["Hello, Shanghai!"]
    assert set(cluster.events("cnrex")) == {"Started", "Completed"}


def test_no_run_starts_before_its_instant(lateness: Lateness) -> None:
    assert min(lateness.started) > 0
