"""What a cluster with a node is made of: built or fetched once, and only read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import assets, build
from tests.support.node import debian

if TYPE_CHECKING:
    from collections.abc import Callable

_RUNTIME = ("containerd", "runc", "containernetworking-plugins", "busybox-static", "mount")
# Stands for the Dockerfile's base image: the same Python, of another packager.
_PYTHON = ("bash", "coreutils", "python3", "python3-pip", "tzdata")


@dataclass(frozen=True)
class Parts:
    """Executables and root folders.

    Attributes:
        assets: the control plane's executables.
        kubelet: the executable; the scheduler is beside it.
        runtime: a root folder with a container runtime.
        python: a root folder with Python.
    """

    assets: Path
    kubelet: Path
    runtime: Path
    python: Path

    @classmethod
    def provided(cls, announce: Callable[[str], None]) -> Parts:
        """Fetch and build what isn't there yet.

        Raises:
            AssetsError, NodeError: something can't be had; the text says what to do.
        """
        return cls(
            assets=assets.provided(announce=announce),
            kubelet=build.built(program=build.NODE, announce=announce) / "kubelet",
            runtime=debian.root(_RUNTIME, announce),
            python=debian.root(_PYTHON, announce),
        )
