"""What waits in the queue: the reading of an At, its next turn, an orphan, an Event."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnat.cluster import boot_clock
from cnat.core.at import At
from cnat.core.fields import Manifest
from cnat.core.observed_pod import Pod
from cnat.core.plan import Seen

# When Pods were listed longer ago than this, Pod and At are read again before a Pod is created. So
# if another pass has started the run since, its Pod still has the name and this create fails; if
# before, its Pod or its record was there to be seen. See plan.MIN_POD_AGE_SECONDS for the sum.
RECENT_SECONDS = 20.0


def is_recent(read_at: float) -> bool:
    """Whether a Pod may be created on the strength of what was read then."""
    return boot_clock.now() - read_at <= RECENT_SECONDS


@dataclass(frozen=True)
class Turn:
    """The next turn of one At.

    Attributes:
        read_at: `boot_clock.now()` before its Pods were read; the At was read after them.
        conflicts: how often it was read again because somebody else wrote it.
        counted: how it stands is in the results already; now it waits for its instant.
        has_at: the At is there, and not only which one it is.
    """

    seen: Seen
    read_at: float
    conflicts: int = 0
    counted: bool = False
    has_at: bool = True

    @property
    def is_recent(self) -> bool:
        """Whether a Pod may be created on the strength of what was seen."""
        return is_recent(self.read_at)

    def without_at(self) -> Turn:
        """The same turn, but with no more of its At than says which one it is."""
        kept = ("namespace", "name", "uid", "generation", "resourceVersion")
        metadata = {key: self.seen.at.raw["metadata"][key] for key in kept}
        return replace(self, seen=replace(self.seen, at=At({"metadata": metadata})), has_at=False)


@dataclass(frozen=True)
class Unread:
    """An At that must be looked at, of which no more than this is known.

    Attributes:
        pods: as in Seen.
        read_at: as in Turn.
    """

    namespace: str
    name: str
    uid: str
    pods: tuple[Pod, ...]
    read_at: float


@dataclass(frozen=True)
class Orphan:
    """The release of a Pod whose At is gone."""

    pod: Pod


@dataclass(frozen=True)
class Telling:
    """An Event to create: the best effort part of a status write."""

    event: Manifest


@dataclass(frozen=True)
class Look:
    """A look at the Pods, while the pass lingers, for what has ended meanwhile."""


Task = Unread | Turn | Orphan | Telling | Look
