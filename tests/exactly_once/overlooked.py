"""What a pass would overlook, if it concluded more from the rows of the index than they tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cnat.core import plan
from cnat.core.at import At
from cnat.core.observed_pod import Pod
from cnat.core.plan import Seen
from cnat.core.settled import Row, is_settled
from tests.support.sandbox import Manifest


def overlooked(ats: Iterable[Manifest], pods: Iterable[Pod], now: datetime) -> list[str]:
    """What the planner would do at that time for Ats that are settled by their rows.

    Args:
        pods: all that the Ats own, with those that a pass doesn't list since they are recorded.
    """
    listed = [each for each in pods if not each.recorded]
    found = []
    for at in map(At.of, ats):
        its_pods = tuple(each for each in listed if each.at_uid == at.uid)
        if is_settled(Row.of(at.raw), has_pod=bool(its_pods), until=now):
            action = plan.next_action(now, Seen(at, its_pods))
            if action is not None:
                found.append(f"{at.name} is settled, but there is something to do: {action}")
    return found
