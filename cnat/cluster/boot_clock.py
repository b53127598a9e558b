"""A clock for the age of what was read: it is never set, and goes on while the machine sleeps."""

from __future__ import annotations

import time

# Linux's CLOCK_MONOTONIC stands still during a suspend, in which the cluster goes on.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since some moment."""
    return time.clock_gettime(_CLOCK)
