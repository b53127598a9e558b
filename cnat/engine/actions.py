"""One action to one write, and what its answer teaches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnat.cluster.protocol import Cluster, ClusterError, Rejected
from cnat.core import api, events, plan
from cnat.core.fields import Manifest
from cnat.core.objects import At, Pod
from cnat.core.plan import Refusal, Seen
from cnat.core.pod import name as pod_name

# Answers that judge this Pod: validation, admission, quota. A webhook that can't be called shows
# as 500 InternalError (admissionregistration.k8s.io/v1, failurePolicy: Fail).
_ABOUT_THE_POD = frozenset({400, 403, 404, 409, 413, 422, 500})

# core/v1 NamespaceTerminatingCause, by which a refused create tells that its namespace is deleted.
_NAMESPACE_GOING = "NamespaceTerminating"


class Overtaken(Exception):
    """Somebody else has written or deleted the object since it was read."""


@dataclass(frozen=True, slots=True)
class Done:
    """What an action came to.

    Attributes:
        seen: what is now seen of the At; None where there is no At.
        target, detail: for the log: the Pod or phase concerned, and what else is worth telling.
        event: the Event that tells of it.
    """

    seen: Seen | None
    target: str = ""
    detail: str = ""
    event: Manifest | None = None


def create_pod(cluster: Cluster, action: plan.CreatePod, seen: Seen) -> Done:
    """Start a run. A Pod of that name that is already there is the run's own, or in the way."""
    name = action.manifest["metadata"]["name"]
    try:
        created = Pod(cluster.create_pod(action.manifest)).slim()
    except Rejected as error:
        return Done(_refused(cluster, seen, name, error, "StartRejected"))
    due = action.manifest["metadata"]["annotations"][api.SCHEDULED_TIME]
    return Done(replace(seen, pods=(*seen.pods, created)), name, f"due {due}")


def preflight(cluster: Cluster, action: plan.Preflight, seen: Seen) -> Done:
    """Hear what would refuse the Pod."""
    try:
        cluster.create_pod(action.manifest, dry_run=True)
    except Rejected as error:
        name = action.manifest["metadata"]["name"]
        return Done(_refused(cluster, seen, name, error, "PreflightRejected"))
    return Done(replace(seen, checked=True))


def read_again(cluster: Cluster, seen: Seen, fresh_seconds: float) -> Seen:
    """See anew an At that is about to start: the Pod of that run, then the At, as lists do.

    No Pod is older than its run's instant. So when that is less than `fresh_seconds` ago the Pod
    isn't asked for: a list that old would do, and at the instant each request makes it later.
    """
    at, pods = seen.at, seen.pods
    if (cluster.now() - at.instant).total_seconds() > fresh_seconds:
        name = pod_name(at, at.instant)
        found = _pod(cluster, at.namespace, name)
        pods = tuple(pod for pod in seen.pods if pod.name != name)
        if found is not None and found.at_uid == at.uid:
            pods = (*pods, found)
    try:
        fresh = At(cluster.at(at.namespace, at.name)).slim()
    except Rejected as error:
        raise _overtaken(error) from error
    if fresh.uid != at.uid:
        raise Overtaken(f"At {at.namespace}/{at.name} was deleted and created anew")
    return replace(seen, at=fresh, pods=pods)


def find_pod(cluster: Cluster, action: plan.FindPod, seen: Seen) -> Done:
    """Look for the Pod that the status speaks of."""
    pod = _pod(cluster, seen.at.namespace, action.name)
    if pod is None or pod.at_uid != seen.at.uid:
        return Done(replace(seen, absent=seen.absent | {action.name}))
    return Done(replace(seen, pods=(*seen.pods, pod)))


def update_status(cluster: Cluster, action: plan.UpdateStatus, seen: Seen) -> Done:
    """Record, unless somebody newer has."""
    try:
        written = At(cluster.update_status(action.at, action.status)).slim()
    except Rejected as error:
        raise _overtaken(error) from error
    if written.raw.get("status") != action.status:
        # Planned from, it would be written again and again.
        raise ClusterError(
            "the API server did not keep the status as it was written: its CRD is of another "
            "release than this program; apply kustomize/crd of this release"
        )
    event = events.of_change(action.at, action.status, cluster.now())
    phase, detail = action.status["phase"], action.status.get("reason", "")
    if phase == "Pending" and not detail:
        detail = f"due {action.status['scheduledTime']}"
    return Done(replace(seen, at=written), phase, detail, event)


def release_pod(cluster: Cluster, action: plan.ReleasePod, seen: Seen | None) -> Done:
    """Let a Pod go."""
    try:
        released = Pod(cluster.release_pod(action.pod))
    except Rejected as error:
        raise _overtaken(error) from error
    if seen is None:
        return Done(None, action.pod.name)
    pods = tuple(released if pod is action.pod else pod for pod in seen.pods)
    return Done(replace(seen, pods=pods), action.pod.name)


def delete_pod(cluster: Cluster, action: plan.DeletePod, seen: Seen) -> Done:
    """Clean up."""
    try:
        cluster.delete_pod(action.pod)
    except Rejected as error:
        raise _overtaken(error) from error
    pods = tuple(pod for pod in seen.pods if pod is not action.pod)
    return Done(replace(seen, pods=pods), action.pod.name)


def _refused(cluster: Cluster, seen: Seen, name: str, error: Rejected, reason: str) -> Seen:
    if error.code == 409 and error.reason == "AlreadyExists":
        pod = _pod(cluster, seen.at.namespace, name)
        if pod is None:  # Gone again. What became of it shows in the lists of the next pass.
            raise Overtaken(str(error)) from error
        if pod.at_uid == seen.at.uid:  # Another pass was first.
            return replace(seen, pods=(*seen.pods, pod))
        message = f"a Pod {name} that is not this At's is in the way; delete it or rename the At"
        return replace(seen, checked=True, refusal=Refusal("PodNameTaken", message))
    if _NAMESPACE_GOING in error.causes:  # And the At goes with it.
        raise Overtaken(str(error)) from error
    if error.code not in _ABOUT_THE_POD:
        raise error
    return replace(seen, checked=True, refusal=Refusal(reason, error.message))


def _pod(cluster: Cluster, namespace: str, name: str) -> Pod | None:
    try:
        return Pod(cluster.pod(namespace, name)).slim()
    except Rejected as error:
        if error.code == 404:
            return None
        raise


def _overtaken(error: Rejected) -> Exception:
    return Overtaken(str(error)) if error.code in {404, 409} else error
