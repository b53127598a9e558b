"""The report of a plan, a pass or a list, before anybody has said how to show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import cached_property
from math import inf
from typing import Literal

from cnat.core.action import CreatePod
from cnat.core.record import PastAttempt, Run
from cnat.engine.actions import NAMES
from cnat.engine.results import Change, Failure, Waiting
from cnat.manifests.problem import Counts, Place, Problem


class Kind(StrEnum):
    """What happens to an At in a plan or a pass; or how it stands, in a list.

    In the order in which rows are shown. Of a plan, what goes wrong comes last, where a person
    who scrolls no further sees it; a list begins with what needs somebody.
    """

    START = "start"
    RETRY = "retry"
    RECORD = "record"
    CLEAN_UP = "clean up"
    HOLD = "hold"
    MISS = "miss"
    FAIL = "fail"
    REFUSE = "refuse"

    OVERDUE = "overdue"
    RUNNING = "running"
    UPCOMING = "upcoming"
    SUSPENDED = "suspended"
    PAST = "past"


_CREATE = NAMES[CreatePod]

_ORDER = {kind: number for number, kind in enumerate(Kind)}

# What a row makes a reader feel, and its colour.
Tone = Literal["good", "bad", "late", "busy", "calm"]
_TONES: dict[str, Tone] = {
    Kind.START: "busy",
    Kind.RETRY: "busy",
    Kind.RUNNING: "busy",
    Kind.OVERDUE: "late",
    Kind.MISS: "bad",
    Kind.REFUSE: "bad",
    Kind.FAIL: "bad",
    "Succeeded": "good",
    "Failed": "bad",
    "Missed": "bad",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One At: what happens to it, or how it stands.

    Attributes:
        due: the instant of the run concerned, UTC; None where it is not known.
        why: for people; any length, any characters.
        run: how that run stands (in a plan: as the At's status will tell it), None where nothing
            is recorded of it.
        writes: what is written for it, in that order.
        attempts: the earlier Pods of that run, in their order; only in a list.
        history: earlier runs of the At, the newest first; only in a list.
        place: where its manifest stands, if it was read from one.
    """

    kind: Kind
    namespace: str
    at: str
    due: datetime | None
    why: str
    run: Run | None = None
    writes: tuple[Change, ...] = ()
    attempts: tuple[PastAttempt, ...] = ()
    history: tuple[Run, ...] = ()
    place: Place | None = None

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.at}".strip("/")

    @property
    def phase(self) -> str:
        """That of the run; before a first pass, the one that it would have."""
        return self.run.phase if self.run else "Pending"

    @property
    def tone(self) -> Tone:
        return _TONES.get(self.kind) or _TONES.get(self.phase) or "calm"

    @property
    def bad(self) -> bool:
        return self.tone == "bad"

    @property
    def fails(self) -> bool:
        """Whether it is a failure to those who count them: a test that fails, an error.

        A run that is too late is not: its At has been told what to do then.
        """
        return self.kind in {Kind.FAIL, Kind.REFUSE} or self.phase == "Failed"

    @property
    def order(self) -> tuple[object, ...]:
        """What is the same is shown in the same place, whatever else is beside it.

        By kind, then by time: what is to come the next first, what was the latest first.
        """
        moment = self.due.timestamp() if self.due else inf
        return (
            _ORDER[self.kind],
            -moment if self.kind == Kind.PAST else moment,
            self.namespace,
            self.at,
        )


@dataclass(frozen=True)
class Report:
    """What a pass did, what a dry run would do, or what is scheduled and what ran.

    Attributes:
        about: which of these.
        as_of: the time that the decisions were made for, UTC.
        dry_run: `client`, `server`, or None for a real pass or a list.
        ats: how many were looked at.
        rows: one for each At that something happens to; in a list, one for each At.
        failures: what could not be done, or cannot start.
        phases: how many Ats stand how, by `status.phase`; "" for those that no pass has seen.
        waiting: how many Ats wait for an instant.
        next: the first few of them, by their instants.
        conflicts, deferred: as in `cnat.engine.results.Results`.
        problems: what is wrong with the manifests, or doubtful.
        read: how many manifests were read; None where Ats come from a cluster.
        strict: whether what is doubtful fails.
        empty: it was planned on a cluster where nothing has been yet.
        names_pods: the Pods that it would create would have these names. Their names follow from
            the uid of their At, which only a cluster gives.
        zone: that of the reader; None for the one of this machine.
    """

    about: Literal["plan", "pass", "list"]
    as_of: datetime
    ats: int
    rows: Sequence[Row] = ()
    failures: Sequence[Failure] = ()
    phases: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    next: Sequence[Waiting] = ()
    conflicts: int = 0
    deferred: int = 0
    dry_run: str | None = None
    problems: Sequence[Problem] = ()
    read: Counts | None = None
    strict: bool = False
    empty: bool = False
    names_pods: bool = True
    zone: tzinfo | None = None

    @cached_property
    def by_kind(self) -> Counter[Kind]:
        return Counter(row.kind for row in self.rows)

    @cached_property
    def errors(self) -> list[Problem]:
        return [each for each in self.problems if each.severity == "error"]

    @cached_property
    def warnings(self) -> list[Problem]:
        return [each for each in self.problems if each.severity == "warning"]

    @property
    def pending(self) -> int:
        """How many Ats a pass would start or change something for.

        Of manifests that no cluster has seen yet, each would be: there it is the starts that count.
        """
        if self.read is not None:
            return self.by_kind[Kind.START] + self.by_kind[Kind.RETRY]
        return len(self.rows)

    @property
    def failed(self) -> bool:
        """Whether the exit code must say that not all is as it should be.

        One team's mistake must not turn every Job of the CronJob red: what is on record in an
        At's status is its owners' business. Whoever asks by a dry run asks just for that.
        """
        invalid = self.errors or (self.strict and self.warnings)
        if self.about == "pass":
            others = [failure for failure in self.failures if not failure.on_record]
            return bool(invalid or others or self.deferred)
        return bool(invalid or self.failures or self.deferred)

    def target(self, change: Change) -> str:
        """The Pod or the phase that a write is about; "" for a Pod whose name nobody knows yet."""
        return "" if change.action == _CREATE and not self.names_pods else change.target

    def pod_name(self, row: Row) -> str:
        """The Pod of the row's run; "" where there is none, or nobody knows its name yet."""
        if row.run is None or not all(self.target(change) for change in row.writes):
            return ""
        return row.run.pod_name

    def local(self, instant: datetime) -> datetime:
        """That instant by the reader's clock on the wall."""
        try:
            return instant.astimezone(self.zone)
        except (OverflowError, ValueError):  # At the end of the calendar no zone is left but UTC.
            return instant.astimezone(UTC)
