"""The Events that tell an At's story in `kubectl describe at`, one for each turn it takes."""

from __future__ import annotations

import hashlib
import socket
from datetime import datetime
from typing import Any

from cnat.core import api
from cnat.core.fields import Manifest
from cnat.core.objects import At
from cnat.core.schedule import rfc3339

_CONTROLLER = f"{api.GROUP}/reconcile"
# The API server's limits, in bytes of UTF-8 (pkg/apis/core/validation/events.go).
_MAX_NOTE = 1024
_MAX_REASON = 128
_TURNS = ("phase", "scheduledTime", "podName", "reason")
_ACTIONS = {
    "Pending": "Check",
    "Suspended": "Suspend",
    "Running": "Start",
    "Succeeded": "Record",
    "Failed": "Record",
    "Missed": "GiveUp",
}


def of_change(at: At, status: Manifest, now: datetime) -> dict[str, Any] | None:
    """The `events.k8s.io/v1` Event for a status written over the one that `at` has.

    Its name is a hash of what it tells, so that two passes that see the same turn create one
    Event. None where only bookkeeping moved (observedGeneration, a waiting message).
    """
    before = at.status
    if all(before.get(field) == status.get(field) for field in _TURNS):
        return None
    ready = next(entry for entry in status["conditions"] if entry["type"] == "Ready")
    phase, reason, note = status["phase"], ready["reason"], ready["message"]
    if phase == "Running":
        reason, note = "Started", f"created Pod {status['podName']}"
        if before.get("podName") == status["podName"]:
            reason, note = status.get("reason", "Running"), ready["message"]
    name = at.name[:200].rstrip("-.")
    told = f"{at.uid}/{status.get('scheduledTime')}/{reason}/{note}"
    well = ready["status"] == "True" and not (phase == "Running" and "reason" in status)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{name}.{hashlib.sha256(told.encode()).hexdigest()[:16]}",
            "namespace": at.namespace,
        },
        "eventTime": rfc3339(now.replace(microsecond=0)).replace("Z", ".000000Z"),
        "reportingController": _CONTROLLER,
        "reportingInstance": socket.gethostname()[:128] or _CONTROLLER,
        "action": _ACTIONS[phase],
        "reason": _cut(reason, _MAX_REASON),
        "type": "Normal" if well else "Warning",
        "note": _cut(note, _MAX_NOTE),
        "regarding": {
            "apiVersion": api.API_VERSION,
            "kind": api.KIND,
            "namespace": at.namespace,
            "name": at.name,
            "uid": at.uid,
        },
    }


def _cut(text: str, size: int) -> str:
    """As much of it as fits into that many bytes."""
    return text.encode()[:size].decode(errors="ignore")
