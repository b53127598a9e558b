"""cnat itself, installed, upgraded and removed by the tools, with Ats in the same repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import yaml

from tests.contract.test_contract import in_an_hour
from tests.gitops import build
from tests.gitops.argocd import ArgoCD
from tests.gitops.conftest import Tool, argocd_is_possible
from tests.gitops.flux import Flux
from tests.gitops.test_health import config_map
from tests.gitops.tool import Manifest, Team, Verdict
from tests.install.eventually import eventually
from tests.install.overlay import CRD, KUSTOMIZE
from tests.support.controlplane.server import ControlPlane, running
from tests.support.sandbox import RealSandbox, at

LEFT = config_map("left")
# Seconds. The garbage collector and the namespace controller look for new kinds every half minute.
SLOW = 90.0


@pytest.fixture(scope="module", params=["flux", "argocd"])
def newcomer(
    request: pytest.FixtureRequest,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Tool]:
    """Each tool in turn, on a cluster that has never heard of cnat."""
    with ExitStack() as stack:
        cluster = stack.enter_context(running(control_plane.assets))
        folder = tmp_path_factory.mktemp(request.param)
        if request.param == "flux":
            yield stack.enter_context(Flux.running(cluster, build.built(build.FLUX), folder))
        else:
            argocd_is_possible()
            yield stack.enter_context(ArgoCD.running(cluster, build.built(build.ARGOCD), folder))


@pytest.fixture
def team(newcomer: Tool) -> Iterator[Team]:
    with RealSandbox.opened(newcomer.control_plane) as sandbox:
        yield newcomer.team(sandbox)


def repository(
    team: Team, *manifests: Manifest, release: str = "", crd: str = ""
) -> dict[str, str]:
    """A repository with all of cnat, and these; of another release, and with another CRD."""
    files = {
        f"cnat/{path.relative_to(KUSTOMIZE)}": path.read_text()
        for path in KUSTOMIZE.rglob("*")
        if path.is_file()
    }
    if crd:
        files[f"cnat/{CRD.relative_to(KUSTOMIZE)}"] = crd
    namespace = {"namespace": team.sandbox.namespace}
    placed = [{**each, "metadata": {**namespace, **each["metadata"]}} for each in manifests]
    image = {"name": "ghcr.io/programming-kubernetes/cnat", "newTag": release}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["cnat/default", "team.yaml"],
        "images": [image] if release else [],
    }
    files["kustomization.yaml"] = yaml.safe_dump(kustomization)
    files["team.yaml"] = yaml.safe_dump_all(placed)
    return files


def older_crd() -> str:
    """That of a release whose health was another: without the default of `status`."""
    crd = yaml.safe_load(CRD.read_text())
    (version,) = crd["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    return yaml.safe_dump(crd)


def objects(cluster: ControlPlane, kinds: str, *where: str) -> list[Manifest]:
    listed = cluster.kubectl("get", kinds, *where, "--output=json").stdout
    items: list[Manifest] = json.loads(listed)["items"]
    return items


def versions(cluster: ControlPlane) -> dict[str, str]:
    """Of all that an install consists of, but for the CronJob's own status."""
    kinds = "crd,clusterrole,clusterrolebinding,serviceaccount,cronjob,namespace"
    found = objects(cluster, kinds, "-A", "--selector=app.kubernetes.io/name=cnat")
    crd = objects(cluster, "crd")
    ours = [*found, *(each for each in crd if each["metadata"]["name"] == CRD.stem)]
    return {
        f"{each['kind']}/{each['metadata']['name']}": json.dumps(each["spec"], sort_keys=True)
        if each["kind"] == "CronJob"
        else each["metadata"]["resourceVersion"]
        for each in ours
    }


def held(sandbox: RealSandbox) -> list[Manifest]:
    return [pod for pod in sandbox.pods() if pod["metadata"].get("finalizers")]


def gone(team: Team) -> None:
    """Wait until nothing is left of an install but what is held."""
    kinds = "crd,namespaces" if team.prunes_crds else "namespaces"

    def left() -> bool:
        found = team.sandbox.control_plane.kubectl("get", kinds, "--output=name").stdout
        return CRD.stem in found or "cnat-system" in found

    eventually(lambda: not left(), within=SLOW)


def installed(team: Team, *manifests: Manifest) -> None:
    team.commit_files(repository(team, *manifests))
    team.first_verdict()
    team.sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN, team.message


def test_it_is_installed_and_upgraded_by_commits_and_does_not_drift(team: Team) -> None:
    cluster = team.sandbox.control_plane
    ran = at("ran")
    team.commit_files(repository(team, ran, release="0.0.9", crd=older_crd()))
    team.first_verdict()
    team.sandbox.reconcile()
    assert team.verdict() == Verdict.GREEN, team.message
    before = team.sandbox.at("ran")

    installed(team, ran)

    (cronjob,) = objects(cluster, "cronjob", "--namespace=cnat-system")
    assert "0.0.9" not in json.dumps(cronjob["spec"])
    after = team.sandbox.at("ran")
    assert (after["metadata"]["uid"], after["status"]) == (
        before["metadata"]["uid"],
        before["status"],
    )
    as_installed = versions(cluster)
    for _ in range(3):
        team.refresh()
        assert team.verdict() == Verdict.GREEN, team.message
    assert versions(cluster) == as_installed

    # Away with it: first the Ats, and after the next pass cnat. Nothing is held.
    team.commit_files(repository(team, LEFT))
    assert team.verdict() == Verdict.GREEN, team.message
    team.sandbox.reconcile(in_an_hour())
    eventually(lambda: not team.sandbox.pods(), within=SLOW)
    team.commit(LEFT)
    assert team.verdict() == Verdict.GREEN, team.message
    gone(team)


def test_removed_by_one_commit_together_with_an_at_that_runs_one_more_pass_lets_go(
    team: Team,
) -> None:
    installed(team, at("under-way"))
    team.commit(LEFT)
    assert team.verdict() == Verdict.GREEN, team.message
    gone(team)
    assert held(team.sandbox)

    last = team.sandbox.reconcile(in_an_hour())

    says_so = f"the cluster has no CRD {CRD.stem}" in str(last.failures)
    assert says_so == team.prunes_crds
    assert held(team.sandbox) == []
