"""Child processes that cannot outlive this one, and whose logs tell why they ended."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.support.controlplane.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PR_SET_PDEATHSIG = 1
# Loaded here, because between fork and exec is no place to load a library.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Process:
    """A running command."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise ControlPlaneError if the process has ended."""
        if (code := self.popen.poll()) is not None:
            raise self.failure(f"{self.name} ended by itself with code {code}")

    def failure(self, what: str) -> ControlPlaneError:
        """Return an error that says ``what``, where the log is, and how it ends."""
        lines = self.log.read_text(errors="replace").splitlines()[-20:]
        return ControlPlaneError("\n".join((f"{what}. The log {self.log} ends:", *lines)))

    def kill(self) -> None:
        """End the process at once; its data is not needed again."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


class Processes:
    """The commands of one place, which end with the block, the last one first."""

    def __init__(self, logs: Path) -> None:
        """``logs`` is an existing directory; each command has a file of its name there."""
        self._logs = logs
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill them all and wait until they are gone."""
        for process in reversed(self._started):
            process.kill()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name of the executable."""
        return {process.name: process.popen.pid for process in self._started}

    def check(self) -> None:
        """Raise ControlPlaneError if one of them has ended."""
        for process in self._started:
            process.check()

    def start(
        self, executable: Path, args: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> Process:
        """Start a command in its own process group, with our environment or another.

        On Linux the kernel kills it when the *thread* that started it ends, so call this from one
        that lives as long as the process shall.
        """
        log = self._logs / f"{executable.name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [str(executable), *args],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal is for the tests, which then end this in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        process = Process(executable.name, log, popen)
        self._started.append(process)
        return process


def _die_with_parent() -> None:
    # So that not even a SIGKILL of the test runner leaves an API server behind.
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
