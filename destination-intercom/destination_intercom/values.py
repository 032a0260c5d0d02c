"""What a source's values are, and their conversion to what Intercom takes.

Pure: no I/O and no clock. Nothing here changes its input or raises anything but `ValueError`,
whose text never holds the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, TypeAlias

MAX_TEXT: Final = 255
"""Characters that Intercom keeps of a string, in metadata and in custom attributes (its help pages)."""

SEPARATOR: Final = ", "
"""Between the members of a list that becomes a text."""

EXACT_FLOAT: Final = 2**53
"""From here on a float no longer tells neighbouring integers apart, so it names nobody."""


class _Missing:
    """The value of a property that is not there."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()

Trim: TypeAlias = tuple[str, str]
"""What could not be sent as it was: its name in Intercom, and why (a word of `TRIM_REASONS`)."""

Converted: TypeAlias = tuple[Any, str]
"""A converted value, or `MISSING` for one that is left out, and the trim's reason, "" for none."""

TRIM_REASONS: Final = {
    "refused": "Intercom refused the value, so it was left out",
    "invalid_email": "values that are not e-mail addresses were left out",
    "identity_conflict": "e-mail addresses that belong to another person in Intercom were left out",
    "email_taken": "e-mail addresses that belong to a user without an external_id were left out",
    "contact_archived": "e-mail addresses that belong to an archived contact were left out",
    "contact_merged": "e-mail addresses that belonged to a contact before it was merged were left out",
    "conflict": "e-mail addresses that belong to somebody whom Intercom does not name were left out",
    "kept_back": "false was not written, because overwrite is only_true",
    "no_option": "Intercom refused values that are not in the attribute's list of options, so they were left out",
    "cut": "strings longer than 255 characters were cut",
    "long_url": "URLs longer than 255 characters were left out",
    "nested": "objects, and lists that contain objects or lists, were left out",
    "no_number": "values that are not finite numbers were left out",
    "no_money": "amounts below zero, or that are not a whole number of cents, were left out",
    "no_currency": "amounts without a currency were left out",
    "no_time": "values that are not times were left out",
    "no_scalar": "objects, and lists that contain objects or lists, were left out",
    "no_string": "values that cannot be converted to a string were left out",
    "no_integer": "values that are not whole numbers were left out",
    "no_float": "values that are not numbers were left out",
    "no_boolean": "values that are neither true nor false were left out",
    "no_date": "values that are not times were left out",
    "far_time": "times before 1970, or in the year 9999 or later, were left out",
    "no_key": "names that Intercom does not accept as metadata keys were left out",
    "too_many": "an event can have 20 metadata keys, and further ones were left out",
    "no_attribute": "members without an attribute in the workspace were left out",
    "not_by_wildcard": "members that a wildcard does not write were left out",
    "no_email": "values that came without an e-mail address were left out",
    "no_company_id": "company IDs that are not a string or whole number, or are too long, were left out",
    "company_limit": "companies beyond those that Intercom lets a person have were left out",
    "company_refused": "companies that Intercom refused were left out",
    "no_tag": "tag names that are neither a text nor a whole number, or too long, were left out",
    "tag_refused": "tags that Intercom refused to add or to take off were left as they are",
    "cut_spend": "fractions of the monthly spend were cut, as Intercom does",
    "large_spend": "amounts above 2147483647 were left out",
}


def is_set(value: Any) -> bool:
    """Say whether a property has a value: null and a blank text are none, nor is a list that holds nothing else."""
    return any(map(_is_set, value)) if isinstance(value, list) else _is_set(value)


def _is_set(value: Any) -> bool:
    return not (value is MISSING or value is None or (isinstance(value, str) and not value.strip()))


def to_identity(value: Any, *, email: bool) -> str:
    """Make the text by which Intercom knows a person.

    Integers become text exactly as written; 42.0 is 42, but a float from 2**53 on is refused, for
    it may stand for another person's number. E-mails are trimmed and lower-cased; any other text is
    kept as it is, for to Intercom a blank more is another person.

    Raises:
        ValueError: for any other type, and for texts beyond 255 characters: an identity is never cut.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("not a text or a number")  # noqa: TRY004 - callers ask for one kind of error
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= EXACT_FLOAT:
            raise ValueError("not a whole number that a float can hold")
        value = int(value)
    text = int_text(value) if isinstance(value, int) else value
    if email:
        text = text.strip().lower()
    if not text.strip() or len(text) > MAX_TEXT:
        raise ValueError("blank, or longer than 255 characters")
    return text


def int_text(value: int) -> str:
    """Write an integer of any length in decimal digits.

    Raises:
        ValueError: beyond 4,300 digits, where Python itself refuses.
    """
    return str(value)


def to_text(value: Any) -> str:
    """Write a scalar as text: booleans as in JSON, whole floats without their fraction.

    Raises:
        ValueError: for anything that is no scalar.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return int_text(int(value)) if value.is_integer() and abs(value) < EXACT_FLOAT else repr(value)
    if isinstance(value, int):
        return int_text(value)
    raise ValueError("not a scalar")


def to_number(value: Any) -> int | float:
    """Read a finite number, from a number or from its text.

    Raises:
        ValueError: for anything else; booleans are no numbers.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("not a number")  # noqa: TRY004 - callers ask for one kind of error
    number = _number_of_text(value.strip()) if isinstance(value, str) else value
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("not a finite number")
    if isinstance(number, int) and abs(number) >= _TOO_LARGE:
        raise ValueError("not a number of a size that its text may have")
    return number


_TOO_LARGE = 10**400
_INTEGER = re.compile(r"[+-]?[0-9]{1,400}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


def _number_of_text(text: str) -> int | float:
    if _INTEGER.match(text):
        return int(text)
    if len(text) <= MAX_TEXT and _DECIMAL.match(text):
        return float(text)
    raise ValueError("not the text of a number")


def to_integer(value: Any) -> int:
    """Read a whole number without loss: 7, 7.0, "7".

    Raises:
        ValueError: for anything else.
    """
    number = _exact_number(value)
    whole = math.floor(number)
    if whole != number or (isinstance(number, float) and abs(number) >= EXACT_FLOAT):
        raise ValueError("not a whole number")
    return whole


def _exact_number(value: Any) -> int | float | Decimal:
    """Read a finite number; the text of a decimal is not rounded to a float."""
    number = to_number(value)
    if isinstance(value, str) and isinstance(number, float) and "e" not in value.lower():
        return Decimal(value.strip())
    return number


def to_float(value: Any) -> float:
    """Read a decimal number: 1 becomes 1.0.

    Raises:
        ValueError: for anything else, and for integers that a float cannot hold exactly.
    """
    number = to_number(value)
    try:
        converted = float(number)
    except OverflowError:
        raise ValueError("too large for a float") from None
    if converted != number:
        raise ValueError("too large for a float without loss")
    return converted


_BOOLEANS: Final = {"true": True, "false": False}


def to_boolean(value: Any) -> bool:
    """Read a boolean: true, false, and their texts in any case. 1 and 0 are numbers, not booleans.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (found := _BOOLEANS.get(value.strip().lower())) is not None:
        return found
    raise ValueError("not a boolean")


_FLAGS: Final = {**_BOOLEANS, "t": True, "f": False, "yes": True, "no": False, "y": True, "n": False} | {
    "on": True,
    "off": False,
}


def to_flag(value: Any) -> bool:
    """Read a boolean, also as sources write it that have none: 1, "t", "yes", "on" and their opposites, in any case.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, str) and (found := _FLAGS.get(value.strip().lower())) is not None:
        return found
    if isinstance(value, bool):
        return value
    number = to_number(value)
    if number not in (0, 1):
        raise ValueError("not a boolean")
    return number == 1


_ZONE: Final = r"\s?(?P<zone>[Zz](?:\+00:?00)?|[+-]\d{2}(?::?\d{2})?|UTC)?"
_ISO: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    rf"(?:[Tt ](?P<hour>\d{{2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}})(?:[.,](?P<fraction>\d+))?)?{_ZONE})?\Z",
    re.ASCII,
)
_BASIC_ISO: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:(?:[Tt]|(?=\d{6}(?!\d)))(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    rf"{_ZONE})?\Z",
    re.ASCII,
)
"""Without hyphens and colons. Eight or fourteen digits alone are such a date, too: no unix time has as many."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MAIL: Final = re.compile(
    rf"(?:(?:mon|tue|wed|thu|fri|sat|sun),?\s+)?(?P<day>\d{{1,2}})\s+(?P<month>{'|'.join(_MONTHS)})\s+(?P<year>\d{{4}})"
    r"\s+(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<fraction>)"
    r"(?:\s+(?P<zone>[+-]\d{4}|[a-z]{1,3}))?(?:\s*\([^()]*\))?\Z",
    re.ASCII | re.IGNORECASE,
)
"""The date of an e-mail (RFC 2822), whose zone may have a comment behind it."""

HOURS_OF_DAY: Final = 24
MINUTES_OF_HOUR: Final = 60
_HOURS_OF_ZONES: Final = {
    **dict.fromkeys(("z", "z+0000", "z+00:00", "ut", "utc", "gmt"), 0),
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
"""The names that RFC 2822 has, and what sources write for UTC."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_BARE, _AFTER_BARE = 3 * 10**8, 2 * 10**9
"""Between these, in 1979 and 2033, a bare number is unix seconds: below are years, dates and hours written as one."""
_UNITS: Final = (1, 10**3, 10**6, 10**9)


class Moment(int):
    """Unix seconds of which it is known that they are a time, however few or many."""

    __slots__ = ()


def to_time(value: Any) -> int:
    """Read a moment as unix seconds, rounded down.

    Takes ISO 8601, extended or basic, with or without an offset (without: UTC), a date alone (its midnight in UTC),
    the date of an e-mail, and as a number or as text unix seconds from 3*10**8 to below 2*10**9, or the same in
    milli-, micro- or nanoseconds. A `Moment` is taken as it is.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, Moment):
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if (match := _ISO.match(text) or _BASIC_ISO.match(text) or _MAIL.match(text)) is not None:
            return _seconds_of(match)
    whole = math.floor(_exact_number(value))
    for unit in _UNITS:
        if _FIRST_BARE * unit <= whole < _AFTER_BARE * unit:
            return whole // unit
    raise ValueError("not a moment")


def _seconds_of(match: re.Match[str]) -> int:
    month = match["month"].lower()
    month_number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if is_end_of_day := hour == HOURS_OF_DAY:
        if minute or second or (match["fraction"] or "").strip("0"):
            raise ValueError("not an hour")
        hour = 0
    # It raises ValueError itself.
    moment = datetime(int(match["year"]), month_number, int(match["day"]), hour, minute, second, tzinfo=timezone.utc)
    seconds = int((moment - _EPOCH) // timedelta(seconds=1)) - _offset_seconds(match["zone"])
    return seconds + is_end_of_day * HOURS_OF_DAY * 3600


def _offset_seconds(zone: str | None) -> int:
    if not zone:
        return 0
    if zone[0] not in "+-":
        return _hours_of_zone(zone) * 3600
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours >= HOURS_OF_DAY or minutes >= MINUTES_OF_HOUR:
        raise ValueError("not an offset")
    seconds = hours * 3600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds


def _hours_of_zone(name: str) -> int:
    if (hours := _HOURS_OF_ZONES.get(name.lower())) is None:
        raise ValueError("not a zone with a fixed offset")
    return hours


def text_value(value: str) -> Converted:
    """Cut a text to the length that Intercom keeps; a URL is left out rather than cut."""
    if len(value) <= MAX_TEXT:
        return value, ""
    if value.lstrip()[:8].lower().startswith(("http://", "https://")):
        return MISSING, "long_url"
    return value[:MAX_TEXT], "cut"


def join_texts(members: list[Any]) -> str:
    """Write a list of scalars as one text; members without a value are left out.

    Raises:
        ValueError: a member is no scalar.
    """
    return SEPARATOR.join(to_text(member) for member in members if _is_set(member))


def convert_text(value: Any) -> Converted:
    """Make the text that Intercom keeps of a scalar, or of a list of scalars.

    Raises:
        ValueError: it is neither.
    """
    return text_value(join_texts(value) if isinstance(value, list) else to_text(value))


def convert_exactly(convert: Callable[[Any], Any]) -> Callable[[Any], Converted]:
    """Make the conversion that sends what `convert` gives as it is, without a trim."""
    return lambda value: (convert(value), "")
