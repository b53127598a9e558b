"""kustomize/ as a user composes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.install.image import REPOSITORY
from tests.support.controlplane.server import ControlPlane

KUSTOMIZE = REPOSITORY / "kustomize"
CRD = KUSTOMIZE / "crd" / "ats.cnat.programming-kubernetes.info.yaml"

Manifest = dict[str, Any]


def overlay(
    folder: Path,
    *,
    resources: Iterable[str] = ("default",),
    components: Iterable[str] = (),
    **fields: object,
) -> Path:
    """Write a kustomization into `folder`, an existing one, and return that.

    Args:
        resources: folders in kustomize/, or files in `folder`.
        components: folders in kustomize/components/.
        fields: what else it says.
    """

    def path(name: str) -> str:
        return name if (folder / name).exists() else os.path.relpath(KUSTOMIZE / name, folder)

    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [path(name) for name in resources],
        "components": [path(f"components/{name}") for name in components],
        **fields,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return folder


def built(cluster: ControlPlane, folder: Path) -> list[Manifest]:
    """What kubectl makes of a folder, without a word of complaint."""
    result = cluster.kubectl("kustomize", str(folder))
    assert result.stderr == ""
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def only(manifests: list[Manifest], kind: str) -> Manifest:
    """The one object of a kind."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found
