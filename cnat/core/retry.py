"""Whether a run whose Pod ended without success gets another one, and when: `spec.retryPolicy`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum

from cnat.core.at import At
from cnat.core.fields import Malformed
from cnat.core.observed_pod import Pod
from cnat.core.record import PastAttempt

# The back-off of the Job controller, in the numbers of the Job API's documentation.
_FIRST_BACKOFF_SECONDS = 10
_LONGEST_BACKOFF_SECONDS = 360

# A kubelet's first word on a Pod sets status.startTime, which its later words keep, and arrives at
# once. One that restarts may refuse a Pod that has been running, and wipes what was known of its
# containers (kubernetes/kubernetes#123859): then this word is not the first. No kubelet starts a
# container, is restarted and refuses in so short a time.
_SAME_WORD_SECONDS = 2.0


class End(IntEnum):
    """How a Pod ended that did not succeed. Each retry policy covers these up to one."""

    NOT_STARTED = 1
    DISRUPTED = 2
    FAILED = 3


_COVERED = {
    "Never": 0,
    "NotStarted": End.NOT_STARTED,
    "Disrupted": End.DISRUPTED,
    "Failed": End.FAILED,
}


def end_of(pod: Pod) -> End:
    """How a Pod ended that did not succeed, or that was deleted before it could.

    That nothing of it ever started is believed on proof only: nobody says anything of a container,
    and it has no node and can't get one any more (the API server binds no Pod that is being
    deleted, no kubelet starts one that has failed), or its kubelet refused to admit it. KEP-3329
    tells the rest: what the cluster ends, it marks with a DisruptionTarget.
    """
    disrupted = pod.disruption.status == "True"
    refused = _was_refused(pod) and not disrupted
    if not pod.reported and (not pod.node or refused):
        return End.NOT_STARTED
    if disrupted or (pod.deletion_requested and not _failed_before(pod, pod.deletion_requested)):
        return End.DISRUPTED
    return End.FAILED


def _was_refused(pod: Pod) -> bool:
    """Whether the first thing that a kubelet said of it is that it does not admit it.

    The words of the kubelet (`OutOfcpu`, `NodeAffinity`, ...) are no list that ends: each device
    plugin adds its own.
    """
    if not pod.reason or pod.refused is None or pod.acknowledged is None:
        return False
    return abs((pod.refused - pod.acknowledged).total_seconds()) <= _SAME_WORD_SECONDS


def _failed_before(pod: Pod, moment: datetime) -> bool:
    ended = any(each.ended for each in pod.containers)
    return ended and pod.finished is not None and pod.finished < moment


def due(instant: datetime, attempts: Sequence[PastAttempt]) -> datetime:
    """When the next attempt may be created: after the back-off, and never before the instant.

    Where it isn't known when the last one ended there is nothing to count from.
    """
    ended = attempts[-1].completion
    if ended is None:
        return instant
    doublings = min(len(attempts) - 1, _LONGEST_BACKOFF_SECONDS)
    seconds = min(_FIRST_BACKOFF_SECONDS * 2**doublings, _LONGEST_BACKOFF_SECONDS)
    try:
        return max(instant, ended + timedelta(seconds=seconds))
    except OverflowError:  # A Pod's times are what somebody wrote into it.
        return max(instant, ended)


def objection(
    at: At, instant: datetime, end: End, attempts: Sequence[PastAttempt], now: datetime
) -> str | None:
    """Why a run gets no further Pod; None if it gets one, "" where nobody asked for that.

    Args:
        end: how the last of its Pods ended.
        attempts: all Pods that it has had.
    """
    try:
        policy, limit, deadline = at.retry_policy, at.backoff_limit, at.starting_deadline_seconds
        if policy == "Never":
            return ""
        if policy not in _COVERED:
            raise Malformed("spec.retryPolicy", f"must be one of {', '.join(_COVERED)}")
        if at.instant != instant:
            return "spec.schedule was edited meanwhile"
    except ValueError as error:  # It can't be retried as it is written; how it ended is recorded.
        return str(error)
    if at.deleting:
        return "the At is being deleted"
    if end > _COVERED[policy]:
        told = "it is not proved that nothing started" if policy == "NotStarted" else "it failed"
        return f"{told}, which retryPolicy {policy} does not cover"
    if len(attempts) > limit:
        return f"it has had the {limit + 1} Pods that spec.backoffLimit allows"
    goes_on = max(now, due(instant, attempts))
    if deadline is not None and (goes_on - instant).total_seconds() > deadline:
        return f"that would be later than startingDeadlineSeconds ({deadline}) allows"
    return None
