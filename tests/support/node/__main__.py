"""``python -m tests.support.node [COMMAND...]``: a cluster with a real node for a command.

It has ``KUBECONFIG`` and ``kubectl``, and is a shell if none is given. With its end all is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.install.image import BuildError
from tests.support.controlplane.errors import AssetsError, ControlPlaneError
from tests.support.node import cluster, machine, published
from tests.support.node.errors import NodeError
from tests.support.node.parts import Parts

# Set for what runs inside: the folder that is the node's disk.
DISK = "CNAT_NODE_DISK"


def main(command: list[str]) -> int:
    """Return the command's exit code, or 1 if there is no cluster for it."""
    try:
        if disk := os.environ.get(DISK):
            return _inside(command, Path(disk))
        return _outside(command)
    except (AssetsError, BuildError, ControlPlaneError, NodeError) as error:
        _tell(str(error))
        return 1


def _outside(command: list[str]) -> int:
    if wanting := machine.missing():
        _tell(
            f"This machine can't be a Kubernetes node for the tests. It lacks {', '.join(wanting)}."
            " Name a cluster that has a node in KUBECONFIG instead."
        )
        return 1
    parts = Parts.provided(_tell)
    with machine.lent() as disk:
        (disk / "images").symlink_to(published.images(parts, _tell))
        os.environ[DISK] = str(disk)
        return machine.run([sys.executable, "-m", "tests.support.node", *command])


def _inside(command: list[str], disk: Path) -> int:
    # The first process of a namespace only gets the signals that it asks for.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with cluster.running(Parts.provided(_tell), disk) as control_plane:
        environ = {
            **os.environ,
            "KUBECONFIG": str(control_plane.kubeconfig),
            "PATH": f"{control_plane.assets}{os.pathsep}{os.environ['PATH']}",
        }
        shell = os.environ.get("SHELL", "/bin/sh")
        return subprocess.run(command or [shell], env=environ, check=False).returncode


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
