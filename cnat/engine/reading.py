"""What a pass reads: the Pods first, then the Ats, by the index as far as that will do."""

from __future__ import annotations

from datetime import datetime
from itertools import chain

from cnat.cluster import boot_clock
from cnat.cluster.protocol import Cluster, ClusterError, NoIndex
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.settled import is_settled
from cnat.core.shard import Shard
from cnat.engine import order
from cnat.engine.pods import Owner, by_owner
from cnat.engine.results import Results
from cnat.engine.second_look import pays
from cnat.engine.tasks import Unread
from cnat.engine.work_queue import Order
from cnat.engine.workers import Workers

# The minute of each hour in which the Ats are read whole, since the index doesn't show all of a
# status that somebody has edited. Most schedules name a minute that divides by five.
WHOLE_IN_MINUTE = 37


class Reading:
    """The lists of one pass, and what they give the workers to do.

    Pods are listed before Ats. So a Pod whose At is absent from the second list is an orphan,
    and a Pod absent from the first was never created, is already recorded, or is so new that
    its name answers for it.

    Raises:
        ClusterError: Pods can't be listed; so from `ats`.
    """

    def __init__(self, cluster: Cluster, workers: Workers, shard: Shard) -> None:
        self._cluster = cluster
        self._workers = workers
        self._shard = shard
        self._read_at = boot_clock.now()
        self._pods = by_owner(cluster, shard)
        self._owners: set[Owner] = set()

    def ats(self, until: datetime) -> None:
        """Give each At to the workers that there may be something to do for.

        Args:
            until: what falls due later is not this pass's to start, aware.
        """
        unread = self._unread(until)
        if unread is None:
            self._ats_whole()
            return
        for each, its_order in unread:
            self._workers.add_unread(each, its_order)

    def orphans(self) -> None:
        """Give the workers the Pods whose At wasn't among all that were listed."""
        for owner, pods in self._pods.items():
            if owner not in self._owners:
                for pod in pods:
                    self._workers.add_orphan(pod)

    def _unread(self, until: datetime) -> list[tuple[Unread, Order]] | None:
        """The Ats that need a look, by the index; None where they are to be listed whole."""
        if self._cluster.now().minute == WHOLE_IN_MINUTE:
            return None
        unread: list[tuple[Unread, Order]] = []
        now = self._cluster.now()
        shown = Results()
        listed = 0  # With those of other shares, if they come: they would in a full list, too.
        try:
            for row in chain.from_iterable(self._cluster.index(self._shard)):
                listed += 1
                if row.uid not in self._shard:
                    continue
                shown.ats += 1
                pods = self._pods_of(row.namespace, row.uid)
                if is_settled(row, has_pod=bool(pods), until=until):
                    waits_for = row.instant if row.phase == "Pending" else None
                    shown.stands(row.namespace, row.name, row.phase or "", waits_for)
                else:
                    its_order = order.of_row(row, pods, now)
                    known = Unread(row.namespace, row.name, row.uid, pods, self._read_at)
                    unread.append((known, its_order))
        except NoIndex:
            return None
        except ClusterError:  # What has been shown so far is not left undone for that.
            self._workers.results.include(shown)
            for each, its_order in unread:
                self._workers.add_unread(each, its_order)
            raise
        if pays(len(unread), listed):
            return None
        self._workers.results.include(shown)
        return unread

    def _ats_whole(self) -> None:
        for at in map(At.of, chain.from_iterable(self._cluster.ats(self._shard))):
            if at.uid in self._shard:
                self._workers.results.ats += 1
                pods = self._pods_of(at.namespace, at.uid)
                self._workers.add_at(at, pods, self._read_at)

    def _pods_of(self, namespace: str, uid: str) -> tuple[Pod, ...]:
        """Those that the At owns. One that has lost its owner is not ours to touch meanwhile."""
        owner = namespace, uid
        if owner not in self._pods:
            return ()
        self._owners.add(owner)
        return tuple(pod for pod in self._pods[owner] if pod.at_uid)
