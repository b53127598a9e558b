"""From nothing to cnat and back, by the commands of the documentation."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cnat.core.api import FINALIZER
from tests.contract.test_contract import SUCCEEDED, in_an_hour
from tests.install.conftest import UID
from tests.install.eventually import eventually
from tests.install.handbook import block, checkout, paste
from tests.install.image import REPOSITORY, Image
from tests.install.kubelet import Kubelet
from tests.install.overlay import CRD, KUSTOMIZE
from tests.support.controlplane.server import ControlPlane, running
from tests.support.sandbox import RealSandbox, at

Manifest = dict[str, Any]

TEAM = "--namespace=team"
INSTALL = ("apply", f"--kustomize={KUSTOMIZE / 'default'}")

# What the README begins with; and for after an uninstall, when no pass is left to let go of Pods.
SAMPLE = "kubectl apply -f kustomize/samples/at_cnrex.yaml\n"
FIRST_STEPS = block("README.md", "mkdir install") + SAMPLE
RELEASE = block("docs/operations.md", "kubectl get pods -A ")
UNINSTALL = block("docs/operations.md", "kubectl delete ats ").splitlines()


# kubectl doesn't wait for a CRD that is so new that it has no conditions; so README asks again.
TOO_NEW = (
    "error: .status.conditions accessor error: <nil> is of the type <nil>, expected []interface{}\n"
)


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster that has never heard of cnat."""
    with running(control_plane.assets) as cluster:
        cluster.kubectl("create", "namespace", "team")
        yield cluster


def found(cluster: ControlPlane, kind: str, *where: str) -> list[Manifest]:
    items: list[Manifest] = json.loads(
        cluster.kubectl("get", kind, *where, "--output=json").stdout
    )["items"]
    return items


def pasted(commands: str, cluster: ControlPlane, folder: Path = REPOSITORY) -> None:
    """Paste lines of the documentation, which do without a complaint of ours."""
    ran = paste(commands, folder, cluster)
    assert (ran.returncode, ran.stderr.replace(TOO_NEW, "")) == (0, "")


class Pass:
    """Passes of the CronJob, by hand."""

    def __init__(self, cluster: ControlPlane, image: Image) -> None:
        self._cluster = cluster
        self._kubelet = Kubelet(cluster, image, UID)
        self._number = 0

    def __call__(self) -> int:
        """Make a pass and answer its exit code."""
        self._number += 1
        where = "--namespace=cnat-system"
        name = f"pass-{self._number}"
        self._cluster.kubectl("create", "job", name, "--from=cronjob/cnat-reconcile", where)
        (pod,) = eventually(
            lambda: found(self._cluster, "pods", where, f"--selector=job-name={name}")
        )
        return self._kubelet.run(pod).returncode


def apply(cluster: ControlPlane, manifest: Manifest) -> None:
    cluster.kubectl("apply", "--filename=-", TEAM, input=json.dumps(manifest))


def test_a_new_user_installs_it_uses_it_and_is_rid_of_it_again(
    cluster: ControlPlane, our_image: Image, tmp_path: Path
) -> None:
    a_pass = Pass(cluster, our_image)

    # Install it and apply the sample; nothing to warn of, PodSecurity included.
    pasted(FIRST_STEPS, cluster, checkout(tmp_path))

    # See it run.
    assert a_pass() == 0
    (pod,) = found(cluster, "pods")
    status = json.dumps({"status": SUCCEEDED})
    patch = ("patch", "pod", pod["metadata"]["name"], "--subresource=status")
    cluster.kubectl(*patch, f"--patch={status}")
    assert a_pass() == 0
    cluster.kubectl("wait", "--for=condition=Complete", "at/cnrex", "--timeout=1s")
    _, row = cluster.kubectl("get", "at").stdout.splitlines()
    due = "2023-05-21T02:00:00Z"
    assert row.split()[:5] == ["cnrex", due, due, "Succeeded", "Completed"]

    # Break something, and read why.
    apply(cluster, at("broken", serviceAccountName="nobody"))
    assert a_pass() == 0, "one team's mistake is no failure of the pass"
    described = cluster.kubectl("describe", "at", "broken", TEAM).stdout
    assert 'serviceaccount "nobody" not found' in described
    cluster.kubectl("delete", "at", "broken", TEAM)

    # Uninstall it, in the middle of a run.
    apply(cluster, at("under-way"))
    assert a_pass() == 0
    cluster.kubectl("delete", f"--kustomize={KUSTOMIZE / 'default'}", "--timeout=60s")
    pasted(RELEASE, cluster)

    held = [pod for pod in found(cluster, "pods", "-A") if pod["metadata"].get("finalizers")]
    assert held == []
    assert "cnat" not in cluster.kubectl("get", "crd,clusterrole,clusterrolebinding").stdout
    cluster.kubectl("delete", "pods", "--all", "-A", "--timeout=10s")


def a_pass_in_an_hour(cluster: ControlPlane) -> None:
    """A pass on the team's namespace, when Pods are old enough to be let go of without their At."""
    sandbox = RealSandbox(cluster, "team", cluster.kubeconfig)
    try:
        sandbox.reconcile(in_an_hour())
    finally:
        sandbox.admin.close()


def test_uninstalled_in_the_order_of_the_docs_it_leaves_nothing_behind(
    cluster: ControlPlane, our_image: Image
) -> None:
    a_pass = Pass(cluster, our_image)
    cluster.kubectl(*INSTALL)
    cluster.wait_until_served(CRD.stem)
    apply(cluster, at("under-way"))
    assert a_pass() == 0

    delete_ats, wait, delete_cnat = UNINSTALL
    pasted(delete_ats, cluster)
    a_pass_in_an_hour(cluster)
    pasted(wait, cluster)
    pasted(delete_cnat, cluster)

    assert found(cluster, "pods", TEAM) == []
    assert "cnat" not in cluster.kubectl("get", "crd,clusterrole,clusterrolebinding").stdout


def test_removed_together_with_its_crd_a_pass_by_anybody_lets_go_of_its_pods(
    cluster: ControlPlane,
) -> None:
    def a_pass() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "reconcile.py", f"--kubeconfig={cluster.kubeconfig}"]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    cluster.kubectl("apply", f"--filename={CRD}")
    cluster.wait_until_served(CRD.stem)
    apply(cluster, at("under-way"))
    assert a_pass().returncode == 0
    cluster.kubectl("delete", f"--filename={CRD}", "--timeout=60s")
    (held,) = found(cluster, "pods", TEAM)
    assert held["metadata"]["finalizers"] == [FINALIZER]

    last = a_pass()

    assert last.returncode == 1
    assert f"the cluster has no CRD {CRD.stem}, so it has no Ats" in last.stdout + last.stderr
    a_pass_in_an_hour(cluster)
    assert [
        each for each in found(cluster, "pods", TEAM) if each["metadata"].get("finalizers")
    ] == []
    cluster.kubectl("delete", "pods", "--all", "-A", "--timeout=10s")


def test_an_upgrade_keeps_stored_ats_and_knows_new_fields(cluster: ControlPlane) -> None:
    crd = yaml.safe_load(CRD.read_text())
    older = copy.deepcopy(crd)
    (version,) = older["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["ttlSecondsAfterFinished"]
    cluster.kubectl("apply", "--filename=-", input=json.dumps(older))
    cluster.wait_until_served(CRD.stem)
    apply(cluster, at("kept"))
    status = {"phase": "Suspended", "observedGeneration": 1}
    cluster.kubectl(
        "patch",
        "at",
        "kept",
        TEAM,
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps({'status': status})}",
    )
    (before,) = found(cluster, "ats", TEAM)

    cluster.kubectl(*INSTALL)

    (after,) = found(cluster, "ats", TEAM)
    assert after == before
    newer = at("newer", ttlSecondsAfterFinished=1)
    eventually(
        lambda: (
            cluster.kubectl(
                "apply",
                "--filename=-",
                TEAM,
                "--dry-run=server",
                input=json.dumps(newer),
                check=False,
            ).returncode
            == 0
        )
    )
