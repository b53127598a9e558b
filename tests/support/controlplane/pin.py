"""``python -m tests.support.controlplane.pin [v1.38.0]``: take in another release of Kubernetes.

Writes anew what is made from it: the Go modules of what the tests run on, the Pod part of the
schemas, and with that the CRD and the JSON Schema.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.controlplane import build, module, toolchain
from tests.support.controlplane.errors import AssetsError

GENERATE = Path(__file__).parents[3] / "schemas" / "generate.py"


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.controlplane.pin")
    parser.add_argument("release", nargs="?", help="as in v1.38.0; the newest if not given")
    release = parser.parse_args().release
    try:
        with tempfile.TemporaryDirectory() as scratch:
            go = toolchain.go(module.PINNED, Path(scratch), os.environ)
            release = module.chosen({module.VARIABLE: release or module.newest(go)})
            for program in (build.NODE, build.CONTROL_PLANE):
                openapi = module.write(release, program.source, go).openapi
            command = [
                sys.executable,
                str(GENERATE),
                f"--refresh={openapi}",
                f"--release={release}",
            ]
            return subprocess.run(command, check=False).returncode
    except AssetsError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
