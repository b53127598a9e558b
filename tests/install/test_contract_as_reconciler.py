"""The whole contract, with no more rights than `kustomize/rbac` gives the reconciler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import test_contract
from tests.support.controlplane.server import ControlPlane
from tests.support.sandbox import RealSandbox


@pytest.fixture(scope="module")
def reconciler(installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kubeconfig of the service account that the CronJob's Pods run as."""
    where = "--namespace=cnat-system"
    token = installed.kubectl("create", "token", "cnat-reconcile", where).stdout.strip()
    path = tmp_path_factory.mktemp("reconciler") / "kubeconfig"
    return installed.kubeconfig_for(token, path=path)


@pytest.fixture
def sandbox(installed: ControlPlane, reconciler: Path) -> Iterator[RealSandbox]:
    with RealSandbox.opened(installed, reconciler) as sandbox:
        yield sandbox


@pytest.fixture
def real_sandbox(sandbox: RealSandbox) -> RealSandbox:
    return sandbox


# Collected here a second time, they find the fixtures of this module.
globals().update(
    {name: test for name, test in vars(test_contract).items() if name.startswith("test_")}
)
