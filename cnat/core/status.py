"""The status that an At has earned: phase, how its run stands, conditions.

Every function here answers "what should `status` say, given that ...?" and returns a whole new
status; whether it must be written is a comparison with the one the At has.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from cnat.core import api, outcome
from cnat.core.objects import At, Pod
from cnat.core.record import MAX_RUNS, Condition, Run, Status
from cnat.core.schedule import rfc3339

_AGAIN = "change spec.schedule to arm a new run"
# The pattern of metav1.Condition's reason; a container runtime may report anything.
_CONDITION_REASON = re.compile(r"[A-Za-z](?:[A-Za-z0-9_,:]{0,1022}[A-Za-z0-9_])?", re.ASCII)


def armed(at: At, instant: datetime, now: datetime) -> Status:
    """Waiting for its instant, and the API server would take its Pod."""
    ready = ("True", "Armed", f"starts at {rfc3339(instant)}")
    return _status(at, now, Run(instant, "Pending"), {"Ready": ready})


def suspended(at: At, instant: datetime, now: datetime) -> Status:
    """`spec.suspend` keeps it from starting."""
    ready = ("True", "Suspended", "starts nothing while spec.suspend is true")
    return _status(at, now, Run(instant, "Suspended"), {"Ready": ready})


def stalled(at: At, instant: datetime | None, now: datetime, reason: str, message: str) -> Status:
    """It can't start as written. `instant` is None where not even that is known."""
    run = Run(instant, "Pending", reason=reason, message=message)
    conditions = {"Ready": ("False", reason, message), "Stalled": ("True", reason, message)}
    return _status(at, now, run, conditions)


def history_full(at: At, instant: datetime, now: datetime) -> Status | None:
    """It has had as many runs as it can remember; None while it hasn't.

    To forget one would mean to run it again if its instant were put back into the schedule.
    """
    if len(at.status.ended_runs) < MAX_RUNS:
        return None
    message = f"this At has had {MAX_RUNS} runs, more than it can remember; make another At"
    return stalled(at, instant, now, "HistoryFull", message)


def missed(at: At, instant: datetime, now: datetime, pod: Pod | None = None) -> Status:
    """It was due, couldn't be started within `spec.startingDeadlineSeconds`, and never will be.

    Args:
        pod: the one that was created in time, but that no node was found for.
    """
    late = f"within {at.starting_deadline_seconds} s of {rfc3339(instant)}"
    if pod is None:
        message = f"not started {late}; {_AGAIN}"
        return _ended(at, now, Run(instant, "Missed", reason="DeadlineMissed", message=message))
    reason, why = outcome.unscheduled(pod)
    message = f"not on a node {late}: {why}; {_AGAIN}"
    run = Run(instant, "Missed", pod.created, pod_name=pod.name, reason=reason, message=message)
    return _ended(at, now, run)


def lost(at: At, instant: datetime, pod_name: str, now: datetime) -> Status:
    """Its Pod is gone although nobody recorded how it ended. It isn't run again."""
    message = (
        f"Pod {pod_name} disappeared before its outcome was recorded (its finalizer "
        f"{api.FINALIZER} or its labels were removed by somebody else); {_AGAIN}"
    )
    started = at.status.run.start if at.status.run else None
    completion = now.replace(microsecond=0)
    return _ended(
        at,
        now,
        Run(
            instant,
            "Failed",
            started,
            completion,
            pod_name,
            reason=api.POD_LOST,
            message=message,
        ),
    )


def of_pod(at: At, instant: datetime, pod: Pod, now: datetime) -> Status:
    """What the Pod shows of the run: `Running`, `Succeeded` or `Failed`."""
    run = outcome.observe(pod, instant, now)
    if run.ended:
        return _ended(at, now, run)
    before = at.status.run
    same = before and run.reason and (before.pod_name, before.reason) == (pod.name, run.reason)
    if before and same and run.reason not in outcome.COUNTED:
        # The texts of the kubelet and the scheduler vary while nothing changes: one write does.
        run = replace(run, message=before.message)
    return _status(at, now, run, {"Ready": ("True", "Running", run.message)})


def recorded(at: At, instant: datetime, now: datetime) -> Status | None:
    """The status for a run that has already ended, taken from the record; None if it hasn't.

    The record is the status itself, and `status.history` for a schedule that was edited away
    and has been put back.
    """
    run = at.status.ended_run(instant)
    return _ended(at, now, run) if run else None


def _ended(at: At, now: datetime, run: Run) -> Status:
    """A run that has ended is no news about the At, which will do as it is written: Ready."""
    if run.phase == "Succeeded":
        message = f"Pod {run.pod_name} succeeded"
        conditions = {"Complete": ("True", run.reason or run.phase, message)}
    else:
        message = run.message
        conditions = {"Failed": ("True", run.reason or run.phase, message)}
    conditions["Finished"] = conditions["Ready"] = ("True", run.phase, message)
    return _status(at, now, run, conditions)


def _status(at: At, now: datetime, run: Run, conditions: dict[str, tuple[str, str, str]]) -> Status:
    generation = _answered_generation(at, run)
    return Status(
        at.generation,
        run if run.reason or run.phase != "Running" else replace(run, message=""),
        tuple(
            _condition(at, now, kind, generation, *detail)
            for kind, detail in sorted(conditions.items())
        ),
        tuple(each for each in at.status.ended_runs if each.instant != run.instant),
    )


def _answered_generation(at: At, run: Run) -> int:
    """The generation of the spec that this run answers.

    That is the one of today, unless the schedule was edited while the run goes on. Else who waits
    for the next run to be `Complete` would be told of the last one.
    """
    if run.instant is None or _asks_for(at, run.instant):
        return at.generation
    earlier = max(0, at.generation - 1)
    before = at.status.condition("Ready")
    if before and at.status.run and at.status.run.instant == run.instant:
        return max(0, min(before.observed_generation, earlier))
    return earlier


def _asks_for(at: At, instant: datetime) -> bool:
    try:
        return at.instant == instant
    except ValueError:  # A schedule that names no instant asks for no run.
        return False


def _condition(
    at: At, now: datetime, kind: str, generation: int, value: str, reason: str, message: str
) -> Condition:
    before = at.status.condition(kind)
    since = before.since if before and before.status == value else None
    return Condition(
        kind,
        value,
        reason if _CONDITION_REASON.fullmatch(reason) else "PodFailed",
        message,
        generation,
        since or now.replace(microsecond=0),
    )
