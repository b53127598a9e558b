"""kustomize/ builds in every way the docs know, and the API server takes what comes out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cnat
from tests.install.overlay import KUSTOMIZE, built, only, overlay
from tests.support.controlplane.server import ControlPlane

HEALTH = "resource.customizations.health.cnat.programming-kubernetes.info_At"
LUA = KUSTOMIZE / "components/argocd-health/health.lua"

Manifest = dict[str, Any]


def prometheus_rules() -> Manifest:
    """The part of the Prometheus Operator's CRD that our rules are about."""
    text = {"type": "string"}
    texts = {"type": "object", "additionalProperties": text}
    rule = {
        "type": "object",
        "required": ["expr"],
        "properties": dict.fromkeys(("alert", "record", "expr", "for"), text)
        | {"labels": texts, "annotations": texts},
    }
    rules = {"name": text, "rules": {"type": "array", "items": rule}}
    group = {"type": "object", "required": ["name"], "properties": rules}
    groups = {"groups": {"type": "array", "items": group}}
    spec = {"spec": {"type": "object", "properties": groups}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": spec}},
    }
    names = {"kind": "PrometheusRule", "plural": "prometheusrules"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "prometheusrules.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": names,
            "scope": "Namespaced",
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def cluster(installed: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster that knows the Prometheus Operator's rules too."""
    crd = prometheus_rules()
    rules = json.dumps(crd)
    installed.kubectl("apply", "--filename=-", input=rules)
    installed.wait_until_served(crd["metadata"]["name"])
    yield installed
    installed.kubectl("delete", "--filename=-", input=rules)


@pytest.mark.parametrize(
    "composition",
    [
        {},
        {"components": ["punctual"]},
        {"components": ["sharded", "punctual"]},
        {"components": ["no-replay", "punctual"]},
        {"components": ["one-namespace"]},
        {
            "resources": ["rbac", "cronjob"],
            "components": ["one-namespace", "punctual"],
            "namespace": "default",
        },
        {"components": ["kube-state-metrics", "prometheus-rule"]},
        {"resources": ["samples"], "namespace": "default"},
    ],
    ids=lambda composition: ",".join(
        [*composition.get("resources", ["default"]), *composition.get("components", [])]
    ),
)
def test_the_api_server_takes(
    cluster: ControlPlane, tmp_path: Path, composition: dict[str, Any]
) -> None:
    folder = overlay(tmp_path, **composition)
    assert built(cluster, folder)
    cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--force-conflicts", f"-k={folder}"
    )


def test_the_cronjob_runs_the_image_of_this_version(cluster: ControlPlane) -> None:
    cronjob = only(built(cluster, KUSTOMIZE / "default"), "CronJob")
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f"/cnat:{cnat.__version__}")


def test_the_image_can_come_from_another_registry(cluster: ControlPlane, tmp_path: Path) -> None:
    image = {
        "name": "ghcr.io/programming-kubernetes/cnat",
        "newName": "registry.example.com/cnat",
        "digest": f"sha256:{'0' * 64}",
    }
    cronjob = only(built(cluster, overlay(tmp_path, images=[image])), "CronJob")
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.com/cnat@sha256:{'0' * 64}"


def test_an_install_for_one_namespace_has_nothing_outside_of_it(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    folder = overlay(
        tmp_path,
        resources=["rbac", "cronjob"],
        components=["one-namespace"],
        namespace="team-a",
    )
    manifests = built(cluster, folder)
    assert {each["metadata"].get("namespace") for each in manifests} == {"team-a"}
    (subject,) = only(manifests, "RoleBinding")["subjects"]
    assert subject["namespace"] == "team-a"


ARGOCD = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "argocd-cm", "namespace": "argocd"},
    "data": {"url": "https://argocd.example.com"},
}


def test_argo_cds_own_kustomization_takes_the_health_check(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "argocd.yaml").write_text(json.dumps(ARGOCD))
    folder = overlay(tmp_path, resources=["argocd.yaml"], components=["argocd-health"])
    (config,) = built(cluster, folder)
    assert config["data"] == {"url": "https://argocd.example.com", HEALTH: LUA.read_text()}


def test_a_running_argo_cd_takes_the_health_check(cluster: ControlPlane) -> None:
    cluster.kubectl("create", "namespace", "argocd")
    cluster.kubectl("create", "--filename=-", input=json.dumps(ARGOCD))
    lines = (LUA.parent / "kustomization.yaml").read_text().splitlines()
    comment = "\n".join(line.removeprefix("#") for line in lines if line.startswith("#"))
    command = comment[comment.index("kubectl create") :]
    subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=LUA.parent,
        env={
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig),
            "PATH": f"{cluster.assets}{os.pathsep}{os.environ['PATH']}",
        },
        check=True,
        capture_output=True,
    )
    where = ["--namespace=argocd", "--output=json"]
    config = json.loads(cluster.kubectl("get", "configmap", "argocd-cm", *where).stdout)
    assert config["data"] == {"url": "https://argocd.example.com", HEALTH: LUA.read_text()}
    cluster.kubectl("delete", "namespace", "argocd", "--wait=false")
