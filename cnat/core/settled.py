"""Which Ats need no look: what a pass concludes from a row of the index, without the At itself.

An At in Git stays in the cluster for ever, so nearly all are settled, and a pass that read them
whole each minute would read them for nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from cnat.core import schedule
from cnat.core.api import FINISHED_PHASES
from cnat.core.fields import Manifest, moment


class Row(NamedTuple):
    """An At as the index shows it: each field as the API server has it, None for none.

    Attributes:
        generation, observed_generation: of the spec; the one that the status answers.
        phase, reason: of the run that the status is about.
        schedule, time_zone: as in the spec.
        due: `status.scheduledTime`.
    """

    namespace: str
    name: str
    uid: str
    generation: int | None
    observed_generation: int | None
    phase: str | None
    reason: str | None
    schedule: str | None
    time_zone: str | None
    due: str | None

    @classmethod
    def of(cls, at: Manifest) -> Row:
        """The row of an At that is there whole, with what the API server has added."""
        metadata, spec, status = (at.get(key) or {} for key in ("metadata", "spec", "status"))
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation"),
            observed_generation=status.get("observedGeneration"),
            phase=status.get("phase"),
            reason=status.get("reason"),
            schedule=spec.get("schedule"),
            time_zone=spec.get("timeZone"),
            due=status.get("scheduledTime"),
        )

    @property
    def instant(self) -> datetime | None:
        """What the schedule means by the zone rules of today, in UTC; None for no one instant."""
        try:
            return schedule.instant(self.schedule or "", self.time_zone)
        except schedule.ScheduleError:
            return None


def is_settled(row: Row, *, has_pod: bool, until: datetime) -> bool:
    """Whether the planner would find nothing to do for this At.

    Args:
        has_pod: a Pod of its was listed, whose outcome may not be recorded yet.
        until: nothing that falls due later than that is this pass's to start, aware.
    """
    if has_pod or row.observed_generation is None or row.generation != row.observed_generation:
        return False
    instant = row.instant
    # Between the end of one run and the arming of the next a pass may have been killed; and the
    # rules of a zone may have changed since it was armed.
    if instant is None or moment(row.due) != instant:
        return False
    armed = row.phase == "Pending" and not row.reason and instant > until
    return armed or row.phase == "Suspended" or row.phase in FINISHED_PHASES
