"""Have Go compile a program, and tell meanwhile how far it is: that takes minutes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from tests.support.controlplane.errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.support.controlplane.toolchain import Go

# Seconds after which whoever waits wants to see that it goes on.
_PATIENCE = 15.0


def tell(line: str) -> None:
    """Print a line, also where the output is no terminal, at once."""
    print(line, flush=True)


class Stages:
    """Tells what is being done, with the minutes and seconds since the first stage.

    Args:
        announce: told a line.
        clock: seconds since whenever.
    """

    def __init__(
        self, announce: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._announce = announce
        self._clock = clock
        self._began = self._told = clock()

    def __call__(self, stage: str) -> None:
        self._told = self._clock()
        minutes, seconds = divmod(int(self._told - self._began), 60)
        self._announce(f"  {minutes}:{seconds:02}  {stage}")

    def so_far(self, progress: str) -> None:
        """Tell how far the stage is, if nothing was told for a while."""
        if self._clock() - self._told >= _PATIENCE:
            self(progress)


def compile_program(
    go: Go,
    source: Path,
    package: str,
    executable: Path,
    *,
    flags: Sequence[str],
    stages: Stages,
) -> None:
    """Write the executable of a main package.

    Args:
        go: the toolchain.
        source: the folder of the module that the package is built in.
        package: `.`, or `tool` for the one tool that the module names.
        executable: where it will be.
        flags: for the compiler.
        stages: told what is being done.

    Raises:
        AssetsError: Modules could not be fetched, or the compiler failed.
    """
    stages("fetching the modules that are not there yet")
    fetched = 0

    def fetching(line: str) -> bool:
        nonlocal fetched
        if not line.startswith("go: downloading "):
            return False
        fetched += 1
        stages.so_far(f"{fetched} fetched")
        return True

    # Each after those that it needs, so that the program itself is the last.
    listed = run(go, source, "list", *flags, "-deps", package, hears=fetching)
    *packages, main = listed.split()
    stages(f"compiling {len(packages):,} packages, less what Go has kept of them")
    names, compiled = set(packages), 0

    def compiling(line: str) -> bool:
        nonlocal compiled
        if line == main:
            stages("linking")
        elif line in names:
            compiled += 1
            stages.so_far(f"{compiled:,} compiled")
        return line == main or line in names

    run(go, source, "build", "-v", *flags, f"-o={executable}", package, hears=compiling)
    stages("done")


def run(
    go: Go, source: Path, *arguments: str, hears: Callable[[str], bool] = lambda _: False
) -> str:
    """Return the output of a go command.

    Args:
        go: the toolchain.
        source: the folder of the module that it is about.
        arguments: the command's.
        hears: told each line of its standard error, and answers whether that is progress; what
            isn't, is what the command has to say if it fails.

    Raises:
        AssetsError: It failed.
    """
    with tempfile.TemporaryFile("w+") as output:
        with subprocess.Popen(
            [str(go.executable), *arguments],
            cwd=source,
            env=go.environ,
            preexec_fn=lambda: os.nice(10),  # People work on the machine meanwhile.
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            said = [line for line in map(str.rstrip, process.stderr) if not hears(line)]
        if process.returncode:
            tail = "\n".join(said[-20:])
            raise AssetsError(f"{go.executable} {arguments[0]} failed in {source}:\n{tail}")
        output.seek(0)
        return output.read()
