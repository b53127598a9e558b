"""Spans of time in words."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

_UNITS = (("y", 365 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def span(duration: timedelta) -> str:
    """A length of time in its two largest units: `3d 4h`, `12m`, `0s`. A year has 365 days."""
    left = round(abs(duration.total_seconds()))
    for (name, size), (next_name, next_size) in pairwise(_UNITS):
        if left >= size:
            rest = left % size // next_size
            return f"{left // size}{name} {rest}{next_name}" if rest else f"{left // size}{name}"
    return f"{left}s"
