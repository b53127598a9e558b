"""One action of the planner carried out: one write, and what its answer teaches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cnat.cluster.protocol import Cluster, ClusterError, Rejected, Unanswered
from cnat.core import api, attempts, events, pod
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
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.outcome import STARTING
from cnat.core.plan import Refusal, Seen
from cnat.core.record import Run
from cnat.core.schedule import rfc3339

# Answers that judge this Pod: validation, admission, quota. A webhook may deny with any code.
_ABOUT_THE_POD = frozenset({400, 403, 404, 409, 413, 422, 500})

# core/v1 NamespaceTerminatingCause, by which a refused create tells that its namespace is deleted.
_NAMESPACE_TERMINATING = "NamespaceTerminating"

NAMES: dict[type[Action], str] = {
    CreatePod: "create pod",
    FindPod: "find pod",
    UpdateStatus: "set status",
    ReleasePod: "release pod",
    DeletePod: "delete pod",
    Preflight: "preflight",
}


class Conflict(Exception):
    """Somebody else has written or deleted the object since it was read."""


class QuotaConflict(Conflict):
    """Other Pods were charged to the namespace's ResourceQuota at the same time.

    The API server has tried a few times by itself (k8s.io/apiserver, admission plugin
    resourcequota). That says nothing about this Pod, which the quota may well have room for.
    """


class NotListed(ClusterError):
    """An At is there, and yet wasn't among those of its share."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is told of a write that took effect: the Pod or phase concerned, and more about it.

    `instant` and `run` are as in `cnat.engine.results.Change`.
    """

    target: str
    detail: str = ""
    instant: datetime | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What an action came to.

    Attributes:
        seen: what is now seen of the At.
        written: None where nothing was written.
        event: the Event that tells of it.
    """

    seen: Seen
    written: Written | None = None
    event: Manifest | None = None


def perform(cluster: Cluster, action: Action, seen: Seen) -> Done:
    """Carry out what was planned from `seen`.

    Raises:
        Conflict: the object isn't any more as it was read.
        ClusterError: the request failed, and not for what the At asks for.
    """
    match action:
        case CreatePod():
            return _create_pod(cluster, action, seen)
        case FindPod():
            return _find_pod(cluster, action, seen)
        case UpdateStatus():
            return _update_status(cluster, action, seen)
        case ReleasePod():
            release_pod(cluster, action.pod, listed=action.listed, unchanged=action.unchanged)
            its_pod = replace(action.pod, has_finalizer=False, recorded=not action.listed)
            return Done(_with(seen, its_pod), released(its_pod))
        case DeletePod():
            return _delete_pod(cluster, action, seen)
        case Preflight():
            return _preflight(cluster, action, seen)


def released(its_pod: Pod) -> Written:
    """What is told of a Pod that was released or deleted."""
    return Written(its_pod.name, instant=its_pod.scheduled_time)


def release_pod(
    cluster: Cluster, its_pod: Pod, *, listed: bool = False, unchanged: bool = False
) -> None:
    """Take our finalizer off a Pod.

    Args:
        listed: passes are to see it further on.
        unchanged: only if nobody wrote it since it was read.

    Raises:
        Conflict: it is gone, or another has its name, or it is not as it should be.
        ClusterError: the request failed.
    """
    try:
        cluster.release_pod(its_pod, listed=listed, unchanged=unchanged)
    except Rejected as error:
        raise _conflict(error) from error


def confirm_orphan(cluster: Cluster, its_pod: Pod) -> None:
    """Make sure that an At is gone which the API server didn't count to our share.

    If it selects shares by another hash than we do, it leaves Ats to no pass at all.

    Raises:
        NotListed: it is there.
        ClusterError: the request failed.
    """
    try:
        read(cluster, its_pod.namespace, its_pod.at_name, its_pod.at_uid or its_pod.orphan_of)
    except Conflict:
        return
    raise NotListed(
        "the API server leaves this At out of its share; pass without --shard, or turn its "
        "feature gate ShardedListAndWatch off"
    )


def read_again(cluster: Cluster, seen: Seen, recent_seconds: float) -> Seen:
    """See anew an At that is about to start: the Pod to be created, then the At, as lists do.

    No Pod is older than its run's instant. So when that is less than `recent_seconds` ago the first
    Pod isn't asked for: a list that old would do, and at the instant each request makes it later.

    Raises:
        Conflict: the At is gone, or another has its name.
        ClusterError: a request failed.
    """
    at, pods = seen.at, seen.pods
    number = attempts.next_number(at)
    if number > 1 or (cluster.now() - at.instant).total_seconds() > recent_seconds:
        name = pod.name(at, at.instant, number)
        found = _get_pod(cluster, at.namespace, name)
        pods = tuple(each for each in seen.pods if each.name != name)
        if found is not None and pod.is_of(at, at.instant, number, found):
            pods = (*pods, found)
    fresh = read(cluster, at.namespace, at.name, at.uid)
    return with_at(replace(seen, pods=pods), fresh)


def with_at(seen: Seen, fresh: At) -> Seen:
    """What is seen, and the At as it is now."""
    if fresh.generation != seen.at.generation:  # What was heard about it was about another spec.
        return replace(seen, at=fresh, checked=False, refusal=None)
    return replace(seen, at=fresh)


def read(cluster: Cluster, namespace: str, name: str, uid: str) -> At:
    """The At as it is now.

    Raises:
        Conflict: it is gone, or another has its name.
        ClusterError: the request failed.
    """
    try:
        fresh = At.of(cluster.at(namespace, name))
    except Rejected as error:
        raise _conflict(error) from error
    if fresh.uid != uid:
        raise Conflict(f"At {namespace}/{name} was deleted and created anew")
    return fresh


def _create_pod(cluster: Cluster, action: CreatePod, seen: Seen) -> Done:
    """Start a run. A Pod of that name that is already there is the run's own, or in the way."""
    metadata = action.manifest["metadata"]
    try:
        created = Pod.of(cluster.create_pod(action.manifest))
    except (Rejected, Unanswered) as error:
        return Done(_refused(cluster, seen, metadata["name"], error, "StartRejected"))
    due, attempt = (metadata["annotations"][key] for key in (api.SCHEDULED_TIME, api.ATTEMPT))
    detail = f"due {due}" if attempt == "1" else f"due {due}, attempt {attempt}"
    at = seen.at
    so_far = at.status.run if at.status.waits_for_attempt else None
    return Done(_with(seen, created), Written(created.name, detail, at.instant, so_far))


def _preflight(cluster: Cluster, action: Preflight, seen: Seen) -> Done:
    """Hear what would refuse the Pod, or change of it what must stay."""
    try:
        admitted = cluster.create_pod(action.manifest, dry_run=True)
    except (Rejected, Unanswered) as error:
        name = action.manifest["metadata"]["name"]
        return Done(_refused(cluster, seen, name, error, "PreflightRejected"))
    field = pod.changed_by_admission(action.manifest, admitted)
    if field is None:
        return Done(replace(seen, checked=True))
    message = (
        f"admission changes {field} of its Pod, by which its outcome is found; exempt Pods with "
        f"the label {api.POD_SELECTOR} from the policy or webhook that does"
    )
    return Done(replace(seen, checked=True, refusal=Refusal("PodMutated", message)))


def _find_pod(cluster: Cluster, action: FindPod, seen: Seen) -> Done:
    """Look for the Pod that the status speaks of."""
    found = _get_pod(cluster, seen.at.namespace, action.name)
    if found is None or found.at_uid != seen.at.uid:
        return Done(replace(seen, absent=seen.absent | {action.name}))
    return Done(_with(seen, found))


def _update_status(cluster: Cluster, action: UpdateStatus, seen: Seen) -> Done:
    """Record, unless somebody newer has."""
    status = action.status
    try:
        written = At.of(cluster.update_status(action.at, status.document()))
    except Rejected as error:
        raise _conflict(error) from error
    if not written.has_status(status):
        # Planned from, it would be written again and again.
        raise ClusterError(
            "the API server did not keep the status as it was written: its CRD is of another "
            "release than this program; apply kustomize/crd of this release"
        )
    event = events.of_change(action.at, status, cluster.now())
    run = status.run
    told = Written(status.phase, _detail(run), run.instant if run else None, run)
    return Done(replace(seen, at=written), told, event)


def _detail(run: Run | None) -> str:
    if run is None or run.reason in STARTING:
        return ""
    if run.phase == "Pending" and run.instant and not run.reason:
        return f"due {rfc3339(run.instant)}"
    return run.reason


def _delete_pod(cluster: Cluster, action: DeletePod, seen: Seen) -> Done:
    """Delete a Pod. With our finalizer it stays until that is taken off."""
    try:
        cluster.delete_pod(action.pod, unchanged=action.unchanged)
    except Rejected as error:
        raise _conflict(error) from error
    if action.pod.has_finalizer:
        now = cluster.now().replace(microsecond=0)
        deleted = replace(action.pod, deleted=now, deletion_requested=now)
        return Done(_with(seen, deleted), released(action.pod))
    pods = tuple(each for each in seen.pods if each.name != action.pod.name)
    return Done(replace(seen, pods=pods), released(action.pod))


def _with(seen: Seen, one: Pod) -> Seen:
    """With this Pod, in place of what was known of it."""
    return replace(seen, pods=(*(each for each in seen.pods if each.name != one.name), one))


def _refused(
    cluster: Cluster, seen: Seen, name: str, error: Rejected | Unanswered, reason: str
) -> Seen:
    """What a refused create, or preflight, teaches. What isn't about the Pod is raised."""
    if isinstance(error, Unanswered):
        return replace(seen, checked=True, refusal=Refusal("AdmissionTimedOut", str(error)))
    if error.code == 409 and error.reason == "AlreadyExists":
        found = _get_pod(cluster, seen.at.namespace, name)
        if found is None:  # Gone again. What became of it shows in the lists of the next pass.
            raise Conflict(str(error)) from error
        if found.at_uid == seen.at.uid and found.scheduled_time == seen.at.instant:
            return _with(seen, found)  # Another pass was first.
        message = f"a Pod {name} that is not this At's is in the way; delete it or rename the At"
        return replace(seen, checked=True, refusal=Refusal("PodNameTaken", message))
    if _NAMESPACE_TERMINATING in error.causes:  # And the At goes with it.
        raise Conflict(str(error)) from error
    if (error.code, error.reason) == (409, "Conflict"):
        raise QuotaConflict(str(error)) from error
    if error.code not in _ABOUT_THE_POD and not error.by_webhook:
        raise error
    return replace(seen, checked=True, refusal=Refusal(reason, error.message))


def _get_pod(cluster: Cluster, namespace: str, name: str) -> Pod | None:
    try:
        return Pod.of(cluster.pod(namespace, name))
    except Rejected as error:
        if error.code == 404:
            return None
        raise


def _conflict(error: Rejected) -> Exception:
    return Conflict(str(error)) if error.code in {404, 409} else error
