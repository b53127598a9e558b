"""What a pass costs in its Pod, by its cgroup; on a node of the tests' own, else nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.node import machine

_ROOT = Path("/sys/fs/cgroup")
_V1 = not (_ROOT / "cgroup.controllers").exists()
# Where the kubelet has Pods that request something, which those of our Ats don't.
_PODS = f"{machine.CGROUP}/kubepods/burstable"

# Seconds. The kubelet keeps a Pod's cgroup for longer after its containers have ended.
_INTERVAL = 0.2


@dataclass(frozen=True)
class Used:
    """By all processes of a Pod, so far.

    Attributes:
        cpu: seconds.
        memory: MiB at the peak, as its limit counts them: the files that it has read included.
    """

    cpu: float
    memory: float


@contextlib.contextmanager
def metered() -> Iterator[list[Used]]:
    """What each pass has used that begins and ends within the block; complete after it."""
    latest: dict[str, Used] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_INTERVAL):
            for pod in _pods():
                with contextlib.suppress(OSError):
                    latest[pod] = _used(pod)

    looking = threading.Thread(target=look)
    before = _pods()
    passes: list[Used] = []
    looking.start()
    try:
        yield passes
    finally:
        ended.set()
        looking.join()
    passes += [used for pod, used in latest.items() if pod not in before | _pods()]


def _pods() -> set[str]:
    controller = _ROOT / "cpuacct" if _V1 else _ROOT
    return {path.name for path in (controller / _PODS).glob("pod*")}


def _used(pod: str) -> Used:
    if _V1:
        nanoseconds = int((_ROOT / "cpuacct" / _PODS / pod / "cpuacct.usage").read_text())
        peak = _ROOT / "memory" / _PODS / pod / "memory.max_usage_in_bytes"
        return Used(nanoseconds / 1e9, int(peak.read_text()) / 2**20)
    stat = (_ROOT / _PODS / pod / "cpu.stat").read_text()
    microseconds = int(dict(line.split() for line in stat.splitlines())["usage_usec"])
    peak = _ROOT / _PODS / pod / "memory.peak"
    return Used(microseconds / 1e6, int(peak.read_text()) / 2**20)
