"""Times in templates: any format, any zone, the same on every machine."""

import contextlib
import string
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from destination_intercom.properties import compile_property
from destination_intercom.template_times import check_date, check_time, check_unix, read_time, read_unix, write_date
from destination_intercom.values import MISSING, Moment, to_time

BERLIN = "Europe/Berlin"


def moment(text: str) -> int:
    """Tell the unix seconds of an ISO time with its offset."""
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("value", "arguments", "expected"),
    [
        ("15.01.2024 16:07", ("%d.%m.%Y %H:%M", BERLIN), "2024-01-15T16:07:00+01:00"),
        ("15.07.2024 16:07", ("%d.%m.%Y %H:%M", BERLIN), "2024-07-15T16:07:00+02:00"),
        ("15.01.2024 16:07", ("%d.%m.%Y %H:%M",), "2024-01-15T16:07:00+00:00"),
        (" 15.01.2024 ", ("%d.%m.%Y",), "2024-01-15T00:00:00+00:00"),
        ("01/15/24 4:07 PM", ("%m/%d/%y %I:%M %p",), "2024-01-15T16:07:00+00:00"),
        ("Jan 15, 2024", ("%b %d, %Y",), "2024-01-15T00:00:00+00:00"),
        ("2024-01-15 16:07:00 UTC", ("%Y-%m-%d %H:%M:%S UTC",), "2024-01-15T16:07:00+00:00"),
        ("2024-01-15 16:07 +0530", ("%Y-%m-%d %H:%M %z", BERLIN), "2024-01-15T16:07:00+05:30"),
        ("2024-01-15 16:07:00.999", ("%Y-%m-%d %H:%M:%S.%f",), "2024-01-15T16:07:00+00:00"),
        ("2024W031", ("%GW%V%u",), "2024-01-15T00:00:00+00:00"),
        (2024011516, ("%Y%m%d%H",), "2024-01-15T16:00:00+00:00"),
        ("2024", ("%Y",), "2024-01-01T00:00:00+00:00"),
        (202403, ("%Y%m",), "2024-03-01T00:00:00+00:00"),
        ("01.02.1952", ("%d.%m.%Y",), "1952-02-01T00:00:00+00:00"),
        ("31.12.2099 23:59", ("%d.%m.%Y %H:%M",), "2099-12-31T23:59:00+00:00"),
        ("2024-01-15", ("iso",), "2024-01-15T00:00:00+00:00"),
        ("2024-01-15", (), "2024-01-15T00:00:00+00:00"),
        ("2024-01-15", ("iso", BERLIN), "2024-01-15T00:00:00+01:00"),
        ("2024-01-15T16:07", ("iso", BERLIN), "2024-01-15T16:07:00+01:00"),
        ("2024-01-15 16:07:09.5", ("iso", BERLIN), "2024-01-15T16:07:09+01:00"),
        ("2024-01-15T16:07:09Z", ("iso", BERLIN), "2024-01-15T16:07:09+00:00"),
        ("2024-01-15T16:07:09-05", ("iso", BERLIN), "2024-01-15T16:07:09-05:00"),
        ("2024-01-15T16:07:09+0530", ("iso", BERLIN), "2024-01-15T16:07:09+05:30"),
        ("2024-01-15T16:07:09+05:30", ("iso", BERLIN), "2024-01-15T16:07:09+05:30"),
        ("2024-01-15 16:07:09 UTC", ("iso", BERLIN), "2024-01-15T16:07:09+00:00"),
        ("20240115", ("iso", BERLIN), "2024-01-15T00:00:00+01:00"),
        ("2024-10-27 02:30", ("%Y-%m-%d %H:%M", BERLIN), "2024-10-27T02:30:00+02:00"),
        ("2024-10-27T02:30:00", ("iso", BERLIN), "2024-10-27T02:30:00+02:00"),
        ("2024-11-03 01:30", ("%Y-%m-%d %H:%M", "America/New_York"), "2024-11-03T01:30:00-04:00"),
        ("2024-03-31 02:30", ("%Y-%m-%d %H:%M", BERLIN), "2024-03-31T03:30:00+02:00"),
    ],
)
def test_time_when_the_text_has_the_format_gives_unix_seconds(
    value: object, arguments: tuple[str, ...], expected: str
) -> None:
    """In the zone that is named, unless the text tells its offset; of two readings the first."""
    found = read_time(value, *arguments)
    assert (moment(expected), Moment) == (found, type(found))


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ("15/01/2024", ("%d.%m.%Y",)),
        ("15.01.2024 extra", ("%d.%m.%Y",)),
        ("31.02.2024", ("%d.%m.%Y",)),
        ("15.01.", ("%d.%m.",)),
        ("2024 UTC", ("%Y %Z",)),
        ("2024", ("%Y%Y",)),
        ("2024", ("%Q",)),
        ("2024", ("%",)),
        ("2024", ("",)),
        ("2024", (5,)),
        ("2024", ("%Y", "Nowhere/Land")),
        ("2024", ("%Y", "europe/berlin")),
        ("2024", ("%Y", "localtime")),
        ("2024", ("%Y", "right/Europe/Berlin")),
        ("2024", ("%Y", "../zoneinfo/Europe/Berlin")),
        ("2024", ("%Y", "/etc/localtime")),
        ("2024", ("%Y", "Europe")),
        ("2024", ("%Y", "Europe/")),
        ("2024", ("%Y", "")),
        ("2024", ("%Y", "U" * 300)),
        ("2024", ("%Y", "Europe/Berlin\x00")),
        ("2024", ("%Y", None)),
        ("2024" + " " * 255 + "x", ("%Y x",)),
        (True, ("%Y",)),
        (["2024"], ("%Y",)),
        ("1705331220", ("iso",)),
        (1705331220, ("iso",)),
        (20241315, ("iso",)),
        ("99991231", ("iso",)),
        ("18991231", ("iso",)),
        ("2024", ("iso",)),
        ("2024-13-01", ("iso",)),
        ("2024-02-30", ("iso",)),
        ("2024-01-15T25:00", ("iso",)),
        ("2024-01-15T16:07 Europe/Berlin", ("iso",)),
        ("Mon, 15 Jan 2024 16:07:00 +0000", ("iso",)),
    ],
)
def test_time_when_the_text_or_an_argument_is_none_raises(value: object, arguments: tuple[Any, ...]) -> None:
    """No reading is guessed."""
    with pytest.raises(ValueError, match=r"."):
        read_time(value, *arguments)


@given(
    st.lists(
        st.one_of(st.sampled_from(f"{string.ascii_letters}%9-é\x00").map("%{}".format), st.sampled_from("-. :T%\n(["))
    ).map("".join),
    st.sampled_from(["2024-01-15", "15.01.2024 16:07", "2024", "%", ""]),
)
def test_time_whatever_the_format_is_read_or_raises_a_value_error(format_: str, text: str) -> None:
    """A directive that stands there twice is no error of another kind."""
    for work in (
        lambda: read_time(text, format_),
        lambda: write_date("2024-01-15", format_),
        lambda: check_time(format_),
    ):
        with contextlib.suppress(ValueError):
            work()


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
@pytest.mark.parametrize("year", ["0001-01-01", "9999-12-31"])
def test_time_when_it_lies_at_an_end_of_the_calendar_is_no_exception_of_another_kind(year: str, zone: str) -> None:
    """A zone may push it over the edge."""
    for template in (f"{{{{ record.a | time('iso', '{zone}') }}}}", f"{{{{ record.a | date('%Y', '{zone}') }}}}"):
        found = compile_property(template)({"a": year})
        assert found is MISSING or isinstance(found, (int, str))


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - what a clock shows
    st.sampled_from([BERLIN, "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC", "Etc/GMT-14"]),
)
def test_time_when_a_clock_shows_it_is_the_first_such_moment(clock: datetime, zone: str) -> None:
    """By its own format and by ISO 8601 alike; read back by that clock, it is what the clock showed, if it ever did."""
    clock = clock.replace(microsecond=0)
    found = read_time(clock.strftime("%d.%m.%Y %H:%M:%S"), "%d.%m.%Y %H:%M:%S", zone)
    assert found == read_time(clock.isoformat(), "iso", zone)
    rules = ZoneInfo(zone)
    shown = [
        (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=found - back)).astimezone(rules)
        for back in (0, 3600)
    ]
    exists = clock.replace(tzinfo=rules).astimezone(timezone.utc).astimezone(rules).replace(tzinfo=None) == clock
    assert exists is (shown[0].replace(tzinfo=None) == clock)
    if exists:
        assert shown[1].replace(tzinfo=None) != clock


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2024, "s", 2024),
        (0, "s", 0),
        (-1, "s", -1),
        ("1705331220", "s", 1705331220),
        (1705331220.9, "s", 1705331220),
        (-0.5, "s", -1),
        (1705331220999, "ms", 1705331220),
        ("1705331220999", "ms", 1705331220),
        (-1, "ms", -1),
        (1705331220999999, "us", 1705331220),
        (1705331220999999999, "ns", 1705331220),
        ("1705331220999999999", "ns", 1705331220),
        (4102444800, "s", 4102444800),
        (86400000, "ms", 86400),
    ],
)
def test_unix_when_the_unit_is_told_reads_any_number(value: object, unit: str, expected: int) -> None:
    """However small, in whatever unit, rounded down; a text of digits is exact."""
    found = read_unix(value, unit)
    assert (expected, Moment) == (found, type(found))


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("x", "s"),
        (True, "s"),
        ([1], "s"),
        (10**12, "s"),
        (-(10**12), "s"),
        (10**400, "ns"),
        (float("inf"), "s"),
        (1, "h"),
        (1, 5),
        (1, None),
    ],
)
def test_unix_when_it_is_no_number_no_unit_or_no_moment_raises(value: object, unit: Any) -> None:
    """A moment lies within the calendar."""
    with pytest.raises(ValueError, match=r"."):
        read_unix(value, unit)


@pytest.mark.parametrize(
    ("value", "arguments", "expected"),
    [
        ("2024-01-15T16:07:09Z", ("%d.%m.%Y %H:%M",), "15.01.2024 16:07"),
        ("2024-01-15T23:30:00Z", ("%d.%m.%Y", BERLIN), "16.01.2024"),
        (1705331220, ("%Y-%m-%d",), "2024-01-15"),
        (1705331220000, ("%A %B %j %p",), "Monday January 015 PM"),
        (Moment(0), ("%Y",), "1970"),
        (Moment(-1), ("iso",), "1969-12-31T23:59:59+00:00"),
        ("2024-01-15", (), "2024-01-15T00:00:00+00:00"),
        ("2024-07-15T12:00:00Z", ("%H:%M %Z", BERLIN), "14:00 CEST"),
        ("2024-07-15T12:00:00Z", ("iso", BERLIN), "2024-07-15T14:00:00+02:00"),
        ("2024-01-15", ("100%% é\ud800\x00 %y",), "100% é\ud800\x00 24"),
        ("0999-01-01", ("%Y",), "0999"),
        ("2024-01-15", ("just text",), "just text"),
    ],
)
def test_date_when_it_is_a_time_is_written_in_the_format(
    value: object, arguments: tuple[str, ...], expected: str
) -> None:
    """As clocks in the zone show it; what stands between the directives stays."""
    assert expected == write_date(value, *arguments)


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ("x", ("%Y",)),
        (True, ("%Y",)),
        ("2024-01-15", ("%s",)),
        ("2024-01-15", ("%-d",)),
        ("2024-01-15", ("%999999999d",)),
        ("2024-01-15", ("%c",)),
        ("2024-01-15", ("%",)),
        ("2024-01-15", (7,)),
        ("2024-01-15", ("%Y" * 200,)),
        ("2024-01-15", ("%Y", "nowhere")),
        (Moment(10**14), ("%Y",)),
    ],
)
def test_date_when_the_value_or_an_argument_is_none_raises(value: object, arguments: tuple[Any, ...]) -> None:
    """Nothing is asked of the C library but what every one does alike."""
    with pytest.raises((ValueError, OverflowError)):
        write_date(value, *arguments)


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (check_time, {}),
        (check_time, {"format": "iso", "zone": "America/New_York"}),
        (check_time, {"format": "%d.%m.%y"}),
        (check_date, {"format": "%H:%M", "zone": "UTC"}),
        (check_date, {"format": "not a directive"}),
        (check_unix, {}),
        (check_unix, {"unit": "ns"}),
    ],
)
def test_check_when_the_arguments_can_work_says_nothing(check: Callable[..., None], arguments: dict[str, Any]) -> None:
    """What the template writes is looked at before any record."""
    check(**arguments)


@pytest.mark.parametrize(
    ("template", "data", "expected"),
    [
        ("{{ record.a | unix('s') }}", {"a": 2024}, 2024),
        ("{{ record.a | unix('s') + 60 }}", {"a": 2024}, 2084),
        ("{{ 60 + (record.a | unix) }}", {"a": 2024}, 2084),
        ("{{ (record.a | unix) - 0.5 }}", {"a": 2024}, 2023),
        ("{{ record.none or record.a | unix }}", {"a": 2024}, 2024),
        ("{{ [record.a | unix, record.b | unix] | max }}", {"a": 2024, "b": 7}, 2024),
        ("{{ record.a | time('%d.%m.%Y') }}", {"a": "01.01.1960"}, -315619200),
        ("{{ record.a | time('%d.%m.%Y') }}", {"a": "01.01.2040"}, 2208988800),
    ],
)
def test_time_of_a_template_when_it_is_small_or_far_is_a_time_all_the_same(
    template: str, data: dict[str, Any], expected: int
) -> None:
    """It goes round the window of bare numbers, moved by some seconds too."""
    found = compile_property(template, needs_all=True)(data)
    assert (expected, Moment) == (found, type(found))
    assert expected == to_time(found)


def test_time_of_a_template_when_two_are_subtracted_is_a_number() -> None:
    """What lies between two moments is none."""
    found = compile_property("{{ (record.b | unix) - (record.a | unix) }}")({"a": 100, "b": 160})
    assert (60, int) == (found, type(found))


@pytest.mark.parametrize(
    ("template", "data", "expected"),
    [
        (
            "{{ record.at | time(record.format, record.zone) }}",
            {"at": "15.01.2024", "format": "%d.%m.%Y", "zone": BERLIN},
            1705273200,
        ),
        (
            "{{ record.at | time(record.format, record.zone) }}",
            {"at": "15.01.2024", "format": "%d.%m.", "zone": BERLIN},
            MISSING,
        ),
        ("{{ record.at | time('%d.%m.%Y', record.zone) }}", {"at": "15.01.2024", "zone": None}, MISSING),
        (
            "{{ record.at | time('%d.%m.%Y', record.zone | default('UTC')) }}",
            {"at": "15.01.2024", "zone": None},
            1705276800,
        ),
        ("{{ record.at | date(record.format) }}", {"at": "2024-01-15", "format": "%d."}, "15."),
        ("{{ record.at | time }}", {"at": None}, MISSING),
        ("on {{ record.at | date('%d.%m.') }}", {"at": "2024-01-15"}, "on 15.01."),
        ("{{ record.at | time(zone='Europe/Berlin') }}", {"at": "2024-01-15"}, 1705273200),
    ],
)
def test_time_when_the_record_names_the_format_or_the_zone_follows_it(
    template: str, data: dict[str, Any], expected: object
) -> None:
    """Arguments are expressions like any other; without a value there is none."""
    assert expected == compile_property(template)(data)
