"""The status that an At has earned: phase, outcome of the run, conditions.

Every function here answers "what should `status` say, given that ...?" and returns a whole new
status; whether it must be written is a comparison with the one the At has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cnat.core import api
from cnat.core.fields import Manifest, moment
from cnat.core.objects import At, Pod
from cnat.core.schedule import rfc3339

# A Pod being deleted gets its grace period, then this long for the kubelet to report how the
# containers ended, before the run counts as lost to the deletion.
DELETION_REPORT_TIME = timedelta(seconds=30)

_RUN_FIELDS = (
    "scheduledTime",
    "phase",
    "startTime",
    "completionTime",
    "podName",
    "exitCode",
    "reason",
    "message",
)
# metav1.Condition allows longer ones, but thousands of statuses are listed every minute.
_MAX_MESSAGE = 1024
# The pattern of metav1.Condition's reason; a container runtime may report anything.
_CONDITION_REASON = re.compile(r"[A-Za-z](?:[A-Za-z0-9_,:]{0,1022}[A-Za-z0-9_])?", re.ASCII)
# Waiting reasons of a Pod that is starting as it should.
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run stands: one of the phases, and what is known of its Pod."""

    phase: str
    start: datetime | None = None
    completion: datetime | None = None
    pod_name: str | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""


def armed(at: At, instant: datetime, now: datetime) -> dict[str, Any]:
    """Waiting for its instant, and the API server would take its Pod."""
    ready = ("True", "Armed", f"starts at {rfc3339(instant)}")
    return _status(at, now, instant, Outcome("Pending"), {"Ready": ready})


def suspended(at: At, instant: datetime, now: datetime) -> dict[str, Any]:
    """`spec.suspend` keeps it from starting."""
    ready = ("True", "Suspended", "starts nothing while spec.suspend is true")
    return _status(at, now, instant, Outcome("Suspended"), {"Ready": ready})


def stalled(
    at: At, instant: datetime | None, now: datetime, reason: str, message: str
) -> dict[str, Any]:
    """It can't start as written. `instant` is None where not even that is known."""
    outcome = Outcome("Pending", reason=reason, message=message)
    conditions = {"Ready": ("False", reason, message), "Stalled": ("True", reason, message)}
    return _status(at, now, instant, outcome, conditions)


def missed(at: At, instant: datetime, now: datetime) -> dict[str, Any]:
    """It was due, couldn't be started within `spec.startingDeadlineSeconds`, and never will be."""
    message = (
        f"not started within {at.starting_deadline_seconds} s of {rfc3339(instant)}; "
        "change spec.schedule to arm a new run"
    )
    return _ended(at, now, instant, Outcome("Missed", reason="DeadlineMissed", message=message))


def lost(at: At, instant: datetime, pod_name: str, now: datetime) -> dict[str, Any]:
    """Its Pod is gone although nobody recorded how it ended. It isn't run again."""
    outcome = Outcome(
        "Failed",
        start=moment(at.status.get("startTime")),
        completion=now.replace(microsecond=0),
        pod_name=pod_name,
        reason=api.POD_LOST,
        message=(
            f"Pod {pod_name} disappeared before its outcome was recorded (its finalizer "
            f"{api.FINALIZER} or its labels were removed by somebody else); "
            "change spec.schedule to arm a new run"
        ),
    )
    return _ended(at, now, instant, outcome)


def of_pod(at: At, instant: datetime, pod: Pod, now: datetime) -> dict[str, Any]:
    """What the Pod shows of the run: `Running`, `Succeeded` or `Failed`."""
    outcome = observe(pod, now)
    if outcome.reason == api.POD_LOST:  # That is our word for a Pod that can't be asked any more.
        outcome = replace(outcome, reason="PodFailed")
    if outcome.phase == "Running":
        message = outcome.message or f"Pod {pod.name} is running"
        ready = ("True", "Running", message)
        return _status(at, now, instant, outcome, {"Ready": ready})
    return _ended(at, now, instant, outcome)


def recorded(at: At, instant: datetime, now: datetime) -> dict[str, Any] | None:
    """The status for a run that has already ended, taken from the record; None if it hasn't.

    The record is the status itself, and `status.history` for a schedule that was edited away
    and has been put back.
    """
    text = rfc3339(instant)
    for entry in ended_runs(at):
        if entry["scheduledTime"] == text:
            outcome = Outcome(
                phase=str(entry.get("phase")),
                start=moment(entry.get("startTime")),
                completion=moment(entry.get("completionTime")),
                pod_name=entry.get("podName"),
                exit_code=entry.get("exitCode"),
                reason=str(entry.get("reason", "")),
                message=str(entry.get("message", "")),
            )
            return _ended(at, now, instant, outcome)
    return None


def ended_runs(at: At) -> list[Manifest]:
    """The run fields of each run of this At that has ended, newest first."""
    status = at.status
    runs = list(status.get("history") or [])
    if status.get("phase") in api.FINISHED_PHASES and status.get("scheduledTime"):
        runs.insert(0, {key: status[key] for key in _RUN_FIELDS if key in status})
    return runs


def observe(pod: Pod, now: datetime) -> Outcome:
    """How a Pod stands, by the rules of the Pod lifecycle.

    A Pod that was deleted before it finished is waited for: the kubelet still reports how its
    containers ended. It counts as failed at once where no kubelet will (it never had a node),
    and otherwise when its grace period and DELETION_REPORT_TIME have passed.
    """
    if pod.phase == "Succeeded":
        return Outcome("Succeeded", pod.created, _completion(pod, now), pod.name, 0, "Completed")
    if pod.phase == "Failed":
        return _failure(pod, now)
    if pod.deleted and (not pod.node or now - pod.deleted > DELETION_REPORT_TIME):
        reason, message = "PodDeleted", f"Pod {pod.name} was deleted before it finished"
        disruption = pod.condition("DisruptionTarget")
        if disruption.get("status") == "True":
            reason = str(disruption.get("reason") or reason)
            message = f"{message}: {disruption.get('message', '')}"
        return Outcome("Failed", pod.created, pod.deleted, pod.name, None, reason, message)
    return _progress(pod)


def _progress(pod: Pod) -> Outcome:
    reason, message = "", ""
    unscheduled = pod.condition("PodScheduled")
    if unscheduled.get("status") == "False":
        reason = str(unscheduled.get("reason") or "Unscheduled")
        message = f"{reason}: {unscheduled.get('message', '')}"
    for container in pod.containers:
        waiting = str(container.waiting.get("reason", ""))
        if waiting and waiting not in _STARTING:
            reason = waiting
            detail = str(container.waiting.get("message", ""))
            message = f"container {container.name!r} cannot start: {waiting}: {detail}"
            break
    message = message.removesuffix(": ")
    return Outcome("Running", pod.created, None, pod.name, None, reason, message)


def _failure(pod: Pod, now: datetime) -> Outcome:
    reason = str(pod.status.get("reason") or "")
    message = str(pod.status.get("message") or "")
    exit_code: int | None = None
    for container in pod.containers:
        code = container.terminated.get("exitCode")
        if isinstance(code, int) and code != 0:
            exit_code = code
            reason = reason or str(container.terminated.get("reason") or "Error")
            ended = f"container {container.name!r} exited with {code} ({reason})"
            detail = str(container.terminated.get("message") or message)
            message = f"{ended}: {detail}" if detail else ended
            break
    disruption = pod.condition("DisruptionTarget")
    if not reason and disruption.get("status") == "True":
        reason = str(disruption.get("reason") or "")
        message = message or str(disruption.get("message") or "")
    reason = reason or "PodFailed"
    message = message or f"Pod {pod.name} failed ({reason})"
    return Outcome(
        "Failed", pod.created, _completion(pod, now), pod.name, exit_code, reason, message
    )


def _completion(pod: Pod, now: datetime) -> datetime:
    finishes = [moment(container.terminated.get("finishedAt")) for container in pod.containers]
    # Evicted Pods have no container statuses; their conditions tell when they ended.
    changes = [
        moment(pod.condition(kind).get("lastTransitionTime"))
        for kind in ("DisruptionTarget", "Ready")
    ]
    return _latest(finishes) or _latest(changes) or now.replace(microsecond=0)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _ended(at: At, now: datetime, instant: datetime, outcome: Outcome) -> dict[str, Any]:
    if outcome.phase == "Succeeded":
        detail = ("True", outcome.reason, f"Pod {outcome.pod_name} succeeded")
        return _status(at, now, instant, outcome, {"Ready": detail, "Complete": detail})
    verdict = (outcome.reason or outcome.phase, outcome.message)
    conditions = {
        "Ready": ("False", *verdict),
        "Stalled": ("True", *verdict),
        "Failed": ("True", *verdict),
    }
    return _status(at, now, instant, outcome, conditions)


def _status(
    at: At,
    now: datetime,
    instant: datetime | None,
    outcome: Outcome,
    conditions: dict[str, tuple[str, str, str]],
) -> dict[str, Any]:
    scheduled = rfc3339(instant) if instant else None
    fields: dict[str, Any] = {
        "observedGeneration": at.generation,
        "phase": outcome.phase,
        "scheduledTime": scheduled,
        "startTime": rfc3339(outcome.start) if outcome.start else None,
        "completionTime": rfc3339(outcome.completion) if outcome.completion else None,
        "podName": outcome.pod_name,
        "exitCode": outcome.exit_code,
        "reason": outcome.reason[:_MAX_MESSAGE] or None,
        "message": outcome.message[:_MAX_MESSAGE] or None,
        "conditions": [
            _condition(at, now, kind, *detail) for kind, detail in sorted(conditions.items())
        ],
        "history": [run for run in ended_runs(at) if run["scheduledTime"] != scheduled] or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _condition(
    at: At, now: datetime, kind: str, value: str, reason: str, message: str
) -> dict[str, Any]:
    since = None
    for entry in at.status.get("conditions") or []:
        if entry.get("type") == kind and entry.get("status") == value:
            since = entry.get("lastTransitionTime")
    return {
        "type": kind,
        "status": value,
        "observedGeneration": at.generation,
        "lastTransitionTime": since or rfc3339(now.replace(microsecond=0)),
        "reason": reason if _CONDITION_REASON.fullmatch(reason) else "PodFailed",
        "message": message[:_MAX_MESSAGE],
    }
