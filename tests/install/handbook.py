"""The documentation as its readers use it: a checkout, a cluster, and what they paste."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.install.image import REPOSITORY
from tests.support.controlplane.server import ControlPlane

PAGES = (
    "README.md",
    "README.zh-CN.md",
    *sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")),
)

_COMMANDS = re.compile(r"^( *)```(?:console|sh)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """The commands of a page, block by block."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return [textwrap.dedent(commands) for _, commands in _COMMANDS.findall(text)]


def block(page: str, beginning: str) -> str:
    """The one block of a page that begins so."""
    (found,) = (each for each in blocks(page) if each.startswith(beginning))
    return found


def checkout(folder: Path) -> Path:
    """Have in `folder` what readers have in theirs: cnat, and manifests of their own."""
    shutil.copytree(REPOSITORY / "kustomize", folder / "kustomize")
    for name in ("cnat", "reconcile.py"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / ".venv").symlink_to(sys.prefix)
    to_come = shutil.ignore_patterns("at_cnrex.yaml", "kustomization.yaml")
    for theirs in ("ats", "manifests"):
        shutil.copytree(REPOSITORY / "kustomize/samples", folder / theirs, ignore=to_come)
    shutil.copytree(REPOSITORY / "kustomize/samples", folder / "overlays/prod")
    return folder


def paste(commands: str, folder: Path, cluster: ControlPlane) -> subprocess.CompletedProcess[str]:
    """Run some lines of a page as its readers do, one right after the other."""
    path = [str(cluster.assets), f"{sys.prefix}/bin", os.environ["PATH"]]
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={
            **os.environ,
            "HOME": str(cluster.kubeconfig.parent),  # kubectl's caches go there.
            "KUBECONFIG": str(cluster.kubeconfig),
            "PATH": os.pathsep.join(path),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
