"""Who comes first: starts, the earliest due before all; last what only informs."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from cnat.core.action import (
    Action,
    CreatePod,
    DeletePod,
    FindPod,
    Preflight,
    ReleasePod,
    UpdateStatus,
)
from cnat.core.api import FINISHED_PHASES
from cnat.core.fields import moment
from cnat.core.observed_pod import Pod
from cnat.core.plan import Seen
from cnat.core.settled import Row
from cnat.engine.work_queue import Order


class Rank(IntEnum):
    """What comes first: to start runs. What only informs comes last."""

    START = 0
    RECORD = 1
    CLEAN_UP = 2
    CHECK = 3
    TELL = 4


_RANKS: dict[type[Action], Rank] = {
    CreatePod: Rank.START,
    FindPod: Rank.RECORD,
    UpdateStatus: Rank.RECORD,
    ReleasePod: Rank.CLEAN_UP,
    DeletePod: Rank.CLEAN_UP,
    Preflight: Rank.CHECK,
}


def of_action(action: Action, seen: Seen) -> Order:
    """When the turn of an At comes for which this is to be done.

    Ten thousand that can't start hold up neither the one that can nor its record: what was refused
    before is tried again after all that. That it is refused is recorded as soon as it is known,
    so that it ranks behind in the next pass, should the time not suffice for all in this one.
    """
    rank = _RANKS[type(action)]
    refused = seen.at.status.cannot_start
    match action:
        case CreatePod():
            return Order(Rank.CHECK if refused else rank, refused, seen.at.instant.timestamp())
        case UpdateStatus() if seen.refusal:
            return Order(Rank.START)
        case Preflight():
            return Order(rank, refused)
    return Order(rank)


def of_row(row: Row, pods: tuple[Pod, ...], now: datetime) -> Order:
    """When an At is read of which this much is known: as early as what may follow asks for."""
    if row.phase not in FINISHED_PHASES and any(pod.ended for pod in pods):
        return Order(Rank.RECORD)
    instant = row.instant
    waits = row.phase in {None, "Pending", "Suspended"} or moment(row.due) != instant
    if instant is None or not waits:
        return Order(Rank.CLEAN_UP)
    if now < instant:
        return Order(Rank.CHECK)
    refused = row.phase == "Pending" and bool(row.reason)
    return Order(Rank.CHECK if refused else Rank.START, refused, instant.timestamp())
