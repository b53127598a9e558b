"""A Pod as decisions read it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cnat.core.api import (
    AT_NAME,
    AT_UID,
    ATTEMPT,
    FINALIZER,
    GROUP,
    KIND,
    MANAGED_BY,
    MANAGER,
    RECORDED,
    SCHEDULED_TIME,
)
from cnat.core.fields import Manifest, moment


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended: ContainerStateTerminated of core/v1."""

    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Container:
    """A container that does not start, has failed, or was restarted.

    Attributes:
        waiting, waiting_message: why it does not run (`ImagePullBackOff`, ...), "" while it does.
        ended: how it ended, None while it has not.
        restarts, last: how often it was restarted, and how it ended before the last time.
    """

    name: str
    waiting: str
    waiting_message: str
    ended: Ended | None
    restarts: int
    last: Ended | None


@dataclass(frozen=True, slots=True)
class PodCondition:
    """A condition of a Pod: `status` is "True", "False" or "Unknown"; "" where there is none."""

    status: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """What decisions read of a Pod, and no more: a cluster has many. All times are in UTC.

    Attributes:
        at_uid, at_name: of the At that is its controller; "" if none is.
        orphan_of: uid of the At that a Pod was made for that has no controller any more
            (`kubectl delete at --cascade=orphan` takes the owner away and leaves the rest).
        scheduled_time, attempt: the instant of its run and the number in it, by the annotations.
        created: when it was.
        deleted: when a deletion that was asked for takes effect (request and grace period).
        deletion_requested: when it was asked for, or, where that isn't told any more and it was
            before the containers ended, when they did.
        has_finalizer: whether our finalizer keeps it until its outcome is recorded.
        recorded: whether the label says so that keeps it out of the list of Pods.
        phase, reason, message: as its status has them. Without a phase it is Pending.
        containers: those that there is something to say about, in this order: init containers,
            containers, sidecars (restartable init containers, KEP-753).
        finished: when its last container did; for a Pod that no container of was ever reported,
            when its conditions last changed, or it was refused.
        reported: whether its status says anything of a container.
        acknowledged: when a kubelet first said something of it, by that node's clock.
        refused: when it was failed without a word of any container, by the API server's clock;
            None where it wasn't, or where that isn't known.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    at_uid: str
    at_name: str
    orphan_of: str
    scheduled_time: datetime | None
    attempt: int | None
    created: datetime | None
    deleted: datetime | None
    deletion_requested: datetime | None
    has_finalizer: bool
    recorded: bool
    node: str
    phase: str
    reason: str
    message: str
    scheduled: PodCondition
    disruption: PodCondition
    containers: tuple[Container, ...]
    finished: datetime | None
    reported: bool
    acknowledged: datetime | None
    refused: datetime | None

    @property
    def ended(self) -> bool:
        """Whether all of its containers have ended, for good."""
        return self.phase in {"Succeeded", "Failed"}

    @classmethod
    def of(cls, manifest: Manifest) -> Pod:
        """A Pod as the cluster holds it. What is not of the shape it should be reads as absent."""
        metadata, spec, status = (_map(manifest.get(k)) for k in ("metadata", "spec", "status"))
        at = _controlling_at(metadata)
        labels = _map(metadata.get("labels"))
        finalizers = metadata.get("finalizers")
        has_finalizer = isinstance(finalizers, list) and FINALIZER in finalizers
        orphaned = has_finalizer and labels.get(MANAGED_BY) == MANAGER and not _controlled(metadata)
        annotations = _map(metadata.get("annotations"))
        deleted = moment(metadata.get("deletionTimestamp"))
        conditions = {kind: _condition(status, kind) for kind in _CONDITIONS}
        reported = [entry for key in _CONTAINER_STATUSES for entry in _maps(status.get(key))]
        finishes = [
            moment(_map(_map(entry.get("state")).get("terminated")).get("finishedAt"))
            for entry in reported
        ]
        unreported = status.get("phase") == "Failed" and not reported
        refused = _last_status_write(metadata) if unreported else None
        changes = [conditions["DisruptionTarget"].since, conditions["Ready"].since]
        finished = _latest(finishes) or _latest(changes) or refused
        return cls(
            namespace=sys.intern(str(metadata.get("namespace", ""))),
            name=str(metadata.get("name", "")),
            uid=str(metadata.get("uid", "")),
            resource_version=str(metadata.get("resourceVersion", "")),
            at_uid=str(at.get("uid", "")),
            at_name=str(at.get("name") or labels.get(AT_NAME, "")),
            orphan_of=str(labels.get(AT_UID, "")) if orphaned else "",
            scheduled_time=moment(annotations.get(SCHEDULED_TIME)),
            attempt=_number(annotations.get(ATTEMPT)),
            created=moment(metadata.get("creationTimestamp")),
            deleted=deleted,
            deletion_requested=_deletion_request(metadata, status, deleted, finished),
            has_finalizer=has_finalizer,
            recorded=RECORDED in labels,
            node=sys.intern(str(spec.get("nodeName") or "")),
            phase=sys.intern(str(status.get("phase", "Pending"))),
            reason=str(status.get("reason") or ""),
            message=str(status.get("message") or ""),
            scheduled=conditions["PodScheduled"],
            disruption=conditions["DisruptionTarget"],
            containers=tuple(_containers(spec, status)),
            finished=finished,
            reported=bool(reported),
            acknowledged=moment(status.get("startTime")),
            refused=refused,
        )


_SMALL_NUMBER = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_CONDITIONS = ("PodScheduled", "DisruptionTarget", "Ready")
_CONTAINER_STATUSES = ("initContainerStatuses", "containerStatuses")
_NO_CONDITION = PodCondition()


def _controlled(metadata: Manifest) -> bool:
    return any(each.get("controller") for each in _maps(metadata.get("ownerReferences")))


def _controlling_at(metadata: Manifest) -> Manifest:
    """The owner reference to the At, if that is the Pod's controller.

    Labels prove nothing: users copy them. The version of the API may be another than ours.
    """
    for owner in _maps(metadata.get("ownerReferences")):
        if owner.get("controller") is True:
            group = str(owner.get("apiVersion", "")).partition("/")[0]
            return owner if group == GROUP and owner.get("kind") == KIND else {}
    return {}


def _condition(status: Manifest, kind: str) -> PodCondition:
    for entry in _maps(status.get("conditions")):
        if entry.get("type") == kind:
            return PodCondition(
                sys.intern(str(entry.get("status", ""))),
                sys.intern(str(entry.get("reason") or "")),
                str(entry.get("message") or ""),
                moment(entry.get("lastTransitionTime")),
            )
    return _NO_CONDITION


def _containers(spec: Manifest, status: Manifest) -> list[Container]:
    sidecars = {
        str(each.get("name"))
        for each in _maps(spec.get("initContainers"))
        if each.get("restartPolicy") == "Always"
    }
    entries = [entry for key in _CONTAINER_STATUSES for entry in _maps(status.get(key))]
    entries.sort(key=lambda entry: str(entry.get("name")) in sidecars)
    containers = [_container(entry) for entry in entries]
    return [each for each in containers if each.waiting or each.restarts or _failed(each.ended)]


def _container(entry: Manifest) -> Container:
    state, last = _map(entry.get("state")), _map(entry.get("lastState"))
    waiting, restarts = _map(state.get("waiting")), entry.get("restartCount")
    return Container(
        name=str(entry.get("name", "")),
        waiting=str(waiting.get("reason") or ""),
        waiting_message=str(waiting.get("message") or ""),
        ended=_ended(state),
        restarts=restarts if isinstance(restarts, int) else 0,
        last=_ended(last),
    )


def _ended(state: Manifest) -> Ended | None:
    terminated = _map(state.get("terminated"))
    exit_code = terminated.get("exitCode")
    if not isinstance(exit_code, int):
        return None
    reason, message = terminated.get("reason"), terminated.get("message")
    return Ended(exit_code, str(reason or ""), str(message or "").strip())


def _failed(ended: Ended | None) -> bool:
    return ended is not None and ended.exit_code != 0


def _deletion_request(
    metadata: Manifest, status: Manifest, deleted: datetime | None, finished: datetime | None
) -> datetime | None:
    """When the deletion was asked for. Once a kubelet is done, the timestamp doesn't tell it.

    It then deletes the Pod with no grace period, and the API server moves the timestamp to that
    moment (BeforeDelete in pkg/registry/rest/delete.go), behind the end of the containers. But the
    first request counted the generation up, and a kubelet that ended the containers for it says
    that it knew this generation (KEP-5067, since Kubernetes 1.34).
    """
    requested = _before(deleted, metadata.get("deletionGracePeriodSeconds"))
    known = status.get("observedGeneration")
    if requested and finished and known is not None and known == metadata.get("generation"):
        return min(requested, finished)
    return requested


def _before(moment: datetime | None, seconds: object) -> datetime | None:
    if moment is None or not isinstance(seconds, int):
        return moment
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return moment


def _last_status_write(metadata: Manifest) -> datetime | None:
    return _latest(
        moment(entry.get("time"))
        for entry in _maps(metadata.get("managedFields"))
        if entry.get("subresource") == "status"
    )


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and _SMALL_NUMBER.fullmatch(text) else None


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _map(value: object) -> Manifest:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> list[Manifest]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
