"""Instants and spans of time in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cnat.cli.report.when import clock, distance, span

NOW = datetime(2027, 3, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=59.6), "1m"),
        (timedelta(minutes=12), "12m"),
        (timedelta(minutes=12, seconds=5), "12m 5s"),
        (timedelta(hours=1, seconds=59), "1h"),
        (timedelta(days=3, hours=4, minutes=59), "3d 4h"),
        (timedelta(days=800), "2y 70d"),
        (timedelta(days=-1), "1d"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(duration: timedelta, words: str) -> None:
    assert span(duration) == words


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(days=3, hours=4), "in 3d 4h"),
        (timedelta(seconds=0.9), "now"),
        (timedelta(seconds=-0.9), "now"),
        (timedelta(minutes=-12), "12m ago"),
    ],
)
def test_a_distance_is_told_from_now(away: timedelta, words: str) -> None:
    assert distance(NOW + away, NOW) == words


def test_what_should_have_been_by_now_is_late() -> None:
    assert distance(NOW - timedelta(minutes=12), NOW, "late") == "12m late"


def test_a_clock_on_the_wall_tells_its_zone_and_seconds_where_there_are_any() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert clock(NOW.astimezone(berlin)) == "2027-03-01 03:00 CET"
    assert clock((NOW + timedelta(days=90, seconds=7)).astimezone(berlin)) == (
        "2027-05-30 04:00:07 CEST"
    )


def test_years_before_1000_are_dates_too() -> None:
    assert clock(datetime(7, 1, 1, tzinfo=UTC)) == "0007-01-01 00:00 UTC"
