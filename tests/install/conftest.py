"""A cluster with cnat installed, and the image that its CronJob runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.install import container, image, situations
from tests.install.kubelet import Kubelet
from tests.install.overlay import CRD, KUSTOMIZE
from tests.support.controlplane.server import ControlPlane, running
from tests.support.lacking import lacking
from tests.support.sandbox import RealSandbox

# No user of any machine, and none that the image knows.
UID = 1_000_650_000


@pytest.fixture(scope="session")
def our_image() -> Iterator[image.Image]:
    """Our image. It takes a connection to the package index, or what pip has kept of it."""
    if not container.available():
        lacking(f"no container: it {container.NEEDS}")
    with tempfile.TemporaryDirectory(prefix="cnat-image-") as folder:
        Path(folder).chmod(0o755)
        try:
            yield image.build(Path(folder))
        except image.BuildError as error:
            if "Could not find a version" not in str(error):
                raise
            lacking(f"the package index can't be reached:\n{error}")


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster of its own, after the README's one command."""
    with running(control_plane.assets, manifests=[CRD]) as cluster:
        cluster.kubectl("apply", f"--kustomize={KUSTOMIZE / 'default'}")
        _hang(cluster)
        yield cluster


def _hang(cluster: ControlPlane) -> None:
    """Have a pass under way that doesn't end: nobody runs its Pod, as when a node dies."""
    where = "--namespace=cnat-system"
    command = ["create", "job", "hanging", "--from=cronjob/cnat-reconcile", where, "--output=json"]
    job = json.loads(cluster.kubectl(*command, "--dry-run=client").stdout)
    del job["spec"]["activeDeadlineSeconds"]  # A dead node's Pod would hang longer than the tests.
    created = cluster.kubectl("create", "--filename=-", "--output=json", input=json.dumps(job))
    job = json.loads(created.stdout)
    reference = {"apiVersion": "batch/v1", "kind": "Job"} | {
        key: job["metadata"][key] for key in ("name", "namespace", "uid")
    }
    patch = json.dumps({"status": {"active": [reference]}})
    active = ["--subresource=status", "--type=merge", f"--patch={patch}"]
    cluster.kubectl("patch", "cronjob", "cnat-reconcile", where, *active)


@pytest.fixture(scope="session")
def kubelet(installed: ControlPlane, our_image: image.Image) -> Kubelet:
    return Kubelet(installed, our_image, UID)


@pytest.fixture(scope="session")
def ats(control_plane: ControlPlane) -> Iterator[dict[str, dict[str, Any]]]:
    """An At in each situation."""
    with RealSandbox.opened(control_plane) as sandbox:
        yield situations.arise(sandbox)
        situations.leave(sandbox)
