"""A situation: an At, what is done to it, and what is then told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cnat.core import api
from tests.e2e.deeds import IMAGE, Deed
from tests.e2e.disk import MOUNT, VOLUME, VOLUME_MOUNT

Manifest = dict[str, Any]


def at(
    name: str,
    node: str,
    script: str = "true",
    spec: Manifest | None = None,
    container: Manifest | None = None,
) -> Manifest:
    """An At for that node, long since due.

    Its container notes on the node's disk that it has begun, so that how often it ran is known
    without Kubernetes' word for it.

    Args:
        script: what the container does after that.
        spec: further fields; containers and volumes come beside ours.
        container: further fields of the container.
    """
    further = spec or {}
    ours = {
        "name": "main",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", f"echo began >> {MOUNT}/{name}; {script}"],
        "volumeMounts": [VOLUME_MOUNT],
        **(container or {}),
    }
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": {"name": name},
        "spec": {
            "schedule": "2023-05-21T02:00:00Z",
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 2,
            **further,
            "containers": [ours, *further.get("containers", [])],
            "volumes": [VOLUME, *further.get("volumes", [])],
        },
    }


@dataclass(frozen=True)
class Situation:
    """One row.

    Attributes:
        phase: what the status ends with, or stays at.
        reason: the status's, once that phase is reached.
        ran: how often its container began.
        goes_on: whether it begins again and again; then `ran` is the least.
        exit_code: the status's.
        attempts: the reasons of its earlier Pods.
        message: a part of the status's.
        events: reasons of Events that the At has.
        cleared: whether its Pod is deleted, once the outcome is on record.
        deed: what is done to it once its container has begun (at once, where it is suspended).
        script, spec, container: the At's, as in `at`.
    """

    phase: str
    reason: str = ""
    ran: int = 0
    goes_on: bool = False
    exit_code: int | None = None
    attempts: tuple[str, ...] = ()
    message: str = ""
    events: tuple[str, ...] = ()
    cleared: bool = False
    deed: Deed | None = None
    script: str = "true"
    spec: Manifest = field(default_factory=dict)
    container: Manifest = field(default_factory=dict)

    def at(self, name: str, node: str) -> Manifest:
        """Its At."""
        return at(name, node, self.script, self.spec, self.container)


def resources(kind: str, **amounts: str) -> Manifest:
    """Of a container: ``requests`` or ``limits``."""
    return {"resources": {kind: amounts}}


def volume(name: str, **source: Any) -> Manifest:
    """A volume in the spec."""
    return {"volumes": [{"name": name, **source}]}


def mount(name: str) -> Manifest:
    """A volume in our container, at /mnt, beside the disk."""
    return {"volumeMounts": [VOLUME_MOUNT, {"name": name, "mountPath": "/mnt"}]}


def helper(script: str, **fields: Any) -> Manifest:
    """An init container in the spec."""
    command = ["/bin/sh", "-c", script]
    return {"initContainers": [{"name": "helper", "image": IMAGE, "command": command, **fields}]}
