"""What a node takes of the machine, and gives back: namespaces, cgroups, a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import build
from tests.support.node import debian

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Below the machine's root cgroup, or each controller's. A second node would need another name.
CGROUP = "cnat-node"
_CGROUPS = Path("/sys/fs/cgroup")

_TOOLS = (*debian.TOOLS, "chroot", "ip", "mount", "pivot_root", "setpriv", "sysctl", "unshare")


def missing() -> list[str]:
    """What a node can't do without and this machine hasn't got, for people; empty if it can be."""
    wanting = [f"the command {tool}" for tool in _TOOLS if shutil.which(tool) is None]
    if not debian.KEYRING.exists():
        wanting.append(f"{debian.KEYRING} (package debian-archive-keyring)")
    if os.geteuid() != 0:
        wanting.append("to be root")
    if wanting:
        return wanting
    unshared = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if unshared.returncode:
        wanting.append("leave to unshare namespaces")
    if not os.access(_CGROUPS, os.W_OK):
        wanting.append(f"cgroups that it may write to, in {_CGROUPS}")
    return wanting


@contextlib.contextmanager
def lent() -> Iterator[Path]:
    """Lend a folder for the node's disk; one node at a time, and later ones wait.

    What a killed run left behind is cleared away first.
    """
    disk = build.cache() / "node-disk"
    disk.parent.mkdir(parents=True, exist_ok=True)
    with build.locked(disk.with_name(f"{disk.name}.lock")):
        _clear(disk)
        disk.mkdir()
        try:
            yield disk
        finally:
            _clear(disk)


def fresh_cgroups() -> None:
    """Make the cgroups that a node has when it is switched on: they have forgotten what ran there.

    A kubelet would look for it, and for each container that is gone wait for seconds.
    """
    _remove_cgroups()
    for hierarchy in _hierarchies():
        (hierarchy / CGROUP).mkdir()


def run(command: Sequence[str]) -> int:
    """Run a command with no network but its own loopback, and return its exit code.

    All that it starts ends with it, and it with this process, however that ends.
    """
    with_us = ["setpriv", "--pdeathsig=KILL"]
    spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run([*with_us, "unshare", *spaces, *command], check=False).returncode


def _hierarchies() -> list[Path]:
    """cgroup v2's one, or v1's: one for each controller (links of the same name left out)."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in _CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


def _clear(disk: Path) -> None:
    shutil.rmtree(disk, ignore_errors=True)
    _remove_cgroups()


def _remove_cgroups() -> None:
    for hierarchy in _hierarchies():
        end = time.monotonic() + 10
        while (hierarchy / CGROUP).exists():
            # Its processes are killed, but may take a moment to be gone.
            with contextlib.suppress(OSError):
                for folder, _, _ in os.walk(hierarchy / CGROUP, topdown=False):
                    Path(folder).rmdir()
                break
            if time.monotonic() > end:
                raise TimeoutError(f"processes of a node are still in {hierarchy / CGROUP}")
            time.sleep(0.1)
