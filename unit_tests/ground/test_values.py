"""Identities, times and conversions: nothing is lost, and nothing but ValueError is raised."""

import copy
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from destination_intercom.values import (
    MISSING,
    TRIM_REASONS,
    Moment,
    convert_text,
    is_set,
    text_value,
    to_boolean,
    to_flag,
    to_float,
    to_identity,
    to_integer,
    to_number,
    to_text,
    to_time,
)
from unit_tests.strategies import JSON

CONVERSIONS: list[Callable[[Any], Any]] = [
    to_boolean,
    to_float,
    to_integer,
    to_number,
    to_text,
    to_time,
    lambda value: to_identity(value, email=False),
    lambda value: to_identity(value, email=True),
]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MISSING, False),
        (None, False),
        ("", False),
        (" \t\n", False),
        ([], False),
        ([None, "", " "], False),
        (0, True),
        (False, True),
        ({}, True),
        ("x", True),
        ([None, 0], True),
        ([[]], True),
        ([{}], True),
    ],
)
def test_is_set_for_absent_null_blank_and_lists_of_nothing_else_says_no(value: object, *, expected: bool) -> None:
    """Zero, false and objects are values."""
    assert expected is is_set(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, "42"),
        (-1, "-1"),
        (2**64 + 1, "18446744073709551617"),
        (10**200 + 1, "1" + "0" * 199 + "1"),
        (42.0, "42"),
        (-0.0, "0"),
        (2.0**53 - 1, "9007199254740991"),
        ("042", "042"),
        ("Ada", "Ada"),
        (" Ada ", " Ada "),
        ("x" * 255, "x" * 255),
    ],
)
def test_identity_when_external_id_is_kept_exactly(value: object, expected: str) -> None:
    """Texts stay as they are; integers become text as written, whole floats without their fraction."""
    assert expected == to_identity(value, email=False)


@given(st.integers(-(10**253), 10**254))
def test_identity_of_any_integer_is_its_digits(number: int) -> None:
    """No bit is lost, however long the integer."""
    assert number == int(to_identity(number, email=False))


@pytest.mark.parametrize("value", [" Ada@Example.COM ", "ada@example.com", "\tADA@EXAMPLE.COM\n"])
def test_identity_when_email_is_trimmed_and_lower_cased(value: str) -> None:
    """Intercom and its peers compare addresses in lower case."""
    assert to_identity(value, email=True) == "ada@example.com"


@pytest.mark.parametrize("email", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        MISSING,
        [],
        {},
        ["42"],
        0.5,
        2.0**53,
        -(2.0**53),
        1e300,
        math.inf,
        -math.inf,
        math.nan,
        "",
        " ",
        "x" * 256,
        10**255,
        pytest.param(10**5000, id="5001 digits"),
    ],
)
def test_identity_that_could_be_someone_elses_is_refused(value: object, *, email: bool) -> None:
    """Booleans, fractions, floats from 2**53 on, blanks and texts beyond 255 characters name nobody."""
    with pytest.raises(ValueError, match=r"^(not|blank|Exceeds)"):
        to_identity(value, email=email)


def test_identity_that_grows_when_lower_cased_is_measured_as_it_is_sent() -> None:
    """The lower case of İ has two characters: the limit counts what Intercom would get."""
    with pytest.raises(ValueError, match="255"):
        to_identity("İ" * 200, email=True)


MOMENT = 1_769_861_106
"""2026-01-31T12:05:06Z."""


@pytest.mark.parametrize("seconds", [0, -(10**9), 2024, 10**11, 10**13])
def test_time_when_it_is_known_to_be_a_moment_is_taken_as_it_is(seconds: int) -> None:
    """No magnitude tells anything of a number that a template has made a time of; it becomes a plain number."""
    found = to_time(Moment(seconds))
    assert (seconds, int) == (found, type(found))


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:05:06Z",
        "2026-01-31t12:05:06z",
        "2026-01-31 12:05:06",
        "2026-01-31T12:05:06",
        "2026-01-31T12:05:06.999999999Z",
        "2026-01-31T12:05:06,5Z",
        "2026-01-31 12:05:06 UTC",
        "2026-01-31 12:05:06.123456+00",
        "2026-01-31T12:05:06Z+0000",
        "2026-01-31T12:05:06.25z+00:00",
        "2026-01-31T14:05:06+02:00",
        "2026-01-31T14:05:06+0200",
        "2026-01-31T06:35:06-05:30",
        " 2026-01-31T12:05:06Z\n",
        "20260131T120506Z",
        "20260131t120506.999",
        "20260131T140506,5+0200",
        "20260131T120506 UTC",
        "20260131120506",
        "20260131120506Z",
        "20260131140506+02",
        "Sat, 31 Jan 2026 12:05:06 +0000",
        "Sat, 31 Jan 2026 23:05:06 +1100",
        "Sat, 31 Jan 2026 04:05:06 PST",
        "sat 31 jan 2026 08:05:06 edt",
        "31 Jan 2026 12:05:06 GMT",
        "31 Jan 2026 12:05:06",
        "Sat, 31 Jan 2026 23:05:06 +1100 (AEDT)",
        MOMENT,
        MOMENT + 0.999,
        MOMENT * 1000 + 999,
        MOMENT * 1_000_000 + 999_999,
        MOMENT * 1000 + 999.75,
        MOMENT * 1_000_000 + 999_999.75,
        MOMENT * 1_000_000_000 + 999_999_999,
        float(MOMENT * 1_000_000_000),
        str(MOMENT),
        f"{MOMENT}.0",
        f"{MOMENT}.999999999999",
        str(MOMENT * 1000 + 999),
        f"{MOMENT * 1000}999.9999",
        f"{MOMENT * 1_000_000 + 999_999}",
        f"{MOMENT * 1_000_000_000 + 999_999_999}",
        Moment(MOMENT),
    ],
)
def test_time_in_every_form_is_its_second_rounded_down(value: object) -> None:
    """ISO 8601 with and without an offset, an e-mail's date, and seconds to nanoseconds as numbers or text."""
    assert to_time(value) == MOMENT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-31", 1_769_817_600),
        ("20260131", 1_769_817_600),
        (" 20260131 ", 1_769_817_600),
        ("19991231", 946_598_400),
        ("18991231", -2_209_075_200),
        ("2026-01-31T12:05", 1_769_861_100),
        ("20260131T1205Z", 1_769_861_100),
        ("Sat, 31 Jan 2026 12:05 +0000", 1_769_861_100),
        ("1 Feb 2026 00:00:00 GMT", 1_769_904_000),
        ("2026-01-31T24:00:00Z", 1_769_904_000),
        ("2026-01-31 24:00", 1_769_904_000),
        ("2026-01-31T24:00:00.000+01:00", 1_769_900_400),
        ("20260131T240000Z", 1_769_904_000),
        ("20260131240000", 1_769_904_000),
        ("2026-12-31T24:00:00Z", 1_798_761_600),
        ("9999-12-31T24:00:00Z", 253_402_300_800),
        ("1969-12-31T23:59:59.5Z", -1),
        ("0001-01-01", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        (3 * 10**8, 3 * 10**8),
        ("300000000", 3 * 10**8),
        (2 * 10**9 - 1, 2 * 10**9 - 1),
        (1_999_999_999.75, 2 * 10**9 - 1),
        (3 * 10**11, 3 * 10**8),
        (2 * 10**12 - 1, 2 * 10**9 - 1),
        (3 * 10**14, 3 * 10**8),
        (2 * 10**15 - 1, 2 * 10**9 - 1),
        (3 * 10**17, 3 * 10**8),
        (2 * 10**18 - 1, 2 * 10**9 - 1),
        (Moment(0), 0),
        (Moment(-315_619_200), -315_619_200),
        (Moment(253_402_300_799), 253_402_300_799),
    ],
)
def test_time_at_the_edges_is_told_by_form_and_magnitude(value: object, expected: int) -> None:
    """A date alone is its midnight in UTC, with or without hyphens; the size of a number tells its unit."""
    assert (expected, int) == (to_time(value), type(to_time(value)))


UNITS = (1, 10**3, 10**6, 10**9)


@given(unit=st.sampled_from(UNITS), number=st.integers(-(10**20), 10**20), as_text=st.booleans())
@example(unit=1, number=2024, as_text=False)
@example(unit=1, number=2_024_030_516, as_text=True)
@example(unit=1, number=20_260_131, as_text=False)
@example(unit=1, number=20_260_131_120_506, as_text=False)
@example(unit=10**9, number=2 * 10**18, as_text=False)
def test_time_of_a_bare_number_is_one_only_between_1979_and_2033(unit: int, number: int, *, as_text: bool) -> None:
    """A year, a month, a day or an hour written as a number is no time, nor is a number of another size."""
    seconds = next((number // each for each in UNITS if 3 * 10**8 * each <= number < 2 * 10**9 * each), None)
    value = str(number) if as_text and len(str(number)) not in {8, 14} else number
    if seconds is None:
        with pytest.raises(ValueError, match=r"^not"):
            to_time(value)
    else:
        assert seconds == to_time(value)
    within = 3 * 10**8 * unit + abs(number) % (17 * 10**8 * unit)
    assert within // unit == to_time(within)


def _iso_forms(moment: datetime) -> list[str]:
    offset = moment.strftime("%z")
    naive = moment.replace(tzinfo=None)
    utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return [
        moment.isoformat(),
        moment.isoformat(sep=" "),
        moment.isoformat(timespec="microseconds"),
        naive.isoformat() + offset,
        naive.isoformat(sep=" ") + " " + offset,
        utc.isoformat(),
        utc.isoformat() + "Z",
        utc.isoformat(timespec="milliseconds") + "z",
        utc.isoformat(sep=" ") + " UTC",
        utc.isoformat() + "Z+0000",
        utc.strftime("%Y%m%dT%H%M%SZ"),
        utc.strftime("%Y%m%d%H%M%S"),
        naive.strftime("%Y%m%dT%H%M%S") + offset,
        format_datetime(moment),
        format_datetime(moment.astimezone(timezone.utc), usegmt=True),
    ]


@given(
    st.datetimes(datetime(1979, 7, 6), datetime(2033, 5, 18)),  # noqa: DTZ001 - hypothesis wants them naive
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
@example(datetime(2026, 1, 1, 0, 0, 0, 999_999), -90)  # noqa: DTZ001 - as above
def test_time_of_any_moment_in_any_form_comes_back_as_its_second(naive: datetime, offset: int) -> None:
    """However a source writes a moment, the event has one second: else a replay would be another event."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    micros = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    seconds = micros // 1_000_000
    numbers = [seconds, float(seconds), micros // 1000, micros, micros * 1000, f"{seconds}.{micros % 1_000_000:06}"]
    forms = [*_iso_forms(moment), *numbers, *map(str, numbers)]
    assert [seconds] * len(forms) == [to_time(form) for form in forms]


@given(st.dates())
def test_time_of_any_date_is_its_midnight_in_utc(date: Any) -> None:
    """A date alone says nothing of an offset."""
    assert to_time(date.isoformat()) == (date - datetime(1970, 1, 1, tzinfo=timezone.utc).date()).days * 86_400


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        MISSING,
        [],
        {},
        "",
        "soon",
        "2026-02-30",
        "20260230",
        "20261331",
        "20260132",
        "20260131250000",
        "20260131T12",
        "202601311205",
        "2026013112050",
        "2026-13-01",
        "2026-01-31T24:00:01Z",
        "2026-01-31T24:00:00.001Z",
        "2026-01-31T24:01Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T12:05:06Z+0100",
        "31 Jan 26 12:05:06 GMT",
        "31 Foo 2026 12:05:06 GMT",
        "30 Feb 2026 12:05:06 GMT",
        "31 Jan 2026 12:05:06 CET",
        "31 Jan 2026 12:05:06 X",
        "31 Jan 2026",
        "Sat, 31 Jan 2026 12:05:06 +2400",
        0,
        -1,
        2024,
        "202403",
        20_260_131,
        20_260_131_120_506,
        "2024030516",
        2_019_010_203.0,
        -1_700_000_000,
        3 * 10**8 - 1,
        2 * 10**9,
        "1e300",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:05:06+24:00",
        "2026-01-31T12:05:06+01:60",
        "2026-01-31T12:05:06Z trailing",
        "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0663\u0661",
        10**17,
        2 * 10**18,
        math.inf,
        math.nan,
        "1e999",
        "nan",
    ],
)
def test_time_that_is_none_is_refused(value: object) -> None:
    """What is no moment is never guessed at."""
    with pytest.raises(ValueError, match=r"."):
        to_time(value)


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (to_integer, "7", 7),
        (to_integer, " -7 ", -7),
        (to_integer, 7.0, 7),
        (to_integer, "7.0", 7),
        (to_integer, "9007199254740993", 2**53 + 1),
        (to_integer, 2**70, 2**70),
        (to_float, 1, 1.0),
        (to_float, "1", 1.0),
        (to_float, "0.5", 0.5),
        (to_float, 2**53, 2.0**53),
        (to_float, 2**60, 2.0**60),
        (to_float, "1e3", 1000.0),
        (to_flag, True, True),
        (to_flag, " TRUE ", True),
        (to_flag, 1, True),
        (to_flag, 1.0, True),
        (to_flag, "1", True),
        (to_flag, "1.0", True),
        (to_flag, "t", True),
        (to_flag, "Yes", True),
        (to_flag, "y", True),
        (to_flag, "on", True),
        (to_flag, False, False),
        (to_flag, 0, False),
        (to_flag, "0", False),
        (to_flag, "F", False),
        (to_flag, "no", False),
        (to_flag, "n", False),
        (to_flag, "off", False),
        (to_boolean, True, True),
        (to_boolean, "true", True),
        (to_boolean, " FALSE ", False),
        (to_text, True, "true"),
        (to_text, 7, "7"),
        (to_text, 7.0, "7"),
        (to_text, 0.1, "0.1"),
        (to_text, "", ""),
        (to_text, 2**70, "1180591620717411303424"),
    ],
)
def test_conversion_that_loses_nothing_is_made(convert: Callable[[Any], Any], value: object, expected: object) -> None:
    """A value becomes the attribute's type where both say the same."""
    converted = convert(value)
    assert (type(expected), expected) == (type(converted), converted)


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (to_integer, 7.5),
        (to_integer, "7.5"),
        (to_integer, "7.00000000000000000001"),
        (to_integer, "9007199254740991.4"),
        (to_integer, 2.0**53),
        (to_integer, True),
        (to_integer, "0x7"),
        (to_integer, "1_000"),
        (to_integer, "\u0667"),
        (to_float, 2**53 + 1),
        (to_float, 10**400),
        (to_float, "1e999"),
        (to_float, math.nan),
        (to_float, False),
        (to_float, "nan"),
        (to_flag, 2),
        (to_flag, -1),
        (to_flag, 0.5),
        (to_flag, ""),
        (to_flag, "maybe"),
        (to_flag, None),
        (to_flag, []),
        (to_boolean, 1),
        (to_boolean, 0.0),
        (to_boolean, "yes"),
        (to_boolean, ""),
        (to_text, math.inf),
        (to_text, None),
        (to_text, MISSING),
        (to_text, {}),
        (to_text, []),
    ],
)
def test_conversion_that_would_lose_something_is_refused(convert: Callable[[Any], Any], value: object) -> None:
    """What does not fit is left out by the caller, never bent."""
    with pytest.raises(ValueError, match=r"."):
        convert(value)


@given(st.integers())
def test_conversion_of_an_integer_to_text_and_back_is_the_integer(number: int) -> None:
    """No digit is lost between the two."""
    assert number == to_integer(to_text(number))


@given(JSON)
def test_conversion_of_any_json_raises_only_value_errors_without_the_value(value: object) -> None:
    """Callers catch one kind of error, and its text may be logged."""
    before = copy.deepcopy(value)
    for convert in CONVERSIONS:
        try:
            convert(value)
        except ValueError as error:
            said = str(error)
            assert not (isinstance(value, str) and value.strip() and repr(value) in said)
    assert repr(before) == repr(value)


@given(st.integers(10**6, 10**30).map(lambda number: f"canary{number}"))
def test_conversion_error_never_quotes_a_text(canary: str) -> None:
    """A value of a record is nobody else's business."""
    for convert in (to_boolean, to_flag, to_float, to_integer, to_number, to_time):
        with pytest.raises(ValueError, match=r"^not "):
            convert(canary)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["a", "b"], "a, b"),
        (["a"], "a"),
        (["a", None, "", "b"], "a, b"),
        ([1, 2.0, 0.5, True, 2**70], "1, 2, 0.5, true, 1180591620717411303424"),
        ([" a ", "b, c"], " a , b, c"),
    ],
)
def test_list_of_scalars_becomes_its_texts_joined(members: list[object], expected: str) -> None:
    """Each is written as it is alone; what has no value is left out."""
    assert (expected, "") == convert_text(members)


@pytest.mark.parametrize("members", [[{}], ["a", []], [["a"]], [math.nan]])
def test_list_that_holds_more_than_scalars_becomes_no_text(members: list[object]) -> None:
    """An object has no text of its own."""
    with pytest.raises(ValueError, match=r"^not"):
        convert_text(members)


def test_list_whose_texts_are_too_long_is_cut_like_any_text() -> None:
    """Intercom keeps 255 characters of it."""
    assert (", ".join(["abc"] * 60)[:255], "cut") == convert_text(["abc"] * 60)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 255, ("x" * 255, "")),
        ("x" * 256, ("x" * 255, "cut")),
        ("https://a.example/" + "x" * 237, ("https://a.example/" + "x" * 237, "")),
        ("https://a.example/" + "x" * 238, (MISSING, "long_url")),
        ("HTTP://a.example/" + "x" * 255, (MISSING, "long_url")),
        ("  http://a.example/" + "x" * 255, (MISSING, "long_url")),
        ("see https://a.example/" + "x" * 255, (("see https://a.example/" + "x" * 255)[:255], "cut")),
    ],
)
def test_text_beyond_255_characters_is_cut_and_a_url_left_out(value: str, expected: tuple[object, str]) -> None:
    """A cut link would lead somewhere else."""
    assert expected == text_value(value)
    assert expected[1] in {"", *TRIM_REASONS}
