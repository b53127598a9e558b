"""Instants and spans of time in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from cnat.core.span import span as span


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
