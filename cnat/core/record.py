"""What an At's status tells of its runs: parsed once, and written from the same record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cnat.core.api import FINISHED_PHASES, PHASES, POD_LOST
from cnat.core.fields import Malformed, Manifest, moment, typed
from cnat.core.schedule import rfc3339

# metav1.Condition allows longer messages, but thousands of statuses are listed every minute.
_MAX_TEXT = 1024
# So many of the earlier runs keep all that is known of them. With 1 KiB of message each that is
# far below etcd's limit of 1.5 MiB.
_DETAILED_RUNS = 10
# An instant with its phase is 60 bytes, so that many are 0.6 MiB.
MAX_RUNS = 10_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an At: how it stands, or how it ended. All times are in UTC.

    Attributes:
        instant: when it is due; None where the spec names no instant.
        phase: one of `cnat.core.api.PHASES`.
        start, completion: its Pod created, its last container finished.
        exit_code: of the first container that failed, else 0; None if that is not known.
        reason, message: why it is in this phase; "" where there is nothing to explain.
    """

    instant: datetime | None
    phase: str
    start: datetime | None = None
    completion: datetime | None = None
    pod_name: str = ""
    exit_code: int | None = None
    reason: str = ""
    message: str = ""

    @property
    def ended(self) -> bool:
        return self.phase in FINISHED_PHASES

    def tells_of(self, pod_name: str) -> bool:
        """Whether this is the outcome of that Pod, which therefore need not be kept for it.

        "Missed" and "PodLost" say that there was no Pod. One that is there after all (a pass that
        overlapped created it, or it got its labels back) is the better witness.
        """
        never_made = self.missed and not self.pod_name
        was_lost = self.reason == POD_LOST and self.pod_name == pod_name
        return self.ended and not never_made and not was_lost

    @property
    def missed(self) -> bool:
        return self.phase == "Missed"

    def document(self) -> dict[str, Any]:
        """The fields as they stand in `status` and in its history."""
        fields: dict[str, Any] = {
            "phase": self.phase,
            "scheduledTime": _text(self.instant),
            "startTime": _text(self.start),
            "completionTime": _text(self.completion),
            "podName": self.pod_name or None,
            "exitCode": self.exit_code,
            "reason": self.reason[:_MAX_TEXT] or None,
            "message": self.message[:_MAX_TEXT] or None,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An earlier Pod of a run that got another one: how it ended. All times are in UTC."""

    pod_name: str
    start: datetime | None = None
    completion: datetime | None = None
    exit_code: int | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "podName": self.pod_name,
            "startTime": _text(self.start),
            "completionTime": _text(self.completion),
            "exitCode": self.exit_code,
            "reason": self.reason[:_MAX_TEXT] or None,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Condition:
    """A metav1.Condition. `since` is its lastTransitionTime, in UTC."""

    type: str
    status: str
    reason: str
    message: str
    observed_generation: int
    since: datetime | None

    def document(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "status": self.status,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": _text(self.since),
            "reason": self.reason,
            "message": self.message[:_MAX_TEXT],
        }


@dataclass(frozen=True, slots=True)
class Status:
    """The status of an At.

    Attributes:
        observed_generation: the generation of the spec that it answers; -1 before the first pass.
        run: the run that it is about; None before the first pass.
        history: runs at earlier instants, the newest first. That an instant which is put back
            into the schedule doesn't run again rests on these, so none is ever dropped.
        attempts: the earlier Pods of `run`, in their order. How many there are is the number of
            the next one, so none is ever dropped while the run goes on.
    """

    observed_generation: int = -1
    run: Run | None = None
    conditions: tuple[Condition, ...] = ()
    history: tuple[Run, ...] = ()
    attempts: tuple[PastAttempt, ...] = ()

    @property
    def phase(self) -> str:
        return self.run.phase if self.run else ""

    @property
    def cannot_start(self) -> bool:
        """Whether it says that the At cannot start as written."""
        return self.run is not None and self.run.phase == "Pending" and bool(self.run.reason)

    @property
    def waits_for_attempt(self) -> bool:
        """Whether its run goes on, with a Pod that is still to be created."""
        run = self.run
        if run is None or run.instant is None or run.ended or not self.attempts:
            return False
        return run.phase != "Running" or not run.pod_name

    @property
    def ended_runs(self) -> tuple[Run, ...]:
        """Each run that has ended, the newest first."""
        if self.run and self.run.ended and self.run.instant:
            return (self.run, *self.history)
        return self.history

    def ended_run(self, instant: datetime) -> Run | None:
        """The run at that instant, if it has ended."""
        return next((run for run in self.ended_runs if run.instant == instant), None)

    def condition(self, kind: str) -> Condition | None:
        return next((each for each in self.conditions if each.type == kind), None)

    def document(self) -> dict[str, Any]:
        """As it stands in the At. What is not known is left out."""
        document: dict[str, Any] = {"observedGeneration": self.observed_generation}
        if self.run:
            document |= self.run.document()
        if self.attempts:
            document["attempts"] = [each.document() for each in self.attempts]
        if self.conditions:
            document["conditions"] = [each.document() for each in self.conditions]
        if self.history:
            document["history"] = [
                run.document()
                if number < _DETAILED_RUNS
                else Run(run.instant, run.phase).document()
                for number, run in enumerate(self.history)
            ]
        return document


def parse(at: Manifest) -> Status:
    """The status of an At as the cluster holds it.

    It is checked as far as the decision "has this already run?" rests on it.

    Raises:
        Malformed: it is not what cnat writes. Nothing may be started on the strength of a status
            that cannot be read.
    """
    status = typed(at, "status", dict, "")
    if not status:
        return Status()
    generation = status.get("observedGeneration")
    run = None
    if status.get("phase") is not None:
        run = _run(status, "status")
    else:
        _instant(status, "status")
        typed(status, "podName", str, "status")
    return Status(
        observed_generation=generation if isinstance(generation, int) else -1,
        run=run,
        conditions=tuple(_condition(entry) for entry in _objects(status, "conditions")),
        history=tuple(_earlier_run(entry) for entry in _objects(status, "history")),
        attempts=tuple(_attempt(entry) for entry in _objects(status, "attempts")),
    )


def _run(fields: Manifest, path: str) -> Run:
    phase = typed(fields, "phase", str, path)
    if phase not in PHASES:
        raise Malformed(f"{path}.phase", f"{phase!r} is none of {', '.join(sorted(PHASES))}")
    return Run(
        instant=_instant(fields, path),
        phase=str(phase),
        start=moment(fields.get("startTime")),
        completion=moment(fields.get("completionTime")),
        pod_name=typed(fields, "podName", str, path) or "",
        exit_code=_exit_code(fields),
        reason=str(fields.get("reason") or ""),
        message=str(fields.get("message") or ""),
    )


def _earlier_run(entry: Manifest) -> Run:
    if _instant(entry, "status.history") is None:
        raise Malformed("status.history", "has an entry without a scheduledTime")
    return _run(entry, "status.history")


def _attempt(entry: Manifest) -> PastAttempt:
    return PastAttempt(
        pod_name=typed(entry, "podName", str, "status.attempts") or "",
        start=moment(entry.get("startTime")),
        completion=moment(entry.get("completionTime")),
        exit_code=_exit_code(entry),
        reason=str(entry.get("reason") or ""),
    )


def _exit_code(fields: Manifest) -> int | None:
    code = fields.get("exitCode")
    return code if isinstance(code, int) else None


def _instant(fields: Manifest, path: str) -> datetime | None:
    text = fields.get("scheduledTime")
    instant = moment(text)
    if text is not None and instant is None:
        raise Malformed(f"{path}.scheduledTime", "is not an RFC 3339 time")
    return instant


def _condition(entry: Manifest) -> Condition:
    generation = entry.get("observedGeneration")
    return Condition(
        type=str(entry.get("type", "")),
        status=str(entry.get("status", "")),
        reason=str(entry.get("reason", "")),
        message=str(entry.get("message", "")),
        observed_generation=generation if isinstance(generation, int) else -1,
        since=moment(entry.get("lastTransitionTime")),
    )


def _objects(status: Manifest, key: str) -> list[Mapping[str, Any]]:
    entries: list[Any] = typed(status, key, list, "status") or []
    if not all(isinstance(entry, dict) for entry in entries):
        raise Malformed(f"status.{key}", "must be a list of objects")
    return entries


def _text(instant: datetime | None) -> str | None:
    return rfc3339(instant) if instant else None
