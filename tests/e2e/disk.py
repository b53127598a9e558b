"""What containers have left on the node's disk: how often they ran, by nobody's word but theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol
from uuid import uuid4

# Where the node has it (each run of the tests another one: a cluster may see several), and where
# the containers of our Ats see it.
FOLDER = f"/var/log/cnat-e2e/{uuid4()}"
MOUNT = "/disk"
_LOGS = "/var/log/pods"

VOLUME = {"name": "disk", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}
VOLUME_MOUNT = {"name": "disk", "mountPath": MOUNT}


@dataclass(frozen=True)
class Line:
    """What a container has printed, and when the container runtime took it."""

    time: datetime
    text: str


class Disk(Protocol):
    """The disk of the node that all our Ats run on."""

    def written(self, name: str) -> list[str]:
        """The lines that containers have appended to the file of that name in FOLDER."""

    def printed(self, pod: str) -> list[Line]:
        """What a Pod's containers have printed, by the files that the container runtime writes."""


class NodeDisk:
    """Of a node of the tests' own: a folder, in which log is the node's /var/log."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def write(self, name: str) -> None:
        """Put a file there that containers wait for."""
        self._path(name).touch()

    def written(self, name: str) -> list[str]:
        path = self._path(name)
        return path.read_text().splitlines() if path.exists() else []

    def printed(self, pod: str) -> list[Line]:
        files = sorted((self._folder / "log/pods").glob(f"*_{pod}_*/*/*.log"))
        return _lines("".join(file.read_text() for file in files))

    def _path(self, name: str) -> Path:
        return self._folder / FOLDER.removeprefix("/var/") / name


class ReadByPod:
    """Of a node that only the cluster leads to: read by a Pod that has it mounted."""

    def __init__(self, kubectl: Callable[..., str], node: str) -> None:
        self._kubectl = kubectl
        self._node = node

    def written(self, name: str) -> list[str]:
        return self._shell(f"cat {MOUNT}/{name} 2>/dev/null || true").splitlines()

    def printed(self, pod: str) -> list[Line]:
        return _lines(self._shell(f"cat {_LOGS}/*_{pod}_*/*/*.log"))

    def _shell(self, command: str) -> str:
        return self._kubectl("exec", self._reader, "--", "/bin/sh", "-c", command)

    @cached_property
    def _reader(self) -> str:
        """The name of the Pod, which is made when there is something to read."""
        name = "reader"
        logs = {"name": "logs", "hostPath": {"path": _LOGS}}
        container = {
            "name": name,
            "image": "busybox:1.37",
            "command": ["tail", "-f", "/dev/null"],
            "volumeMounts": [VOLUME_MOUNT, {"name": "logs", "mountPath": _LOGS, "readOnly": True}],
        }
        spec = {
            "nodeName": self._node,
            "terminationGracePeriodSeconds": 0,
            "volumes": [VOLUME, logs],
            "containers": [container],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self._kubectl("apply", "--filename=-", stdin=json.dumps(pod))
        self._kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=180s")
        return name


def _lines(log: str) -> list[Line]:
    """Of a CRI log: TIME STREAM TAG TEXT."""
    lines = [line.split(" ", 3) for line in log.splitlines()]
    return [Line(datetime.fromisoformat(time), text) for time, _, _, text in lines]
