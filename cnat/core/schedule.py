"""Text to instant: RFC 3339 times, IANA zones, and the hours that clock changes skip or repeat."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil import tz

_SHAPE = re.compile(
    r"(?P<whole>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})"
    r"(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<offset>Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)


class ScheduleError(ValueError):
    """A schedule that names no instant, or not exactly one; the text says what to write instead."""


def instant(schedule: str, time_zone: str | None = None) -> datetime:
    """The instant that a schedule means.

    Args:
        schedule: RFC 3339 date and time with seconds; fractions of up to nine digits allowed.
            With an offset (`Z`, `+08:00`), or without one when `time_zone` is given.
        time_zone: IANA zone name (`Asia/Shanghai`) of a schedule without offset.

    Returns:
        An aware datetime in UTC. Digits beyond the microsecond round up, never down: a run
        must not start before its instant.

    Raises:
        ScheduleError: not RFC 3339, no such date, an offset together with a zone, neither of
            both, an unknown zone, or a local time that a clock change skips or repeats (the
            rules of RFC 5545, 3.3.5, would silently pick one; a job that must run once at the
            right time is better refused).
    """
    shape = _SHAPE.fullmatch(schedule)
    if shape is None:
        raise ScheduleError(
            f"{schedule!r} is not an RFC 3339 time; write it like 2027-03-01T02:00:00Z"
        )
    offset = shape["offset"]
    try:
        moment = datetime.fromisoformat(shape["whole"] + (offset or ""))
    except ValueError as error:
        raise ScheduleError(f"{schedule!r} does not exist: {error}") from None
    if offset is not None and time_zone is not None:
        raise ScheduleError(
            f"{schedule!r} has the offset {offset}, so drop it or timeZone {time_zone!r}"
        )
    if offset is None and time_zone is None:
        raise ScheduleError(
            f"{schedule!r} has no offset: append Z or an offset such as +08:00, or set timeZone"
        )
    try:
        if time_zone is not None:
            moment = _in_zone(moment, time_zone)
        return moment.astimezone(UTC) + _fraction(shape["fraction"])
    except OverflowError:
        raise ScheduleError(f"{schedule!r} lies outside the years 1 to 9999 in UTC") from None


def rfc3339(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC with `Z`: the one spelling used in names, labels and status."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _fraction(digits: str | None) -> timedelta:
    if digits is None:
        return timedelta()
    nanoseconds = int(digits.ljust(9, "0"))
    return timedelta(microseconds=-(-nanoseconds // 1000))


@lru_cache
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        ScheduleError: there is none, or it would be another on another machine.
    """
    if name in {"", "Local", "localtime"}:
        raise ScheduleError(
            f"timeZone {name!r} would mean another instant on every machine; "
            "name an IANA zone such as Europe/Berlin"
        )
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ScheduleError(
            f"timeZone {name!r} is not in the IANA database; use a name such as Europe/Berlin"
        ) from None


def _in_zone(naive: datetime, name: str) -> datetime:
    local = naive.replace(tzinfo=zone(name))
    before, after = (_offset(local.replace(fold=fold)) for fold in (0, 1))
    if not tz.datetime_exists(local):
        raise ScheduleError(
            f"{naive.isoformat()} does not exist in {name}: the clocks jump over it, "
            f"from {before} to {after}; choose another time or write the offset"
        )
    if tz.datetime_ambiguous(local):
        raise ScheduleError(
            f"{naive.isoformat()} happens twice in {name}, at {before} and at {after}; write "
            f"{naive.isoformat()}{before} or {naive.isoformat()}{after}, without timeZone"
        )
    return local


def _offset(moment: datetime) -> str:
    return moment.isoformat()[19:]
