"""One pass: list, plan, act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

from cnat.cluster import boot_clock
from cnat.cluster.deadline import Deadline
from cnat.cluster.protocol import Cluster, ClusterError, NotInstalled
from cnat.core.objects import At, Pod
from cnat.core.plan import Seen
from cnat.engine.results import Change, Failure, Results
from cnat.engine.shard import Shard
from cnat.engine.workers import Task, Workers

# (namespace, uid of the At): in another namespace anybody may claim an At for an owner.
_Owner = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a pass goes about its work.

    Attributes:
        concurrency: writes under way at once.
        linger: seconds to stay after the pass, to start what falls due at its very instant.
        every_at: no selector leaves Ats out. Only then does a missing At mean that its Pods are
            orphans.
        shard: the share of the Ats that this pass answers for.
        asks_server: what the API server would say to a Pod can be heard. Where it can't (a dry
            run by the client alone), the answer that is on record stands.
        default_starting_deadline: for Ats that set none; None for no limit.
    """

    concurrency: int = 16
    linger: float = 0.0
    every_at: bool = True
    shard: Shard = field(default_factory=Shard)
    asks_server: bool = True
    default_starting_deadline: timedelta | None = None


_DEFAULTS = Settings()


def unreported(_: Change | Failure) -> None:
    """Tell nobody: the results have it all."""


def reconcile(
    cluster: Cluster,
    deadline: Deadline,
    settings: Settings = _DEFAULTS,
    report: Callable[[Change | Failure], None] = unreported,
) -> Results:
    """List, plan page by page, act; and answer what was done.

    Pods are listed before Ats. So a Pod whose At is absent from the second list is an orphan,
    and a Pod absent from the first was never created, is already recorded, or is so new that
    its name answers for it.

    Args:
        deadline: what isn't begun when it passes is left to the next pass.
        report: called, from any thread but one at a time, for each Change and Failure.

    Raises:
        ClusterError: the lists can't be read. Once Ats have been planned, they are done first,
            and what couldn't be listed is a Failure. So is a cluster without the CRD, whose
            orphans are still let go.
    """
    workers = Workers(
        cluster,
        deadline,
        concurrency=settings.concurrency,
        linger=settings.linger,
        report=report,
    )
    read_at = boot_clock.now()
    pods = _list_pods(cluster, settings.shard)
    results = workers.results
    try:
        for at in map(At.of, chain.from_iterable(cluster.ats())):
            if at.uid in settings.shard:
                results.ats += 1
                its_pods = pods.pop((at.namespace, at.uid), ())
                # One that lost its owner is not ours to touch while the At is there.
                owned = tuple(pod for pod in its_pods if pod.at_uid)
                seen = Seen(
                    at,
                    owned,
                    asks_server=settings.asks_server,
                    default_starting_deadline=settings.default_starting_deadline,
                )
                workers.add(Task(seen, read_at))
    except NotInstalled as error:  # There is no At, as if an empty list had said so.
        workers.fail_list(error)
    except ClusterError as error:
        if not results.ats:
            raise
        workers.fail_list(error)
        pods.clear()  # Whether an At is missing is not known.
    if settings.every_at:
        for orphans in pods.values():
            for orphan in orphans:
                workers.add_orphan(orphan)
    workers.run()
    return results


def _list_pods(cluster: Cluster, shard: Shard) -> dict[_Owner, tuple[Pod, ...]]:
    """The Pods that an At owns, or owned until somebody took the owner away, by that At."""
    pods: dict[_Owner, tuple[Pod, ...]] = {}
    for pod in map(Pod.of, chain.from_iterable(cluster.pods())):
        uid = pod.at_uid or pod.orphan_of
        if uid and uid in shard:
            owner = pod.namespace, uid
            pods[owner] = (*pods.get(owner, ()), pod)
    return pods
