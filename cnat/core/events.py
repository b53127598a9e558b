"""The Events that tell an At's story in `kubectl describe at`, one for each turn it takes."""

from __future__ import annotations

import hashlib
import socket
from datetime import datetime
from typing import Any

from cnat.core import api
from cnat.core.at import At
from cnat.core.outcome import STARTING
from cnat.core.record import Run, Status
from cnat.core.schedule import rfc3339

_CONTROLLER = f"{api.GROUP}/reconcile"
# The API server's limits, in bytes of UTF-8 (pkg/apis/core/validation/events.go).
_MAX_NOTE = 1024
_MAX_REASON = 128
_ACTIONS = {
    "Pending": "Check",
    "Suspended": "Suspend",
    "Running": "Start",
    "Succeeded": "Record",
    "Failed": "Record",
    "Missed": "GiveUp",
}


def of_change(at: At, status: Status, now: datetime) -> dict[str, Any] | None:
    """The `events.k8s.io/v1` Event for a status written over the one that `at` has.

    Its name ends in a hash of what it tells, so that two passes that see the same turn create one
    Event. Before that stands its place in the story: `kubectl describe` shows Events as they are
    listed, which is by name, since it sorts by a field that events.k8s.io/v1 forbids.

    None where only bookkeeping moved (observedGeneration, a message), and for the steps of a Pod
    that starts as it should.
    """
    before, run, ready = at.status.run, status.run, status.condition("Ready")
    if run is None or ready is None or _turn(before) == _turn(run):
        return None
    reason, note = run.reason or ready.reason, ready.message
    if run.phase == "Running":
        reason = run.reason or "Running"
        if run.pod_name and (before is None or before.pod_name != run.pod_name):
            reason, note = "Started", f"created Pod {run.pod_name}"
            if status.attempts:
                note += f", attempt {len(status.attempts) + 1}"
    name = f"{at.name[:200].rstrip('-.')}.{_place(at, status, run, reason)}"
    told = f"{at.uid}/{run.instant}/{reason}/{note}"
    troubled = run.phase in {"Running", "Pending"} and bool(_trouble(run))
    well = run.phase not in {"Failed", "Missed"} and (reason == "Started" or not troubled)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{name}{hashlib.sha256(told.encode()).hexdigest()[:16]}",
            "namespace": at.namespace,
        },
        "eventTime": rfc3339(now.replace(microsecond=0)).replace("Z", ".000000Z"),
        "reportingController": _CONTROLLER,
        "reportingInstance": socket.gethostname()[:128] or _CONTROLLER,
        "action": _ACTIONS[run.phase],
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


def _place(at: At, status: Status, run: Run, reason: str) -> str:
    """What sorts as the turns follow each other: by spec, by Pod, then by how that gets on."""
    turn = 3 if run.ended else 2 if reason != "Started" and run.pod_name else bool(run.pod_name)
    return f"{at.generation:08x}{len(status.attempts):04x}{turn:x}"


def _turn(run: Run | None) -> tuple[object, ...]:
    """What changes when an At takes a turn that is worth an Event."""
    return (run.phase, run.instant, run.pod_name, _trouble(run)) if run else ()


def _trouble(run: Run) -> str:
    return "" if run.reason in STARTING else run.reason


def _cut(text: str, size: int) -> str:
    """As much of it as fits into that many bytes."""
    return text.encode()[:size].decode(errors="ignore")
