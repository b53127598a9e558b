"""Flux and Argo CD, built from Go modules. `python -m tests.gitops.build` does only that."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.controlplane.errors import AssetsError
from tests.support.go_tool import Recipe, built

__all__ = ["ARGOCD", "FLUX", "built"]

_HERE = Path(__file__).parent

FLUX = Recipe(
    "flux",
    "github.com/fluxcd/kustomize-controller",
    ["kustomize-controller"],
    ["config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"],
    _HERE / "go/flux",
)
ARGOCD = Recipe(
    "argocd",
    "github.com/argoproj/argo-cd/v3",
    ["argocd-application-controller", "argocd-repo-server"],
    ["manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml"],
    _HERE / "go/argocd",
)


def main() -> int:
    try:
        for recipe in (FLUX, ARGOCD):
            print(f"{recipe.name} {recipe.version} is in {built(recipe)}")
    except AssetsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
