"""Instants and spans of time in words."""

from __future__ import annotations

from datetime import datetime, timedelta
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


def distance(instant: datetime, now: datetime, past: str = "ago") -> str:
    """How far away an instant is: `in 3d 4h`, `now`, or with the word for the past: `12m ago`."""
    away = instant - now
    if abs(away) < timedelta(seconds=1):
        return "now"
    return f"in {span(away)}" if away > timedelta() else f"{span(away)} {past}"


def clock(local: datetime) -> str:
    """Date, time and zone as a person writes them: `2027-03-01 03:00 CET`."""
    time = "%H:%M:%S" if local.second else "%H:%M"
    return f"{local.date().isoformat()} {local.strftime(f'{time} %Z')}"
