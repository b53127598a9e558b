"""``python -m tests.support.controlplane``: a control plane to try things on, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from tests.support.controlplane import assets
from tests.support.controlplane.errors import AssetsError, ControlPlaneError
from tests.support.controlplane.server import running


def main() -> int:
    """Return the exit code; what the shell shall evaluate goes to stdout, the rest to stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.controlplane", description=__doc__
    )
    parser.add_argument("--build", action="store_true", help="build the executables and exit")
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        default=[],
        type=Path,
        help="apply this manifest before the controllers start (repeatable)",
    )
    options = parser.parse_args()
    try:
        directory = assets.provided(announce=_tell)
        if options.build:
            _tell(f"The control plane's executables are in {directory}")
            return 0
        _serve(directory, options.filename)
    except (AssetsError, ControlPlaneError) as error:
        _tell(str(error))
        return 1
    return 0


def _serve(directory: Path, manifests: list[Path]) -> None:
    # Both end it in order, at whatever point they come, and even where a script's `&` has made the
    # shell switch off SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        running(directory, manifests=manifests) as control_plane,
    ):
        sys.stdout.write(
            f"export KUBECONFIG={control_plane.kubeconfig}\nexport PATH={directory}:$PATH\n"
        )
        sys.stdout.flush()
        _tell(f"Ready at {control_plane.server}, logs in {control_plane.log_dir}. Ctrl-C ends it.")
        while True:
            # Not signal.pause(), which sleeps through a signal that came just before it.
            time.sleep(0.5)
            control_plane.processes.check()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
