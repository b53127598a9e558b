"""``python -m tests.releases``: the tests on each Kubernetes that is promised, and how they went.

Each row is a whole run of pytest on the servers of one release, with its own kubectl; the last two
are as far apart as a kubectl and a server can be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.controlplane import assets, build, module
from tests.support.controlplane.errors import AssetsError

_ROOT = Path(__file__).parents[1]

# The latest of each minor release that is promised and could be built, and the pinned one. (Of 1.31
# and 1.32, some modules are no longer to be had.)
RELEASES = ("v1.30.14", "v1.33.13", "v1.34.4", "v1.35.4", "v1.36.3", module.pinned())


@dataclass(frozen=True)
class Row:
    """What one run is on: releases as in ``v1.37.2``."""

    servers: str
    kubectl: str


ROWS = (
    *(Row(release, release) for release in RELEASES),
    Row(RELEASES[0], RELEASES[-1]),
    Row(RELEASES[-1], RELEASES[0]),
)


@dataclass(frozen=True)
class Outcome:
    """What pytest says of a run, in tests; and in seconds."""

    passed: int
    failed: int
    skipped: int
    seconds: float


def main() -> int:
    """Return the exit code: 1 when a test failed on some release."""
    parser = argparse.ArgumentParser(prog="python -m tests.releases", description=__doc__)
    parser.add_argument(
        "servers", nargs="*", metavar="RELEASE", help="only the rows with these servers"
    )
    only = parser.parse_args().servers
    rows = [row for row in ROWS if not only or row.servers in only]
    outcomes = {}
    for row in rows:
        try:
            with _environ(row) as environ:
                outcomes[row] = _run(environ)
        except AssetsError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    print("| servers | kubectl | passed | failed | skipped | minutes |\n|---|---|---|---|---|---|")
    for row, outcome in outcomes.items():
        print(
            f"| {row.servers} | {row.kubectl} | {outcome.passed} | {outcome.failed}"
            f" | {outcome.skipped} | {outcome.seconds / 60:.1f} |"
        )
    return 1 if any(outcome.failed for outcome in outcomes.values()) else 0


@contextmanager
def _environ(row: Row) -> Iterator[Mapping[str, str]]:
    """The environment in which the tests run on a row's releases."""
    servers = _built(row.servers)
    if row.servers == row.kubectl:
        yield {**os.environ, module.VARIABLE: row.servers}
        return
    with tempfile.TemporaryDirectory() as mixed:
        for name in build.CONTROL_PLANE.commands:
            Path(mixed, name).symlink_to(servers / name)
        Path(mixed, "kubectl").unlink()
        Path(mixed, "kubectl").symlink_to(_built(row.kubectl) / "kubectl")
        yield {**os.environ, assets.VARIABLE: mixed}


def _built(release: str) -> Path:
    return build.built({**os.environ, module.VARIABLE: release})


def _run(environ: Mapping[str, str]) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={report}"],
            cwd=_ROOT,
            env=environ,
            check=False,
        )
        (suite,) = ET.parse(report).getroot()
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    skipped = int(suite.attrib["skipped"])
    passed = int(suite.attrib["tests"]) - failed - skipped
    return Outcome(passed, failed, skipped, float(suite.attrib["time"]))


if __name__ == "__main__":
    sys.exit(main())
