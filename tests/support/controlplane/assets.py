"""Where the control plane's executables come from.

The directory that ``KUBEBUILDER_ASSETS`` names (controller-runtime's envtest reads it too); else
what :mod:`tests.support.controlplane.build` made earlier for these very sources; else it makes it
now. ``KUBERNETES`` names another release than the pinned one to be built.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane import build, compiler, module
from tests.support.controlplane.errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "KUBEBUILDER_ASSETS"


def located(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the directory of the executables if it is there already, None if it has to be built.

    Raises:
        AssetsError: ``KUBEBUILDER_ASSETS`` is set, but an executable is missing there, or
            ``KUBERNETES`` asks for another release at the same time.
    """
    if given := environ.get(VARIABLE):
        if release := environ.get(module.VARIABLE):
            raise AssetsError(
                f"{VARIABLE}={given} and {module.VARIABLE}={release} both say which control plane"
                f" to take. Unset one of them."
            )
        directory = Path(given).absolute()
        if missing := [
            name
            for name in build.CONTROL_PLANE.commands
            if not os.access(directory / name, os.X_OK)
        ]:
            raise AssetsError(
                f"{VARIABLE}={given} has no executable {', '.join(missing)}. Put it there, or unset"
                f" {VARIABLE} to have Kubernetes {module.pinned()} built once instead."
            )
        return directory
    built = build.destination(environ)
    return built if built.is_dir() else None


def provided(
    environ: Mapping[str, str] = os.environ,
    *,
    announce: Callable[[str], None] = compiler.tell,
) -> Path:
    """Return the directory of the executables, building them if that is still to be done.

    Args:
        environ: The process's environment.
        announce: Told line by line that a build starts, how long it takes, and how far it is.

    Raises:
        AssetsError: They are not there and could not be built; the message says what to do.
    """
    return located(environ) or build.built(environ, announce=announce)
