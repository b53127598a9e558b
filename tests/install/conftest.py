"""A cluster with cnat installed, and the image that its CronJob runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.server import ControlPlane, running
from tests.install import container, image
from tests.install.kubelet import Kubelet

KUSTOMIZE = image.REPOSITORY / "kustomize"
CRD = KUSTOMIZE / "crd" / "ats.cnat.programming-kubernetes.info.yaml"

# No user of any machine, and none that the image knows.
UID = 1_000_650_000


def _cannot(what: str) -> None:
    """Skip, or in CI fail: there, everything has to be tried."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def built() -> Iterator[image.Image]:
    """Our image. It takes a connection to the package index, or what pip has kept of it."""
    if not container.available():
        _cannot(f"no container: it {container.NEEDS}")
    with tempfile.TemporaryDirectory(prefix="cnat-image-") as folder:
        Path(folder).chmod(0o755)
        try:
            yield image.build(Path(folder))
        except image.BuildError as error:
            if "Could not find a version" not in str(error):
                raise
            _cannot(f"the package index can't be reached:\n{error}")


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster of its own, after the README's one command."""
    with running(control_plane.assets, manifests=[CRD]) as cluster:
        cluster.kubectl("apply", "-k", str(KUSTOMIZE / "default"))
        yield cluster


@pytest.fixture(scope="session")
def kubelet(installed: ControlPlane, built: image.Image) -> Kubelet:
    return Kubelet(installed, built, UID)
