"""Which Pod is which attempt at which run of an At, and whether its end is on record."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from cnat.core import pod
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.record import Status


class Attempt(NamedTuple):
    """The Pod that was made for a run, which is at `instant`, as the one of that number in it."""

    number: int
    instant: datetime
    pod: Pod

    def is_recorded(self, record: Status) -> bool:
        """Whether the status tells how it ended."""
        if record.run and record.run.instant == self.instant:
            if self.number <= len(record.attempts):
                return True
            if self.number > len(record.attempts) + 1:  # Made although the record has the last one.
                return False
        run = record.ended_run(self.instant)
        return run is not None and run.tells_of(self.pod.name)

    def completion(self, record: Status) -> datetime | None:
        """When it ended, as it is recorded."""
        past = record.attempts if record.run and record.run.instant == self.instant else ()
        if self.number <= len(past):
            return past[self.number - 1].completion
        run = record.ended_run(self.instant)
        return run.completion if run else None


def next_number(at: At) -> int:
    """The number of the Pod that is to be created next for the At's instant.

    An attempt is never made before the last one's end is on record, so the record counts them.
    """
    return len(at.status.attempts) + 1 if at.status.waits_for_attempt else 1


def of(at: At, pods: Collection[Pod]) -> list[Attempt]:
    """The Pods that are attempts at runs of that At. A Pod that isn't is left alone.

    Annotations tell instant and number; should somebody have changed them, those that the At knows
    of are tried. The name, a hash of both, proves which are right. One that it does not prove is
    believed where the record names it: it was made when names were made otherwise.
    """
    if not pods:
        return []
    record = at.status
    runs = [run for run in (*record.history, record.run) if run and run.instant]
    instants = {run.instant for run in runs}
    with suppress(ValueError):  # An edit may have broken the schedule; earlier runs go on.
        instants.add(at.instant)
    last = len(record.attempts) + 1
    numbers = set(range(1, last + 1))
    on_record = {run.pod_name: run.instant for run in runs if run.pod_name}
    attempts = {
        each.name: Attempt(last, instant, each)
        for each in pods
        if (instant := on_record.get(each.name)) and pod.is_controlled(at, each)
    } | {
        each.name: Attempt(number, instant, each)
        for each in pods
        for instant in {each.scheduled_time} | instants
        for number in {each.attempt} | numbers
        if instant is not None and number is not None and pod.is_of(at, instant, number, each)
    }
    return list(attempts.values())


def unrecorded(at: At, pods: Collection[Pod]) -> list[Attempt]:
    """Those whose end isn't on record yet; of the status's run first, then by time.

    The latest of a run comes first: that it was made says that the earlier ones had ended.
    """
    record = at.status if pods else Status()
    current = record.run.instant if record.run else None
    return sorted(
        (each for each in of(at, pods) if not each.is_recorded(record)),
        key=lambda each: (each.instant != current, each.instant, -each.number),
    )
