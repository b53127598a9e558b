"""What many that are about to start were planned from, looked at again all at once.

One by one that takes two requests an At, each of which costs us and the API server about ten times
of what the same object costs in a list.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from itertools import chain

from cnat.cluster import boot_clock
from cnat.cluster.protocol import Cluster, ClusterError, NoIndex
from cnat.core.at import At
from cnat.core.settled import Row
from cnat.core.shard import Shard
from cnat.engine.tasks import is_recent

# How many of all Ats may be read one by one.
_SHARE = 0.1
# So few are always read one by one.
_FEW = 20

_log = logging.getLogger(__name__)


def pays(wanted: int, of_all: int) -> bool:
    """Whether so many Ats of so many are read sooner by a list of all."""
    return wanted > max(_FEW, _SHARE * of_all)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Which Pods there are and how the Ats stand.

    Attributes:
        read_at: `boot_clock.now()` before the Pods were listed; the Ats were listed after them.
        pods: their names.
        rows: the hashes of the rows of the Ats, since a hundred thousand rows are 90 MB.
    """

    read_at: float
    pods: frozenset[str]
    rows: frozenset[int]


class SecondLook:
    """The Pods and Ats listed again in the course of a pass; thread-safe.

    Args:
        shard: the share of the Ats that is looked at.
    """

    def __init__(self, cluster: Cluster, shard: Shard) -> None:
        self._cluster = cluster
        self._shard = shard
        self._listed: _Listed | None = None
        self._in_vain = False
        self._under_way = threading.Lock()

    @property
    def is_old(self) -> bool:
        """Whether what it saw confirms nothing any more, and another may be taken."""
        recent = self._listed is not None and is_recent(self._listed.read_at)
        return not (recent or self._in_vain or self._under_way.locked())

    def take(self) -> None:
        """List them again, unless another thread does so. Where it fails, it is not tried again."""
        if not self._under_way.acquire(blocking=False):
            return
        try:
            read_at = boot_clock.now()
            pods = frozenset(chain.from_iterable(self._cluster.pod_names()))
            rows = chain.from_iterable(self._cluster.index(self._shard))
            self._listed = _Listed(read_at, pods, frozenset(map(hash, rows)))
        except (ClusterError, NoIndex) as error:
            self._in_vain = True
            _log.debug("Pods and Ats not listed again: %s", error)
        finally:
            self._under_way.release()

    def confirmed(self, at: At, pod_name: str) -> float | None:
        """When it was seen that a Pod is still to be created for this At, as in Turn; or None.

        A Pod that wasn't there when they were listed has been created since, if at all, and keeps
        its name for a minute. A row tells an At of whose run nothing is on record from one of whose
        run something is, and who edits, suspends or deletes an At brings it to another generation.
        It doesn't tell the attempts of a run from each other, so of those nothing is confirmed.
        """
        listed = self._listed
        if listed is None or not is_recent(listed.read_at) or at.status.waits_for_attempt:
            return None
        unchanged = hash(Row.of(at.raw)) in listed.rows and pod_name not in listed.pods
        return listed.read_at if unchanged else None
