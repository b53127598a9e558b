"""Ats and Pods as a cluster holds them, smallest first: what the pure tests are told in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from cnat.core import pod
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.schedule import rfc3339
from tests.support import sandbox

DUE = "2023-05-21T02:00:00Z"
INSTANT = datetime(2023, 5, 21, 2, tzinfo=UTC)
ZERO = datetime(2023, 1, 1, tzinfo=UTC)  # when all objects here were created

# What YAML and JSON can hold where something else should be.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True)
class MadePod(Pod):
    """A Pod with the manifest that it was read from."""

    raw: Mapping[str, Any]


def made(manifest: Mapping[str, Any]) -> MadePod:
    """The Pod of that manifest."""
    pod = Pod.of(manifest)
    return MadePod(**{each.name: getattr(pod, each.name) for each in fields(pod)}, raw=manifest)


def at(
    name: str = "cnrex",
    *,
    status: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> At:
    """An At that an API server has taken. `metadata` adds to what it has, or replaces that."""
    manifest = sandbox.at(name, **spec)
    manifest["metadata"] = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-of-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": rfc3339(ZERO),
        **(metadata or {}),
    }
    if status is not None:
        manifest["status"] = dict(status)
    return At(manifest)


def pod_of(
    owner: At,
    instant: datetime = INSTANT,
    status: Mapping[str, Any] | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    attempt: int = 1,
    **spec: Any,
) -> MadePod:
    """The Pod of an attempt at a run, as cnat creates it and an API server takes it."""
    manifest = pod.build(at(owner.name, metadata=owner.raw["metadata"]), instant, attempt)
    added = {"uid": f"uid-of-{manifest['metadata']['name']}", "creationTimestamp": rfc3339(instant)}
    manifest["metadata"] |= {**added, **(metadata or {})}
    manifest["spec"] |= spec
    manifest["status"] = dict(status or {"phase": "Running"})
    return made(manifest)


def foreign_pod(name: str, **metadata: Any) -> MadePod:
    """A Pod that somebody else made."""
    metadata = {"name": name, "namespace": "default", "uid": f"uid-of-{name}", **metadata}
    return made({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": {}})


def container_status(name: str = "shell", **state: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of a Pod's containerStatuses; `state` is `waiting=...` or `terminated=...`."""
    return {"name": name, "state": {key: dict(value) for key, value in state.items()}}


def terminated(
    code: int = 0, reason: str = "Completed", name: str = "shell", **more: Any
) -> dict[str, Any]:
    ended = {"exitCode": code, "reason": reason, "finishedAt": "2023-05-21T02:00:07Z", **more}
    return container_status(name, terminated=ended)


def disrupted(reason: str = "EvictionByEvictionAPI") -> dict[str, Any]:
    """The condition by which the cluster says that it ends a Pod (KEP-3329)."""
    return {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": "the cluster ends this Pod",
        "lastTransitionTime": "2023-05-21T02:00:07Z",
    }


def refused(reason: str = "OutOfcpu", *, restarted: bool = False) -> dict[str, Any]:
    """What a Pod is updated with that its kubelet does not admit: metadata and status.

    Args:
        restarted: the kubelet had taken it before, and was restarted since.
    """
    began = "2023-05-21T02:00:01Z" if restarted else "2023-05-21T02:00:07Z"
    write = {"manager": "kubelet", "operation": "Update", "subresource": "status"}
    return {
        "metadata": {"managedFields": [{**write, "time": "2023-05-21T02:00:07Z"}]},
        "status": {
            "phase": "Failed",
            "reason": reason,
            "message": f"Pod was rejected: {reason}",
            "startTime": began,
        },
    }


SUCCEEDED = {"phase": "Succeeded", "containerStatuses": [terminated()]}
FAILED = {"phase": "Failed", "containerStatuses": [terminated(3, "Error")]}
ENDED = datetime(2023, 5, 21, 2, 0, 7, tzinfo=UTC)  # when these two did
