"""One pass: list, plan, act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster, ClusterError, NotInstalled
from cnat.engine.reading import Reading
from cnat.engine.results import Change, Failure, Results
from cnat.engine.settings import Settings
from cnat.engine.workers import Workers

_DEFAULTS = Settings()


def unreported(_: Change | Failure) -> None:
    """Tell nobody: the results have it all."""


def reconcile(
    cluster: Cluster,
    deadline: Deadline,
    settings: Settings = _DEFAULTS,
    report: Callable[[Change | Failure], None] = unreported,
) -> Results:
    """List, plan, act; and answer what was done.

    Args:
        deadline: what isn't begun when it passes is left to the next pass.
        report: called, from any thread but one at a time, for each Change and Failure.

    Raises:
        ClusterError: the lists can't be read. Once Ats have been planned, they are done first,
            and what couldn't be listed is a Failure.
    """
    workers = Workers(cluster, deadline, settings, report)
    reading = Reading(cluster, workers, settings.shard)
    this_pass = timedelta(seconds=deadline.remaining + settings.linger)
    try:
        reading.ats(until=cluster.now() + this_pass)
    except NotInstalled as error:  # There is no At, as if an empty list had said so.
        workers.fail_list(error)
        if settings.every_at:
            reading.orphans()
    except ClusterError as error:
        if not workers.results.ats:
            raise
        workers.fail_list(error)
    else:
        if settings.every_at:
            reading.orphans()
    workers.run()
    return workers.results
