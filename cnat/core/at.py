"""An At as decisions read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cnat.core import record, schedule
from cnat.core.fields import Malformed, Manifest, typed


@dataclass(frozen=True)
class At:
    """An At as the cluster holds it. `raw` has metadata with name, namespace and uid.

    What a decision reads again and again is read and checked once. Pickled without that, it takes
    half the time.
    """

    raw: Manifest

    @classmethod
    def of(cls, manifest: Manifest) -> At:
        """An At without the record of who manages which field, which no decision reads."""
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "managedFields"}
        return cls({**manifest, "metadata": metadata})

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
    def retry_policy(self) -> str:
        return typed(self.spec, "retryPolicy", str, "spec") or "Never"

    @property
    def backoff_limit(self) -> int:
        """How many further Pods at most; 6 as for a Job."""
        limit = typed(self.spec, "backoffLimit", int, "spec")
        return 6 if limit is None else limit

    @property
    def ttl_seconds_after_finished(self) -> int | None:
        return typed(self.spec, "ttlSecondsAfterFinished", int, "spec")

    @cached_property
    def status(self) -> record.Status:
        """What is recorded of its runs.

        Raises:
            Malformed: the status is not what cnat writes.
        """
        return record.parse(self.raw)

    def has_status(self, status: record.Status) -> bool:
        """Whether that is, to the letter, what stands in the cluster."""
        return bool(self.raw.get("status") == status.document())
