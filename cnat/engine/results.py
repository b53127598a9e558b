"""What a pass has done, and what it could not do."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Change:
    """One write that took effect (or, in a dry run, would). `seconds` is what it took."""

    action: str
    namespace: str
    at: str
    target: str
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that could not be brought to where it should be, and why.

    `on_record`: the At's status says so already, so that its owners are told.
    """

    namespace: str
    at: str
    action: str
    reason: str
    message: str
    on_record: bool = False


@dataclass(slots=True)
class Results:
    """What a pass has done so far.

    Attributes:
        ats: how many the pass answers for.
        conflicts: Ats that somebody else kept writing: theirs or the next pass's to finish.
        deferred: Ats that the deadline left for the next pass.
    """

    ats: int = 0
    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    conflicts: int = 0
    deferred: int = 0
