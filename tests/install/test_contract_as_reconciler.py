"""The whole contract, with no more rights than `kustomize/rbac` gives the reconciler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import test_contract
from tests.controlplane.server import ControlPlane
from tests.worlds import RealWorld


@pytest.fixture(scope="module")
def reconciler(installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kubeconfig of the service account that the CronJob's Pods run as."""
    where = "--namespace=cnat-system"
    token = installed.kubectl("create", "token", "cnat-reconcile", where).stdout.strip()
    path = tmp_path_factory.mktemp("reconciler") / "kubeconfig"
    return installed.kubeconfig_for(token, path=path)


@pytest.fixture
def world(installed: ControlPlane, reconciler: Path) -> Iterator[RealWorld]:
    with RealWorld.opened(installed, reconciler) as world:
        yield world


@pytest.fixture
def real_world(world: RealWorld) -> RealWorld:
    return world


# Collected here a second time, they find the fixtures of this module.
globals().update(
    {name: test for name, test in vars(test_contract).items() if name.startswith("test_")}
)
