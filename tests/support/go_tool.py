"""A published Go program that the tests need: built once, into a cache outside the tree."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.controlplane import build, compiler, toolchain
from tests.support.controlplane.toolchain import Go

_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")


@dataclass(frozen=True)
class Recipe:
    """How one tool is built.

    Attributes:
        name: of its one executable.
        module: the module that it is part of.
        commands: further names that its executable is called by.
        crds: where in that module the CRDs are that it needs.
        source: the folder whose `go.mod` pins it as its tool.
    """

    name: str
    module: str
    commands: Sequence[str]
    crds: Sequence[str]
    source: Path = field(repr=False)

    @property
    def version(self) -> str:
        """The pinned release, as in `v1.9.6`."""
        text = (self.source / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        assert found, f"{self.source}/go.mod requires no {self.module}"
        return found[1]

    def destination(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Where the executables and the CRDs of exactly these sources are, or will be."""
        digest = hashlib.sha256(repr((_FLAGS, self)).encode())
        for name in ("go.mod", "go.sum"):
            digest.update((self.source / name).read_bytes())
        return build.cache(environ) / f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


def built(
    recipe: Recipe,
    environ: Mapping[str, str] = os.environ,
    *,
    announce: Callable[[str], None] = compiler.tell,
) -> Path:
    """The directory of a tool's executables and CRDs; built first if it is not there.

    Builders that meet take turns, and the second finds the work done.

    Raises:
        AssetsError: No usable Go toolchain, or the compiler failed.
    """
    target = recipe.destination(environ)
    target.parent.mkdir(parents=True, exist_ok=True)
    with build.locked(target.with_name(f"{target.name}.lock")):
        if target.is_dir():
            return target
        announce(f"Building {recipe.name} {recipe.version}, once. It will be in {target}")
        # Beside the target, so that the rename which makes it appear whole stays on one disk.
        scratch = target.with_name(f"{target.name}.building")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            _make(recipe, scratch / "finished", scratch, environ, announce)
            (scratch / "finished").rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _make(
    recipe: Recipe,
    finished: Path,
    scratch: Path,
    environ: Mapping[str, str],
    announce: Callable[[str], None],
) -> None:
    for folder in (finished, scratch / "tmp"):
        folder.mkdir(parents=True)
    stages = compiler.Stages(announce)
    go = toolchain.go(recipe.source, scratch, environ, stages=stages)
    go = Go(go.executable, {**go.environ, "CGO_ENABLED": "0", "GOTMPDIR": str(scratch / "tmp")})
    executable = finished / recipe.name
    compiler.compile_program(go, recipe.source, "tool", executable, flags=_FLAGS, stages=stages)
    for command in recipe.commands:
        (finished / command).symlink_to(recipe.name)
    if recipe.crds:
        answer = compiler.run(go, recipe.source, "list", "-m", "-f={{.Dir}}", recipe.module)
        for crd in recipe.crds:
            shutil.copyfile(Path(answer.strip()) / crd, finished / Path(crd).name)
