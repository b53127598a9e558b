"""What Flux, kpt and kubectl-apply's pruners conclude of an object, by the rules of kstatus.

Written after sigs.k8s.io/cli-utils/pkg/kstatus/status, Compute, for kinds that have no rules of
their own there. On all objects of `situations` it said the same as v0.37.2 of that package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def compute(manifest: Mapping[str, Any]) -> str:
    """One of Current, InProgress, Failed, Terminating."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    conditions = [(entry["type"], entry["status"]) for entry in status.get("conditions") or []]
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    # An object that has no observedGeneration at all is not asked for it.
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    for condition in conditions:
        if condition == ("Reconciling", "True"):
            return "InProgress"
        if condition == ("Stalled", "True"):
            return "Failed"
    for kind, value in conditions:
        if kind == "Ready" and value in {"True", "False", "Unknown"}:
            return "Current" if value == "True" else "InProgress"
    return "Current"
