"""What a pass has done, and what it could not do."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from cnat.core.record import Run

# Of those that wait, so many are told of.
_NEXT = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One write that took effect (or, in a dry run, would). `seconds` is what it took.

    Attributes:
        instant: of the run concerned, in UTC; None where it is not known.
        run: how that stands by the At's status after the write; None where there is no such status.
            Of a Pod that is created as another attempt: how it stood before.
    """

    action: str
    namespace: str
    at: str
    target: str
    detail: str
    seconds: float
    instant: datetime | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that could not be brought to where it should be, and why.

    Attributes:
        on_record: the At's status says so already, so that its owners are told.
        instant: of the run concerned, in UTC; None where it is not known.
    """

    namespace: str
    at: str
    action: str
    reason: str
    message: str
    on_record: bool = False
    instant: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """An At that waits for its instant, which is in UTC. The next one compares as the least."""

    instant: datetime
    namespace: str
    at: str


@dataclass(slots=True)
class Results:
    """What a pass has done so far.

    Attributes:
        ats: how many the pass answers for.
        conflicts: Ats that somebody else kept writing: theirs or the next pass's to finish.
        deferred: Ats that the deadline left for the next pass.
        phases: how many Ats stand how, by `status.phase`, once nothing is left to do for them.
        waiting: how many Ats wait for an instant.
        next: the first few of them, by their instants.
    """

    ats: int = 0
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    conflicts: int = 0
    deferred: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    next: list[Waiting] = field(default_factory=list)

    def stands(self, namespace: str, at: str, phase: str, waits_for: datetime | None) -> None:
        """Take note of an At for which nothing is left to do; called once for each."""
        self.phases[phase] += 1
        if waits_for is None:
            return
        self.waiting += 1
        if len(self.next) < _NEXT or waits_for <= self.next[-1].instant:
            self.next = heapq.nsmallest(_NEXT, [*self.next, Waiting(waits_for, namespace, at)])

    def include(self, earlier: Results) -> None:
        """Count the Ats as well that these results tell of, for which nothing was to be done."""
        self.ats += earlier.ats
        self.phases += earlier.phases
        self.waiting += earlier.waiting
        self.next = heapq.nsmallest(_NEXT, [*self.next, *earlier.next])
