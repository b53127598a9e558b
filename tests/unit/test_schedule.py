"""Text to instant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnat.core.schedule import ScheduleError, instant, rfc3339


def utc(year: int, month: int, day: int, hour: int = 0, *, microseconds: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC) + timedelta(microseconds=microseconds)


ZONES = sorted(available_timezones() - {"localtime", "Local"})
# Days from either end of the calendar on which every zone's local time still is in it.
FIRST, LAST = (utc(*day).replace(tzinfo=None) for day in ((1, 1, 4), (9999, 12, 28)))


# What is accepted


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2023-05-21T02:00:00Z", utc(2023, 5, 21, 2)),
        ("2023-05-21T10:00:00+08:00", utc(2023, 5, 21, 2)),
        ("2023-05-20T22:30:00-03:30", utc(2023, 5, 21, 2)),
        ("2023-05-21T02:00:00-00:00", utc(2023, 5, 21, 2)),
        ("2024-02-29T00:00:00Z", utc(2024, 2, 29)),
        ("2023-05-21T02:00:00.5Z", utc(2023, 5, 21, 2, microseconds=500_000)),
        ("2023-05-21T02:00:00.000001+00:00", utc(2023, 5, 21, 2, microseconds=1)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_an_offset_tells_the_instant(text: str, meant: datetime) -> None:
    assert instant(text) == meant


@pytest.mark.parametrize(
    ("text", "zone", "meant"),
    [
        ("2023-05-21T10:00:00", "Asia/Shanghai", "2023-05-21T02:00:00Z"),
        ("2023-07-01T12:00:00", "Europe/Berlin", "2023-07-01T10:00:00Z"),
        ("2023-01-01T12:00:00", "Europe/Berlin", "2023-01-01T11:00:00Z"),
        ("2023-01-01T12:00:00.25", "America/Argentina/Buenos_Aires", "2023-01-01T15:00:00.250000Z"),
        ("2023-05-21T02:00:00", "Etc/GMT+8", "2023-05-21T10:00:00Z"),
        ("2023-05-21T02:00:00", "UTC", "2023-05-21T02:00:00Z"),
    ],
)
def test_a_zone_tells_the_instant_of_a_local_time(text: str, zone: str, meant: str) -> None:
    assert rfc3339(instant(text, zone)) == meant


def test_the_answer_is_in_utc() -> None:
    assert instant("2023-05-21T10:00:00+08:00").tzinfo is UTC
    assert instant("2023-05-21T10:00:00", "Asia/Shanghai").tzinfo is UTC


# What is refused


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2023-05-21",
        "2023-05-21T02:00Z",
        "2023-05-21 02:00:00Z",
        "2023-05-21t02:00:00z",
        "2023-05-21T02:00:00Z\n",
        "2023-05-21T02:00:00.Z",
        "2023-05-21T02:00:00.0000000001Z",
        "2023-05-21T02:00:00+8",
        "2023-05-21T02:00:00+24:00",
        "2023-05-21T02:00:00+08:60",
        "20230521T020000Z",
        "2023-W20-7T02:00:00Z",
        "12023-05-21T02:00:00Z",
        "٢٠٢٣-05-21T02:00:00Z",
    ],
)
def test_what_is_not_rfc_3339_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"is not an RFC 3339 time; write it like 2027-03-01T0"):
        instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-05-21T24:00:00Z",
        "2023-05-21T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_a_date_or_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match=f"{text!r} does not exist: "):
        instant(text)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59-00:01", None),
        ("9999-12-31T23:59:59.999999001Z", None),
        ("0001-01-01T00:00:00", "Asia/Shanghai"),
        ("9999-12-31T23:59:59", "America/New_York"),
    ],
)
def test_an_instant_outside_the_calendar_is_refused(text: str, zone: str | None) -> None:
    with pytest.raises(ScheduleError, match="lies outside the years 1 to 9999 in UTC"):
        instant(text, zone)


def test_a_time_with_neither_offset_nor_zone_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r"has no offset: append Z or an offset .* timeZone"):
        instant("2023-05-21T02:00:00")


@pytest.mark.parametrize("offset", ["Z", "+08:00"])
def test_a_time_with_both_offset_and_zone_is_refused(offset: str) -> None:
    with pytest.raises(ScheduleError, match="so drop it or timeZone 'Asia/Shanghai'"):
        instant(f"2023-05-21T02:00:00{offset}", "Asia/Shanghai")


@pytest.mark.parametrize("zone", ["Local", "localtime", ""])
def test_a_zone_that_depends_on_the_machine_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match="another instant on every machine"):
        instant("2023-05-21T02:00:00", zone)


@pytest.mark.parametrize(
    "zone", ["Asia/Shangrila", "Europe", "/etc/localtime", "../UTC", "UTC\0", "+08:00", "ü"]
)
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match="is not in the IANA database"):
        instant("2023-05-21T02:00:00", zone)


def test_a_skipped_time_is_refused_with_both_offsets() -> None:
    with pytest.raises(ScheduleError) as refused:
        instant("2027-03-28T02:30:00", "Europe/Berlin")
    assert str(refused.value) == (
        "2027-03-28T02:30:00 does not exist in Europe/Berlin: the clocks jump over it, "
        "from +01:00 to +02:00; choose another time or write the offset"
    )


def test_a_repeated_time_is_refused_with_both_spellings_that_would_do() -> None:
    with pytest.raises(ScheduleError) as refused:
        instant("2027-10-31T02:30:00", "Europe/Berlin")
    assert str(refused.value) == (
        "2027-10-31T02:30:00 happens twice in Europe/Berlin, at +02:00 and at +01:00; write "
        "2027-10-31T02:30:00+02:00 or 2027-10-31T02:30:00+01:00, without timeZone"
    )


# Against independent oracles


def meanings(local: datetime, zone: ZoneInfo) -> set[datetime]:
    """The instants at which clocks in the zone show that time, by the way back only: from UTC."""
    days = [local.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in range(-36, 37)]
    offsets = {day.astimezone(zone).utcoffset() or timedelta() for day in days}
    instants = {(local - offset).replace(tzinfo=UTC) for offset in offsets}
    return {each for each in instants if each.astimezone(zone).replace(tzinfo=None) == local}


def check_against_meanings(local: datetime, name: str) -> None:
    expected = meanings(local, ZoneInfo(name))
    if len(expected) == 1:
        assert {instant(local.isoformat(), name)} == expected
    else:
        reason = "happens twice" if expected else "does not exist"
        with pytest.raises(ScheduleError, match=f"{reason} in {re.escape(name)}"):
            instant(local.isoformat(), name)


@given(
    local=st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(microsecond=0)),
    name=st.sampled_from(ZONES),
)
def test_a_local_time_means_the_instant_at_which_clocks_there_show_it(
    local: datetime, name: str
) -> None:
    check_against_meanings(local, name)


def clock_changes(zone: ZoneInfo, year: int) -> Iterator[datetime]:
    """The instants in a year, to the second, from which the zone's offset is another."""
    first = datetime(year, 1, 1, tzinfo=UTC)
    while first.year == year:
        low, high = first, first + timedelta(days=7)
        first = high
        while offset(low, zone) != offset(high, zone):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            if middle == low:
                yield high
                break
            low, high = (
                (middle, high) if offset(middle, zone) == offset(low, zone) else (low, middle)
            )


def offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


@pytest.mark.parametrize("year", [1981, 2026])
def test_each_clock_change_of_each_zone_is_exact_to_the_second(year: int) -> None:
    second = timedelta(seconds=1)
    changes = [(name, each) for name in ZONES for each in clock_changes(ZoneInfo(name), year)]
    assert len(changes) > 100
    for name, change in changes:
        zone = ZoneInfo(name)
        shown = [(change - second).astimezone(zone) + second, change.astimezone(zone)]
        first, last = sorted(each.replace(tzinfo=None) for each in shown)
        middle = first + timedelta(seconds=(last - first) // timedelta(seconds=2))
        for local in (first - second, first, middle, last - second, last):
            check_against_meanings(local, name)


@st.composite
def written_times(draw: st.DrawFn) -> tuple[str, int]:
    """A time with an offset, and the nanoseconds from the year 1 to it, by integers only."""
    day = draw(st.dates(date(1, 1, 3), date(9999, 12, 29)))
    hour, minute, second = (draw(st.integers(0, last)) for last in (23, 59, 59))
    digits = draw(st.text("0123456789", max_size=9))
    ahead = draw(st.integers(-(24 * 60 - 1), 24 * 60 - 1))
    zone = f"{'-' if ahead < 0 else '+'}{abs(ahead) // 60:02}:{abs(ahead) % 60:02}"
    if ahead == 0 and draw(st.booleans()):
        zone = "Z"
    seconds = ((day.toordinal() * 24 + hour) * 60 + minute - ahead) * 60 + second
    fraction = f".{digits}" if digits else ""
    text = f"{day.isoformat()}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    return text, seconds * 10**9 + int(digits.ljust(9, "0"))


def nanoseconds(moment: datetime) -> int:
    assert moment.utcoffset() == timedelta()
    seconds = ((moment.toordinal() * 24 + moment.hour) * 60 + moment.minute) * 60 + moment.second
    return seconds * 10**9 + moment.microsecond * 1000


@given(written_times())
def test_an_instant_is_never_rounded_down_and_by_less_than_a_microsecond_up(
    written: tuple[str, int],
) -> None:
    text, meant = written
    assert meant <= nanoseconds(instant(text)) < meant + 1000


@given(st.datetimes(timezones=st.just(UTC)))
def test_the_one_spelling_in_utc_reads_back_as_the_same_instant(moment: datetime) -> None:
    assert instant(rfc3339(moment)) == moment


@given(st.datetimes(FIRST, LAST), st.integers(-1439, 1439))
def test_an_instant_has_one_spelling_whatever_the_offset(moment: datetime, ahead: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=ahead)))
    assert rfc3339(there) == rfc3339(there.astimezone(UTC))
    assert rfc3339(there).endswith("Z")


@given(st.text())
def test_any_text_is_either_an_instant_or_refused(text: str) -> None:
    with suppress(ScheduleError):
        instant(text)
    with suppress(ScheduleError):
        instant("2023-05-21T02:00:00", text)
