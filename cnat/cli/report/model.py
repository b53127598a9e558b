"""The report of a pass, before anybody has said how to show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cnat.engine.results import Change, Failure, Results


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did, or a dry run would do.

    Attributes:
        as_of: the time that the decisions were made for, UTC.
        dry_run: `client`, `server`, or None for a real pass.
    """

    results: Results
    as_of: datetime
    dry_run: str | None

    @property
    def changes(self) -> list[Change]:
        """By object; for each object in the order in which they were made."""
        return sorted(self.results.changes, key=lambda change: (change.namespace, change.at))

    @property
    def refused(self) -> list[Failure]:
        """Ats that cannot start as written, and whose status says so."""
        return [failure for failure in self.results.failures if failure.on_record]

    @property
    def failed(self) -> bool:
        """Whether the exit code must say that not all is as it should be.

        One team's mistake must not turn every Job of the CronJob red: what is on record in an
        At's status is its owners' business. Whoever asks by a dry run asks just for that.
        """
        if self.dry_run:
            return bool(self.results.failures or self.results.deferred)
        others = len(self.results.failures) - len(self.refused)
        return bool(others or self.results.deferred)
