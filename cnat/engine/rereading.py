"""A turn of an At brought up to date, so that what it asks for is asked of what there is now."""

from __future__ import annotations

import math
from dataclasses import replace

from cnat.cluster import boot_clock
from cnat.cluster.protocol import Cluster
from cnat.engine import actions
from cnat.engine.tasks import RECENT_SECONDS, Turn

LONG_AGO = -math.inf


def with_at(cluster: Cluster, turn: Turn) -> Turn:
    """The At as it is now, with the Pods as they were. What somebody has written meanwhile is not
    recent.

    Raises:
        Conflict: the At is gone, or another has its name.
        ClusterError: it can't be read.
    """
    at = turn.seen.at
    fresh = actions.read(cluster, at.namespace, at.name, at.uid)
    unwritten = fresh.resource_version == at.resource_version
    read_at = turn.read_at if unwritten else LONG_AGO
    return replace(turn, seen=actions.with_at(turn.seen, fresh), read_at=read_at, has_at=True)


def read_again(cluster: Cluster, turn: Turn) -> Turn:
    """The Pod that is to be created, if it is there, then the At.

    With another schedule, or another attempt to make, the At may ask for a Pod that hasn't been
    looked for: what somebody has written meanwhile is not recent.

    Raises:
        Conflict, ClusterError: as `with_at`.
    """
    read_at = boot_clock.now()
    fresh = actions.read_again(cluster, turn.seen, RECENT_SECONDS)
    unwritten = fresh.at.resource_version == turn.seen.at.resource_version
    return replace(turn, seen=fresh, read_at=read_at if unwritten else LONG_AGO)
