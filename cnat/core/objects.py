"""Ats and Pods as decisions read them: frozen views over raw manifests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from cnat.core import schedule
from cnat.core.api import (
    AT_NAME,
    AT_UID,
    FINALIZER,
    GROUP,
    KIND,
    MANAGED_BY,
    MANAGER,
    PHASES,
    SCHEDULED_TIME,
)
from cnat.core.fields import Malformed, Manifest, moment, typed


@dataclass(frozen=True)
class At:
    """An At as the cluster holds it. `raw` has metadata with name, namespace and uid.

    What a decision reads again and again is read and checked once. Pickled without that, it takes
    half the time.
    """

    raw: Manifest

    def __reduce__(self) -> tuple[type[At], tuple[Manifest]]:
        return At, (self.raw,)

    @property
    def name(self) -> str:
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.raw["metadata"]["namespace"])

    @cached_property
    def uid(self) -> str:
        return str(self.raw["metadata"]["uid"])

    @property
    def generation(self) -> int:
        return int(self.raw["metadata"].get("generation", 0))

    @property
    def resource_version(self) -> str:
        return str(self.raw["metadata"].get("resourceVersion", ""))

    @property
    def deleting(self) -> bool:
        return "deletionTimestamp" in self.raw["metadata"]

    @property
    def spec(self) -> Manifest:
        """Raises Malformed, as do all properties below that read a part of it."""
        return typed(self.raw, "spec", dict, "") or {}

    @cached_property
    def instant(self) -> datetime:
        """When to run, in UTC.

        Raises:
            Malformed: `spec.schedule` or `spec.timeZone` missing or not a string.
            cnat.core.schedule.ScheduleError: they name no instant, or more than one.
        """
        spec = self.spec
        text = typed(spec, "schedule", str, "spec")
        if text is None:
            raise Malformed("spec.schedule", "is required")
        return schedule.instant(text, typed(spec, "timeZone", str, "spec"))

    @property
    def suspended(self) -> bool:
        return bool(typed(self.spec, "suspend", bool, "spec"))

    @property
    def starting_deadline_seconds(self) -> int | None:
        return typed(self.spec, "startingDeadlineSeconds", int, "spec")

    @property
    def ttl_seconds_after_finished(self) -> int | None:
        return typed(self.spec, "ttlSecondsAfterFinished", int, "spec")

    def slim(self) -> At:
        """The same without what no decision reads: who manages which field. Thousands may wait."""
        metadata = {k: v for k, v in self.raw["metadata"].items() if k != "managedFields"}
        return At({**self.raw, "metadata": metadata})

    @cached_property
    def status(self) -> Manifest:
        """The status, checked as far as the decision "has this already run?" rests on it.

        Raises:
            Malformed: it isn't what cnat writes. Nothing may be started on the strength of a
                status that can't be read.
        """
        status = typed(self.raw, "status", dict, "")
        if not status:
            return {}
        phase = typed(status, "phase", str, "status")
        if phase is not None and phase not in PHASES:
            raise Malformed("status.phase", f"{phase!r} is none of {', '.join(sorted(PHASES))}")
        if status.get("scheduledTime") is not None and moment(status["scheduledTime"]) is None:
            raise Malformed("status.scheduledTime", "is not an RFC 3339 time")
        typed(status, "podName", str, "status")
        _objects(status, "conditions")
        for entry in _objects(status, "history"):
            if moment(entry.get("scheduledTime")) is None:
                raise Malformed("status.history", "has an entry without a valid scheduledTime")
        return status


def _objects(status: Manifest, key: str) -> list[Manifest]:
    entries: list[Any] = typed(status, key, list, "status") or []
    if not all(isinstance(entry, dict) for entry in entries):
        raise Malformed(f"status.{key}", "must be a list of objects")
    return entries


@dataclass(frozen=True, slots=True)
class Container:
    """What a Pod's status says of one container; `waiting` and `terminated` may be empty."""

    name: str
    waiting: Manifest
    terminated: Manifest


@dataclass(frozen=True)
class Pod:
    """A Pod as the cluster holds it. Its status may say anything: unknown shapes read as absent."""

    raw: Manifest

    @property
    def name(self) -> str:
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.raw["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        return str(self.raw["metadata"].get("uid", ""))

    @property
    def at_uid(self) -> str | None:
        """The uid of the At whose Pod this is; None if it isn't ours.

        Ours means our label and an At as its controller: either alone proves nothing, since
        users copy labels, and other tools may own Pods.
        """
        metadata = self.raw["metadata"]
        if _map(metadata.get("labels")).get(MANAGED_BY) != MANAGER:
            return None
        for owner in _maps(metadata.get("ownerReferences")):
            if owner.get("controller") is True:
                group = str(owner.get("apiVersion", "")).partition("/")[0]
                ours = group == GROUP and owner.get("kind") == KIND
                return str(owner.get("uid")) if ours else None
        return None

    @property
    def left_by(self) -> str | None:
        """The uid of the At that a Pod which we still hold was made for, but that has no owner.

        `kubectl delete at --cascade=orphan` takes the owner away and leaves the rest.
        """
        metadata = self.raw["metadata"]
        labels = _map(metadata.get("labels"))
        owned = any(each.get("controller") for each in _maps(metadata.get("ownerReferences")))
        if owned or not self.held or labels.get(MANAGED_BY) != MANAGER:
            return None
        return str(labels.get(AT_UID, ""))

    @property
    def at_name(self) -> str:
        """The owning At's name, as far as the Pod still tells."""
        metadata = self.raw["metadata"]
        for owner in _maps(metadata.get("ownerReferences")):
            if owner.get("kind") == KIND and owner.get("controller") is True:
                return str(owner.get("name", ""))
        return str(_map(metadata.get("labels")).get(AT_NAME, ""))

    @property
    def scheduled_time(self) -> datetime | None:
        annotations = _map(self.raw["metadata"].get("annotations"))
        return moment(annotations.get(SCHEDULED_TIME))

    @property
    def finalizers(self) -> list[str]:
        finalizers = self.raw["metadata"].get("finalizers")
        return finalizers if isinstance(finalizers, list) else []

    @property
    def held(self) -> bool:
        """Whether our finalizer still keeps the Pod until its outcome is recorded."""
        return FINALIZER in self.finalizers

    @property
    def created(self) -> datetime | None:
        return moment(self.raw["metadata"].get("creationTimestamp"))

    @property
    def deleted(self) -> datetime | None:
        """When a deletion asked for takes effect (request plus grace period), or None."""
        return moment(self.raw["metadata"].get("deletionTimestamp"))

    @property
    def status(self) -> Manifest:
        return _map(self.raw.get("status"))

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", "Pending"))

    @property
    def node(self) -> str:
        return str(_map(self.raw.get("spec")).get("nodeName") or "")

    @property
    def containers(self) -> Iterator[Container]:
        """In the order they run: init containers first."""
        for key in ("initContainerStatuses", "containerStatuses"):
            for entry in _maps(self.status.get(key)):
                state = _map(entry.get("state"))
                yield Container(
                    str(entry.get("name", "")),
                    _map(state.get("waiting")),
                    _map(state.get("terminated")),
                )

    def slim(self) -> Pod:
        """The same without what no property reads: who manages which field, most of the spec.

        Thousands of Pods are kept in memory, and that is five sixths of each.
        """
        metadata = {k: v for k, v in self.raw["metadata"].items() if k != "managedFields"}
        return Pod({"metadata": metadata, "spec": {"nodeName": self.node}, "status": self.status})

    def condition(self, kind: str) -> Manifest:
        """The Pod condition of that type, or an empty object."""
        for entry in _maps(self.status.get("conditions")):
            if entry.get("type") == kind:
                return entry
        return {}


def _map(value: object) -> Manifest:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> list[Manifest]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
