"""One pass: list, plan, apply."""

from __future__ import annotations

import itertools

from cnat.cluster import boot_clock
from cnat.cluster.protocol import Cluster, ClusterError
from cnat.core.objects import At, Pod
from cnat.engine.podstore import PodStore
from cnat.engine.results import Results
from cnat.engine.shard import Shard
from cnat.engine.workers import Applier

_ALL = Shard()


def reconcile(
    cluster: Cluster, applier: Applier, *, whole: bool = True, shard: Shard = _ALL
) -> Results:
    """List, plan page by page, apply; and answer what was done.

    Pods are listed before Ats. So a Pod whose At is absent from the second list is an orphan,
    and a Pod absent from the first was never created, is already recorded, or is so new that
    its name answers for it.

    Args:
        whole: all Ats of the namespaces in question are listed, no selector leaves some out.
            Only then does a missing At mean that its Pods are orphans.
        shard: the share of the Ats that this pass answers for.

    Raises:
        ClusterError: the lists can't be read. Once Ats have been planned, they are done first,
            and what couldn't be listed is a Failure.
    """
    read_at = boot_clock.now()
    pods, left = PodStore(), PodStore()
    for page in cluster.pods():
        for raw in page:
            pod = Pod(raw)
            if (uid := pod.at_uid) is not None and uid in shard:
                pods.put(uid, pod)
            elif (uid := pod.left_by) is not None and uid in shard:
                left.put(uid, pod)
    results = applier.results
    try:
        for page in cluster.ats():
            for raw in page:
                at = At(raw).slim()
                if at.uid in shard:
                    results.ats += 1
                    applier.put(at, pods.take(at.uid), read_at)
                    left.take(at.uid)  # While the At is there, such a Pod is not ours to touch.
    except ClusterError as error:
        if not results.ats:
            raise
        applier.break_off(error)
    else:
        if whole:
            for orphan in itertools.chain(pods.rest(), left.rest()):
                applier.release(orphan)
    applier.run()
    return results
