"""The Pods that runs go on in, by their Ats."""

from __future__ import annotations

from itertools import chain

from cnat.cluster.protocol import Cluster
from cnat.core.observed_pod import Pod
from cnat.core.shard import Shard

# (namespace, uid of the At): in another namespace anybody may claim an At for an owner.
Owner = tuple[str, str]


def by_owner(cluster: Cluster, shard: Shard) -> dict[Owner, tuple[Pod, ...]]:
    """The Pods that an At owns, or owned until somebody took the owner away, by that At.

    Raises:
        ClusterError: they can't be listed.
    """
    pods: dict[Owner, tuple[Pod, ...]] = {}
    for pod in map(Pod.of, chain.from_iterable(cluster.pods())):
        uid = pod.at_uid or pod.orphan_of
        if uid and uid in shard:
            owner = pod.namespace, uid
            pods[owner] = (*pods.get(owner, ()), pod)
    return pods
