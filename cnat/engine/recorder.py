"""What workers do and fail to do, taken down and reported as it happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cnat.cluster import boot_clock
from cnat.cluster.protocol import ClusterError, Rejected
from cnat.core import plan
from cnat.core.at import At
from cnat.engine.actions import Written
from cnat.engine.results import Change, Failure, Results

_log = logging.getLogger(__name__)


class Recorder:
    """Keeps the results of a pass. Thread-safe.

    Args:
        report: called, from any thread but one at a time, for each Change and Failure.
    """

    def __init__(self, report: Callable[[Change | Failure], None]) -> None:
        self.results = Results()
        self._report = report
        self._one_at_a_time = threading.Lock()

    def stands(self, at: At) -> None:
        """Nothing is left to do for this At."""
        with self._one_at_a_time:
            self.results.stands(at.namespace, at.name, at.status.phase, plan.armed_for(at))

    def changed(self, step: str, namespace: str, at: str, written: Written, began: float) -> None:
        """A write took effect. `began`: `boot_clock.now()` before it."""
        seconds = boot_clock.now() - began
        told = written.target, written.detail, seconds, written.instant, written.run
        change = Change(step, namespace, at, *told)
        with self._one_at_a_time:
            self.results.changes.append(change)
            self._report(change)

    def conflicted(self) -> None:
        """An At is left to whoever keeps writing it, or to the next pass."""
        with self._one_at_a_time:
            self.results.conflicts += 1

    def deferred(self) -> None:
        """The deadline leaves something to the next pass."""
        with self._one_at_a_time:
            self.results.deferred += 1

    def failed(self, failure: Failure) -> None:
        with self._one_at_a_time:
            self.results.failures.append(failure)
            self._report(failure)

    def refused(self, namespace: str, at: str, step: str, error: ClusterError) -> None:
        """The cluster's answer to a step was an error."""
        reason = error.reason if isinstance(error, Rejected) else type(error).__name__
        self.failed(Failure(namespace, at, step, reason, str(error)))

    def failed_unforeseen(self, at: At, step: str, error: Exception) -> None:
        """A bug of ours that this At wakes. `-v` shows where."""
        _log.debug("At %s/%s failed here:", at.namespace, at.name, exc_info=error)
        reason = type(error).__name__
        message = f"{reason}: {error} (this is a bug; please report it with what -v shows)"
        self.failed(Failure(at.namespace, at.name, step, reason, message))
