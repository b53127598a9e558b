"""Build the GitOps tools from Go modules, once, into a cache outside the tree.

`python -m tests.gitops.build` does only that.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.controlplane import toolchain
from tests.support.controlplane.errors import AssetsError
from tests.support.controlplane.toolchain import Go

_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")


@dataclass(frozen=True)
class Recipe:
    """How one tool is built.

    Attributes:
        name: of the folder in `go/` whose `go.mod` pins it as its tool.
        module: the module that it is part of.
        commands: the names that its one executable is called by.
        crds: where in that module the CRDs are that it needs.
    """

    name: str
    module: str
    commands: Sequence[str]
    crds: Sequence[str]

    @property
    def source(self) -> Path:
        return Path(__file__).parent / "go" / self.name

    @property
    def version(self) -> str:
        """The pinned release, as in `v1.9.6`."""
        text = (self.source / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        assert found, f"{self.source}/go.mod requires no {self.module}"
        return found[1]

    def destination(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Where the executables and the CRDs of exactly these sources are, or will be."""
        cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        digest = hashlib.sha256(repr((_FLAGS, self)).encode())
        for name in ("go.mod", "go.sum"):
            digest.update((self.source / name).read_bytes())
        return cache / "cnat" / f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


FLUX = Recipe(
    "flux",
    "github.com/fluxcd/kustomize-controller",
    ["kustomize-controller"],
    ["config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"],
)
ARGOCD = Recipe(
    "argocd",
    "github.com/argoproj/argo-cd/v3",
    ["argocd-application-controller", "argocd-repo-server"],
    ["manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml"],
)


def built(recipe: Recipe) -> Path:
    """The directory of a tool's executables and CRDs; built first if it is not there.

    Builders that meet take turns, and the second finds the work done.

    Raises:
        AssetsError: No usable Go toolchain, or the compiler failed.
    """
    target = recipe.destination()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        print(f"Building {recipe.name} {recipe.version}, once, into {target}: minutes", flush=True)
        # Beside the target, so that the rename which makes it appear whole stays on one disk.
        scratch = target.with_name(f"{target.name}.building")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            _make(recipe, scratch / "finished", scratch)
            (scratch / "finished").rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _make(recipe: Recipe, finished: Path, scratch: Path) -> None:
    for folder in (finished, scratch / "tmp"):
        folder.mkdir(parents=True)
    go = toolchain.go(recipe.source, scratch)
    environ = {**go.environ, "CGO_ENABLED": "0", "GOTMPDIR": str(scratch / "tmp")}
    go = Go(go.executable, environ)
    _go(go, recipe, "build", *_FLAGS, f"-o={finished / recipe.name}", "tool")
    for command in recipe.commands:
        (finished / command).symlink_to(recipe.name)
    module = Path(_go(go, recipe, "list", "-m", "-f={{.Dir}}", recipe.module).strip())
    for crd in recipe.crds:
        shutil.copyfile(module / crd, finished / Path(crd).name)


def _go(go: Go, recipe: Recipe, *arguments: str) -> str:
    result = subprocess.run(
        [str(go.executable), *arguments],
        cwd=recipe.source,
        env=go.environ,
        preexec_fn=lambda: os.nice(10),  # People work on the machine meanwhile.
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        tail = "\n".join(result.stderr.splitlines()[-20:])
        raise AssetsError(f"go {arguments[0]} failed in {recipe.source}:\n{tail}")
    return result.stdout


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
