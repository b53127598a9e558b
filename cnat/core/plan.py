"""The decisions: `(now, what is seen of one At) -> the next thing to do for it`, pure.

A pass asks again after each write, with what the write answered, until there is nothing left to
do. So one function says what follows what (status before finalizer, check before start), a
finished pass is converged by construction, and a pass killed anywhere is continued by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.core import attempts, pod, retry, status
from cnat.core.action import (
    Action,
    CreatePod,
    DeletePod,
    FindPod,
    Preflight,
    ReleasePod,
    UpdateStatus,
)
from cnat.core.at import At
from cnat.core.fields import Malformed
from cnat.core.observed_pod import Pod
from cnat.core.record import Status
from cnat.core.schedule import ScheduleError

# A Pod isn't deleted by us, nor let go of when somebody else has deleted it, until it is so old. A
# pass that was held up between its lists and its create (by the network, by admission, by retries,
# by a frozen machine) then finds the name taken, however soon the run ended and was recorded.
# The sum: a create begins at most 20 s after what it rests on was read (tasks.RECENT_SECONDS),
# the last of its tries is over 38 s after that (transport.CREATE_SECONDS), and a second is lost
# where creationTimestamp is cut to one.
MIN_POD_AGE_SECONDS = 60.0


@dataclass(frozen=True)
class Refusal:
    """Why the API server would not take the Pod: a reason in CamelCase and its message."""

    reason: str
    message: str


@dataclass(frozen=True)
class Seen:
    """What this pass has seen of one At.

    Attributes:
        pods: the Pods that carry our label and this At's uid.
        checked: its Pod was sent as a dry run in this pass; `refusal` has the answer, None for
            accepted. A refused start sets both as well.
        absent: names of Pods that this pass asked for and that aren't there, or aren't ours.
        asks_server: what would refuse the Pod can be heard. Where it can't (a dry run without
            the server), the answer that is on record stands.
        default_starting_deadline: for an At that sets none; None for no limit.
    """

    at: At
    pods: tuple[Pod, ...] = ()
    checked: bool = False
    refusal: Refusal | None = None
    absent: frozenset[str] = frozenset()
    asks_server: bool = True
    default_starting_deadline: timedelta | None = None


def next_action(now: datetime, seen: Seen) -> Action | None:
    """The next thing to do for one At, None when it is converged.

    What starts comes before the cleaning up after earlier runs, which may fail.

    Args:
        now: the time by the clock that counts (the API server's), aware.
        seen: the At with its Pods, and what this pass has learnt about it.

    Raises:
        Malformed: the status isn't what cnat writes, so nothing may be concluded from it.
    """
    return (
        _follow_lost_pod(now, seen)
        or _list_again(now, seen)
        or _follow_pods(now, seen)
        or _arm_or_start(now, seen)
        or _clean_up(now, seen)
    )


def armed_for(at: At) -> datetime | None:
    """When the At starts a Pod, in UTC: its instant, or the end of its back-off; None if it waits
    for neither."""
    run = at.status.run
    if run and run.instant and run.phase == "Running" and at.status.waits_for_attempt:
        return retry.due(run.instant, at.status.attempts)
    return run.instant if run and run.phase == "Pending" and not run.reason else None


def _follow_lost_pod(now: datetime, seen: Seen) -> Action | None:
    """A run that the status calls Running, and whose Pod isn't among the listed.

    Another pass may have created that Pod after this pass listed Pods, so it is asked for by
    name before it counts as lost.
    """
    run = seen.at.status.run
    if run is None or run.phase != "Running" or run.instant is None:
        return None
    if seen.at.status.waits_for_attempt:
        return None
    if any(its_pod.name == run.pod_name for its_pod in seen.pods):
        return None
    if run.pod_name not in seen.absent:
        return FindPod(seen.at, run.pod_name)
    return _differing(seen.at, status.lost(seen.at, run.instant, run.pod_name, now))


def _list_again(now: datetime, seen: Seen) -> Action | None:
    """A Pod that got its time to live after it was recorded, and so has left the list.

    It comes before the status that answers the edit, after which nobody would ask for it; and so
    does what else is to be done about it, should it have lost our label, too.
    """
    status = seen.at.status
    run, edited = status.run, status.observed_generation != seen.at.generation
    if run is None or not run.ended or seen.at.ttl_seconds_after_finished is None:
        return None
    for its_pod in seen.pods:
        if its_pod.recorded and not its_pod.deleted:
            return ReleasePod(seen.at, its_pod, listed=True)
    if not edited:
        return None
    if run.pod_name in {"", *seen.absent, *(its_pod.name for its_pod in seen.pods)}:
        return _clean_up(now, seen)
    return FindPod(seen.at, run.pod_name)


def _follow_pods(now: datetime, seen: Seen) -> Action | None:
    """Bring the outcome of each run that has a Pod into the status, one run after the other.

    Normally there is one. There are two where a pass was killed between a create and its status
    write, and the schedule was edited before the next pass.
    """
    record = seen.at.status
    for number, instant, its_pod in attempts.unrecorded(seen.at, seen.pods):
        if record.waits_for_attempt and record.run and record.run.instant != instant:
            break  # That run is under way, too, and goes first.
        unbound = its_pod.phase == "Pending" and not its_pod.node
        deadline = _starting_deadline(seen, number) if unbound else None
        if deadline is not None and _is_past(deadline, now, instant):
            if not its_pod.deleted:
                return DeletePod(seen.at, its_pod, unchanged=True)
            missed = status.missed(seen.at, instant, now, deadline, its_pod, number)
            return _differing(seen.at, missed)
        earned = status.of_pod(seen.at, instant, its_pod, now, number)
        if action := _differing(seen.at, earned):
            return action
        if earned.phase == "Running":
            break
    return None


def _clean_up(now: datetime, seen: Seen) -> Action | None:
    """Release and, after its time to live, delete the Pods whose outcome is recorded."""
    for attempt in attempts.of(seen.at, seen.pods):
        its_pod = attempt.pod
        if not attempt.is_recorded(seen.at.status):
            continue
        young = not name_may_become_free(now, its_pod)
        if its_pod.deleted and young:
            continue
        ttl = seen.at.ttl_seconds_after_finished
        unlabelled = ttl is None and not its_pod.recorded and not its_pod.deleted
        if its_pod.has_finalizer or unlabelled:
            return ReleasePod(seen.at, its_pod, listed=ttl is not None, unchanged=young)
        completion = attempt.completion(seen.at.status) or its_pod.finished
        if ttl is None or completion is None or its_pod.deleted:
            continue
        if now - completion >= timedelta(seconds=ttl) and not young:
            return DeletePod(seen.at, its_pod)
    return None


def name_may_become_free(now: datetime, its_pod: Pod) -> bool:
    """Whether no pass can still be about to create this Pod, so that its name may become free."""
    created = its_pod.created
    return created is None or (now - created).total_seconds() >= MIN_POD_AGE_SECONDS


def _arm_or_start(now: datetime, seen: Seen) -> Action | None:
    """What the schedule asks for, once no earlier run is still under way."""
    at = seen.at
    if at.status.waits_for_attempt:
        return _go_on(now, seen)
    if at.deleting or attempts.unrecorded(at, seen.pods):
        return None
    try:
        instant = at.instant
        if decided := (
            status.recorded(at, instant, now)
            or status.history_full(at, instant, now)
            or (status.suspended(at, instant, now) if at.suspended else None)
        ):
            return _differing(at, decided)
        if now < instant:
            return _arm(now, seen, instant)
        return _start(now, seen, instant)
    except Malformed as error:
        return _differing(at, status.stalled(at, None, now, "InvalidSpec", str(error)))
    except ScheduleError as error:
        return _differing(at, status.stalled(at, None, now, "InvalidSchedule", str(error)))


def _go_on(now: datetime, seen: Seen) -> Action | None:
    """Another Pod for the run under way, once its back-off is over."""
    at, earlier = seen.at, seen.at.status.attempts
    run = at.status.run
    if run is None or run.instant is None:
        return None
    try:
        # Suspended, it stays as it is however much time passes.
        by_then = run.instant if at.suspended else now
        why = retry.objection(at, run.instant, retry.End.NOT_STARTED, earlier, by_then)
        if why is not None:
            return _differing(at, status.given_up(at, run.instant, now, why))
        if at.suspended:
            return _differing(at, status.suspended(at, run.instant, now))
        if now < retry.due(run.instant, earlier):
            return _differing(at, status.waiting(at, run.instant, now))
        if refusal := _refusal(seen):
            return _refused(now, at, run.instant, refusal)
        return CreatePod(at, pod.build(at, run.instant, attempts.next_number(at)))
    except Malformed as error:
        return _refused(now, at, run.instant, Refusal("InvalidSpec", str(error)))


def _arm(now: datetime, seen: Seen, instant: datetime) -> Action | None:
    at = seen.at
    armed = status.armed(at, instant, now)
    if at.has_status(armed):
        return None
    if refusal := _refusal(seen):
        return _refused(now, at, instant, refusal)
    if not seen.checked:
        return Preflight(at, pod.build(at, instant))
    return UpdateStatus(at, armed)


def _start(now: datetime, seen: Seen, instant: datetime) -> Action | None:
    at = seen.at
    deadline = _starting_deadline(seen)
    if deadline is not None and _is_past(deadline, now, instant):
        return _differing(at, status.missed(at, instant, now, deadline))
    if refusal := _refusal(seen):
        return _refused(now, at, instant, refusal)
    return CreatePod(at, pod.build(at, instant))


def _refusal(seen: Seen) -> Refusal | None:
    """What refuses the Pod: as this pass has heard it, or as it is on record for this spec."""
    status = seen.at.status
    on_record = status.run and status.cannot_start
    if seen.asks_server or not on_record or status.observed_generation != seen.at.generation:
        return seen.refusal
    return Refusal(status.run.reason, status.run.message) if status.run else None


def _refused(now: datetime, at: At, instant: datetime, refusal: Refusal) -> UpdateStatus | None:
    stalled = status.stalled(at, instant, now, refusal.reason, refusal.message)
    return _differing(at, stalled)


def _starting_deadline(seen: Seen, number: int = 1) -> float | None:
    """Within so many seconds of its instant a run must have started, or it never may.

    The default is about runs that nobody may want any more, not about those under way.
    """
    own, default = seen.at.starting_deadline_seconds, seen.default_starting_deadline
    if own is not None or default is None or number > 1:
        return own
    return default.total_seconds()


def _is_past(deadline: float, now: datetime, instant: datetime) -> bool:
    return (now - instant).total_seconds() > deadline


def _differing(at: At, earned: Status) -> UpdateStatus | None:
    return None if at.has_status(earned) else UpdateStatus(at, earned)
