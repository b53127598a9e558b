"""How a pass goes about its work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cnat.core.shard import EVERY_AT, Shard


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
    shard: Shard = EVERY_AT
    asks_server: bool = True
    default_starting_deadline: timedelta | None = None
