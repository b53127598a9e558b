"""Every block of commands in the README and in docs/ runs as it stands there."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cnat.cluster.connect import connect
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Rejected
from tests.contract.test_contract import SUCCEEDED
from tests.install.eventually import eventually
from tests.install.handbook import PAGES, blocks, checkout, paste
from tests.install.overlay import CRD, KUSTOMIZE
from tests.support.controlplane.server import ControlPlane, running
from tests.support.sandbox import PinnedCluster, RealSandbox, run_pass

# What isn't run here, by how it begins, and why.
ELSEWHERE = {
    "git clone": "the release has to be there; test_demo.py runs the demo, and this is `make test`",
    "kubectl apply -f https:": "the release has to be there; test_release.py makes its file",
    "docker build": "a registry has to be there; tests/install/test_image.py builds the image",
    "kubectl drain": "there is no node; tests/e2e/test_node_failures.py drains one",
    "helm template": "Helm has to be there",
    "velero restore": "Velero has to be there; tests/contract/test_restore.py plays what it does",
    "python reconcile.py": "it has to fail; tests/install/test_lifecycle.py sees it do so",
}


def is_elsewhere(block: str) -> bool:
    return any(block.startswith(beginning) for beginning in ELSEWHERE)


@pytest.fixture(scope="module")
def bare(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster of its own, since pages install and uninstall."""
    with running(control_plane.assets) as cluster:
        yield cluster


@pytest.fixture
def cluster(bare: ControlPlane) -> Iterator[ControlPlane]:
    """With cnat and the first sample; passes are made, and Pods succeed."""
    bare.kubectl("apply", f"--kustomize={KUSTOMIZE / 'default'}")
    bare.wait_until_served(CRD.stem)
    eventually(lambda: bare.kubectl("explain", "at", check=False).returncode == 0)
    bare.kubectl("apply", f"--filename={KUSTOMIZE / 'samples/at_cnrex.yaml'}")
    with going_on(bare):
        yield bare


@contextmanager
def going_on(cluster: ControlPlane) -> Iterator[None]:
    """Play the CronJob and the kubelets."""
    over = threading.Event()

    def go_on() -> None:
        sandbox = RealSandbox(cluster, "default", cluster.kubeconfig)
        connection = connect(str(cluster.kubeconfig), None, 4)
        while not over.wait(0.5):
            live = PinnedCluster(connection, Deadline(30.0))
            # A Pod is let go of when it is a minute old, which nobody has to wait for here.
            live.pinned = datetime.now(UTC) + timedelta(minutes=1)
            run_pass(live)
            for each in (each for page in live.pods() for each in page):
                sandbox.namespace = each["metadata"]["namespace"]
                if each["status"]["phase"] == "Pending":
                    with suppress(Rejected):  # It is gone again.
                        sandbox.set_pod_status(each["metadata"]["name"], SUCCEEDED)

    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(go_on)
        try:
            yield
        finally:
            over.set()
    played.result()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if not all(map(is_elsewhere, blocks(page)))]
)
def test_the_commands_of_a_page_run_in_their_order(
    page: str, cluster: ControlPlane, tmp_path: Path
) -> None:
    checkout(tmp_path)
    shutil.copy(cluster.kubeconfig, tmp_path / "reader.kubeconfig")
    for block in blocks(page):
        if not is_elsewhere(block):
            ran = paste(block, tmp_path, cluster)
            assert ran.returncode == 0, f"{block}\n{ran.stdout}{ran.stderr}"


@pytest.mark.parametrize("beginning", ELSEWHERE)
def test_what_is_left_to_others_is_still_there(beginning: str) -> None:
    assert any(block.startswith(beginning) for page in PAGES for block in blocks(page))
