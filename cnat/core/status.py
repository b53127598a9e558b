"""The status that an At has earned: phase, how its run stands, conditions.

Every function here answers "what should `status` say, given that ...?" and returns a whole new
status; whether it must be written is a comparison with the one the At has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cnat.core import api, outcome, pod, retry
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.record import MAX_RUNS, Condition, PastAttempt, Run, Status
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


def missed(
    at: At,
    instant: datetime,
    now: datetime,
    deadline: float,
    unbound: Pod | None = None,
    attempt: int = 1,
) -> Status:
    """It was due, couldn't be started in time, and never will be.

    Args:
        deadline: within so many seconds of its instant it had to start.
        unbound: its Pod that was created in time, but that no node was found for.
        attempt: the number of that Pod. Who has started before has not missed it: then it failed.
    """
    late = f"within {deadline:.0f} s of {rfc3339(instant)}"
    if at.starting_deadline_seconds is None:
        late += " (--default-starting-deadline)"
    if unbound is None:
        message = f"not started {late}: {_span((now - instant).total_seconds())} late; {_AGAIN}"
        return _ended(at, now, Run(instant, "Missed", reason="DeadlineMissed", message=message))
    reason, why = outcome.unscheduled(unbound)
    message = f"not on a node {late}: {why}; {_AGAIN}"
    run = Run(
        instant, "Missed", unbound.created, pod_name=unbound.name, reason=reason, message=message
    )
    if attempt == 1:
        return _ended(at, now, run)
    earlier = _earlier(at, instant, attempt)
    failed = replace(run, phase="Failed", completion=unbound.deleted or now.replace(microsecond=0))
    return _ended(at, now, _since_the_first(failed, earlier), earlier)


def _span(seconds: float) -> str:
    """A length of time in the largest unit that it has two of."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def lost(at: At, instant: datetime, pod_name: str, now: datetime) -> Status:
    """Its Pod is gone although nobody recorded how it ended."""
    message = (
        f"Pod {pod_name} disappeared before its outcome was recorded (its finalizer "
        f"{api.FINALIZER} or its labels were removed by somebody else)"
    )
    earlier = at.status.attempts
    # With earlier attempts the status has the first one's start.
    started = at.status.run.start if at.status.run and not earlier else None
    run = Run(
        instant,
        "Failed",
        started,
        now.replace(microsecond=0),
        pod_name,
        reason=api.POD_LOST,
        message=message,
    )
    # Nothing proves that it did not start, and somebody deleted it.
    return _failed(at, instant, now, run, retry.End.DISRUPTED, earlier, advice=f"; {_AGAIN}")


def of_pod(at: At, instant: datetime, its_pod: Pod, now: datetime, attempt: int = 1) -> Status:
    """What the Pod shows of the run: `Running` (also where another Pod follows), `Succeeded` or
    `Failed`.

    Args:
        attempt: its number in that run.
    """
    run = outcome.observe(its_pod, instant, now)
    earlier = _earlier(at, instant, attempt)
    if run.phase == "Failed" and at.status.ended_run(instant) is None:
        return _failed(at, instant, now, run, retry.end_of(its_pod), earlier)
    if run.ended:
        return _ended(at, now, _since_the_first(run, earlier), earlier)
    before = at.status.run
    same = before and run.reason and (before.pod_name, before.reason) == (its_pod.name, run.reason)
    if before and same and run.reason not in outcome.COUNTED:
        # The texts of the kubelet and the scheduler vary while nothing changes: one write does.
        run = replace(run, message=before.message)
    ready = {"Ready": ("True", "Running", run.message)}
    return _status(at, now, _since_the_first(run, earlier), ready, earlier)


def waiting(at: At, instant: datetime, now: datetime) -> Status:
    """Waiting for its next Pod, after a back-off, and not suspended or refused any more."""
    run, attempts = at.status.run, at.status.attempts
    if run is None or (run.phase, run.reason) != ("Running", api.RETRYING):
        last = attempts[-1]
        run = _retrying(at, instant, attempts, f"Pod {last.pod_name} ended ({last.reason})")
    return _status(at, now, run, {"Ready": ("True", "Running", run.message)}, attempts)


def given_up(at: At, instant: datetime, now: datetime, why: str) -> Status:
    """It waited for its next Pod and gets none: as its last one ended, so it has."""
    *earlier, last = at.status.attempts
    why = why or "spec.retryPolicy does not ask for it any more"
    ended = Run(
        instant,
        "Failed",
        last.start,
        last.completion,
        last.pod_name,
        last.exit_code,
        last.reason,
        f"Pod {last.pod_name} ended ({last.reason}); not retried: {why}",
    )
    return _ended(at, now, _since_the_first(ended, earlier), earlier)


def recorded(at: At, instant: datetime, now: datetime) -> Status | None:
    """The status for a run that has already ended, taken from the record; None if it hasn't.

    The record is the status itself, and `status.history` for a schedule that was edited away
    and has been put back.
    """
    run = at.status.ended_run(instant)
    return _ended(at, now, run) if run else None


def _failed(
    at: At,
    instant: datetime,
    now: datetime,
    run: Run,
    end: retry.End,
    earlier: Sequence[PastAttempt],
    advice: str = "",
) -> Status:
    """One of its Pods has ended without success: the run has, or it goes on with another."""
    last = PastAttempt(run.pod_name, run.start, run.completion, run.exit_code, run.reason)
    attempts = (*earlier, last)
    why = retry.objection(at, instant, end, attempts, now)
    if why is None:
        goes_on = _retrying(at, instant, attempts, run.message)
        return _status(at, now, goes_on, {"Ready": ("True", "Running", goes_on.message)}, attempts)
    message = run.message + (f"; not retried: {why}" if why else "") + advice
    ended = replace(_since_the_first(run, earlier), message=message)
    return _ended(at, now, ended, earlier)


def _retrying(at: At, instant: datetime, attempts: Sequence[PastAttempt], told: str) -> Run:
    """The run as it waits for its next Pod. `told` is what became of the last one."""
    number, limit = len(attempts) + 1, at.backoff_limit + 1
    due = rfc3339(retry.due(instant, attempts))
    message = f"attempt {number} of {limit} starts at {due}, because {told}"
    waiting = Run(instant, "Running", reason=api.RETRYING, message=message)
    return _since_the_first(waiting, attempts)


def _since_the_first(run: Run, attempts: Sequence[PastAttempt]) -> Run:
    """A run has started when the first of its Pods was created."""
    return replace(run, start=attempts[0].start) if attempts else run


def _earlier(at: At, instant: datetime, attempt: int) -> tuple[PastAttempt, ...]:
    """The attempts before that one. Of those that the record has lost (it was wiped while the Pod
    was there) the names are known: they must not be given again."""
    run = at.status.run
    known = at.status.attempts if run and run.instant == instant else ()
    numbers = range(len(known) + 1, attempt)
    return (
        *known[: attempt - 1],
        *(PastAttempt(pod.name(at, instant, number)) for number in numbers),
    )


def _ended(
    at: At, now: datetime, run: Run, attempts: Sequence[PastAttempt] | None = None
) -> Status:
    """A run that has ended is no news about the At, which will do as it is written: Ready."""
    if run.phase == "Succeeded":
        message = f"Pod {run.pod_name} succeeded"
        conditions = {"Complete": ("True", run.reason or run.phase, message)}
    else:
        message = run.message
        conditions = {"Failed": ("True", run.reason or run.phase, message)}
    conditions["Finished"] = conditions["Ready"] = ("True", run.phase, message)
    return _status(at, now, run, conditions, attempts)


def _status(
    at: At,
    now: datetime,
    run: Run,
    conditions: dict[str, tuple[str, str, str]],
    attempts: Sequence[PastAttempt] | None = None,
) -> Status:
    """The whole status. `attempts` are the earlier Pods of the run; None for those on record."""
    generation = _answered_generation(at, run)
    if attempts is None:
        same = at.status.run is not None and at.status.run.instant == run.instant
        attempts = at.status.attempts if same else ()
    return Status(
        at.generation,
        run if run.reason or run.phase != "Running" else replace(run, message=""),
        tuple(
            _condition(at, now, kind, generation, *detail)
            for kind, detail in sorted(conditions.items())
        ),
        tuple(each for each in at.status.ended_runs if each.instant != run.instant),
        tuple(attempts),
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
