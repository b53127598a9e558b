"""How a run stands, by what its Pod shows: the rules of the Pod lifecycle."""

from __future__ import annotations

from datetime import datetime, timedelta

from cnat.core.api import POD_LOST
from cnat.core.observed_pod import Container, Pod
from cnat.core.record import Run
from cnat.core.schedule import rfc3339

# A Pod being deleted gets its grace period, then this long for the kubelet to report how the
# containers ended, before the run counts as lost to the deletion.
DELETION_REPORT_TIME = timedelta(seconds=30)

# What a Pod waits for that starts as it should.
STARTING = frozenset({"NotScheduled", "ContainerCreating", "PodInitializing"})
# Reasons whose message has a number that is worth telling each time it changes.
COUNTED = frozenset({"ContainerRestarted"})
# The kubelet reports them in turn, with a text that changes each time.
_IMAGE_PULL = frozenset({"ErrImagePull", "ImagePullBackOff"})


def observe(pod: Pod, instant: datetime, now: datetime) -> Run:
    """How the run stands whose Pod this is: `Running`, `Succeeded` or `Failed`.

    A Pod that was deleted before it finished is waited for: the kubelet still reports how its
    containers ended. It counts as failed at once where no kubelet will (it never had a node),
    and otherwise when its grace period and DELETION_REPORT_TIME have passed.
    """
    if pod.phase == "Succeeded":
        completion = pod.finished or now.replace(microsecond=0)
        return Run(instant, "Succeeded", pod.created, completion, pod.name, 0, reason="Completed")
    if pod.phase == "Failed":
        return _failed(pod, instant, now)
    if pod.deleted and (not pod.node or now - pod.deleted > DELETION_REPORT_TIME):
        reason, why = _cause(pod) or ("PodDeleted", "")
        message = f"Pod {pod.name} was deleted before it finished" + (f": {why}" if why else "")
        return Run(
            instant, "Failed", pod.created, pod.deleted, pod.name, reason=reason, message=message
        )
    reason, message = _progress(pod)
    return Run(instant, "Running", pod.created, None, pod.name, reason=reason, message=message)


def unscheduled(pod: Pod) -> tuple[str, str]:
    """Reason and message of a Pod that has no node."""
    if pod.scheduled.status != "False":
        return "NotScheduled", f"Pod {pod.name} waits for a node"
    reason = pod.scheduled.reason or "Unschedulable"
    told = f"{reason}: {pod.scheduled.message}".removesuffix(": ")
    return reason, f"Pod {pod.name} waits for a node: {told}"


def _progress(pod: Pod) -> tuple[str, str]:
    """Reason and message of a Pod that has not finished; no reason where it simply runs."""
    for container in pod.containers:
        if container.restarts:  # Whether it runs, has failed or is backed off, by turns.
            return "ContainerRestarted", _restarted(container)
        if container.waiting and container.waiting not in STARTING:
            return _cannot_start(container)
    if pod.phase != "Pending":
        return "", f"Pod {pod.name} is running"
    if not pod.node:
        return unscheduled(pod)
    reasons = [each.waiting for each in pod.containers if each.waiting]
    reason = reasons[0] if reasons else "ContainerCreating"
    if reason == "PodInitializing":
        return reason, f"Pod {pod.name} runs its init containers"
    since = f" since {rfc3339(pod.scheduled.since)}" if pod.scheduled.since else ""
    return reason, (
        f"Pod {pod.name} waits for its containers on node {pod.node}{since}: {reason}; "
        f"kubectl describe pod {pod.name} tells what they wait for"
    )


def _cannot_start(container: Container) -> tuple[str, str]:
    reason = "ImagePullBackOff" if container.waiting in _IMAGE_PULL else container.waiting
    told = f"{reason}: {container.waiting_message}".removesuffix(": ")
    return reason, f"container {container.name!r} cannot start: {told}"


def _restarted(container: Container) -> str:
    times = "once" if container.restarts == 1 else f"{container.restarts} times"
    ended = container.last
    last = f", last after exit code {ended.exit_code} ({ended.reason})" if ended else ""
    return f"container {container.name!r} was restarted {times}{last}"


def _failed(pod: Pod, instant: datetime, now: datetime) -> Run:
    """The container that failed tells the exit code; what ended the Pod, if known, the reason."""
    failed = next((each for each in pod.containers if each.ended and each.ended.exit_code), None)
    cause = _cause(pod)
    reason, told = "PodFailed", []
    exit_code = None
    if failed and failed.ended:
        ended = failed.ended
        exit_code, reason = ended.exit_code, ended.reason or "Error"
        text = f"container {failed.name!r} exited with {exit_code} ({reason})"
        told.append(f"{text}: {ended.message}" if ended.message else text)
    if cause:
        reason = cause[0]
        told.insert(0, cause[1])
    # PodLost is our word for a Pod that can't be asked any more.
    reason = "PodFailed" if reason == POD_LOST else reason
    return Run(
        instant,
        "Failed",
        pod.created,
        pod.finished or now.replace(microsecond=0),
        pod.name,
        exit_code,
        reason,
        "; ".join(told) or f"Pod {pod.name} failed ({reason})",
    )


def _cause(pod: Pod) -> tuple[str, str] | None:
    """What ended the Pod from outside: reason and message; None if its containers ended alone.

    The kubelet's own verdict (Evicted, DeadlineExceeded, NodeAffinity, ...) comes first, then the
    DisruptionTarget condition (KEP-3329), then a deletion that came before the containers ended.
    """
    if pod.reason or pod.message:
        reason = pod.reason or "PodFailed"
        return reason, pod.message or f"Pod {pod.name} failed ({reason})"
    if pod.disruption.status == "True":
        reason = pod.disruption.reason or "DisruptionTarget"
        return reason, pod.disruption.message or f"Pod {pod.name} was disrupted ({reason})"
    requested = pod.deletion_requested
    if requested and pod.finished and pod.finished >= requested:
        return "PodDeleted", f"Pod {pod.name} was deleted"
    return None
