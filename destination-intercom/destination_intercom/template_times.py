"""Times in a template: texts in any format and zone to unix seconds, and back.

Pure but for the zones' rules, which the standard library reads once from the system or from the package tzdata. Has
no clock and heeds no setting of the machine: a record gives the same result each time and everywhere.

Errors are `ValueError`, or `OverflowError` at the ends of the calendar. What `check_…` raise is for the user.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from destination_intercom.values import Moment, to_number, to_text, to_time

ISO: Final = "iso"
UTC: Final = "UTC"
UNITS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_LONGEST: Final = 255
"""Characters of a time, a format or a zone: more is none, and not worth the work."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND: Final = timedelta(seconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=timezone.utc) - _EPOCH) // _SECOND
_LAST: Final = (datetime.max.replace(tzinfo=timezone.utc) - _EPOCH) // _SECOND

_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)
_READABLE: Final = frozenset("aAbBdfGHIjmMpSuUVwWyYz%")
_WRITABLE: Final = _READABLE | {"Z"}
_YEARS: Final = frozenset("yYG")
_ZONE_NAME: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*\Z")
"""Names of the database begin in upper case; its other files, and the machine's own `localtime`, do not."""

_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ].*)?\Z|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[Tt].*)?\Z", re.ASCII
)
_OFFSET: Final = re.compile(r"[Tt ].*(?:[Zz]|UTC|[+-]\d{2}(?::?\d{2})?)\Z", re.ASCII)


def read_time(value: Any, format: Any = ISO, zone: Any = UTC) -> Moment:  # noqa: A002 - the name that users write
    """Read a text (or a number, by its digits) by a format of strptime, or by ISO 8601, as unix seconds.

    `zone` is where the clock hangs that the text was read from, unless the text itself tells its offset. Of two
    moments that a clock shows alike when it is put back, the first.
    """
    text, rules = to_text(value).strip(), _rules(zone)
    if len(text) > _LONGEST or _problem_in_reading(format):
        raise ValueError("not a time in this format")
    if format == ISO:
        return _read_iso(text, rules)
    moment = datetime.strptime(text, format)  # noqa: DTZ007 - its zone follows
    return _moment(moment.replace(tzinfo=rules) if moment.tzinfo is None else moment)


def _read_iso(text: str, rules: tzinfo) -> Moment:
    if not _ISO.match(text):
        raise ValueError("not a time of ISO 8601")
    seconds = to_time(text)
    if _OFFSET.search(text):
        return Moment(seconds)
    return _moment((_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=rules))


def _moment(moment: datetime) -> Moment:
    return Moment((moment - _EPOCH) // _SECOND)


def read_unix(value: Any, unit: Any = "s") -> Moment:
    """Read a number, or its text, as the time since 1970 in `s`, `ms`, `us` or `ns`, however small it is."""
    check_unix(unit)
    number = to_number(value)
    seconds = number // UNITS[unit] if isinstance(number, int) else math.floor(number / UNITS[unit])
    if not _FIRST <= seconds <= _LAST:
        raise ValueError("outside the calendar")
    return Moment(seconds)


def write_date(value: Any, format: Any = ISO, zone: Any = UTC) -> str:  # noqa: A002 - the name that users write
    """Write a time, or whatever is read as one, by a format of strftime or as ISO 8601, as clocks in `zone` show it."""
    moment = (_EPOCH + timedelta(seconds=to_time(value))).astimezone(_rules(zone))
    if _problem_in_writing(format):
        raise ValueError("not a format of a time")
    if format == ISO:
        return moment.isoformat()
    # Only the directives: what stands between them is the user's, and strftime is particular about letters.
    return _DIRECTIVE.sub(lambda found: _write(moment, found[0]), format)


def _write(moment: datetime, directive: str) -> str:
    # Whether the C library pads a year depends on the library.
    return f"{moment.year:04}" if directive == "%Y" else moment.strftime(directive)


def check_time(format: Any = ISO, zone: Any = UTC) -> None:  # noqa: A002 - the name that users write
    """Refuse a format or a zone that `time` could never work with."""
    _refuse(_problem_in_reading(format) or _problem_with_zone(zone))


def check_date(format: Any = ISO, zone: Any = UTC) -> None:  # noqa: A002 - the name that users write
    """Refuse a format or a zone that `date` could never work with."""
    _refuse(_problem_in_writing(format) or _problem_with_zone(zone))


def check_unix(unit: Any = "s") -> None:
    """Refuse a unit that there is not."""
    if unit not in UNITS:
        raise ValueError(f"the unit must be one of {', '.join(UNITS)}")


def _refuse(problem: str) -> None:
    if problem:
        raise ValueError(problem)


def _problem_in_reading(format: Any) -> str:  # noqa: A002 - as its callers
    return _find_problem(format, reading=True) if _is_short(format) else "a format is a text of at most 255 characters"


def _problem_in_writing(format: Any) -> str:  # noqa: A002 - as its callers
    return _find_problem(format, reading=False) if _is_short(format) else "a format is a text of at most 255 characters"


def _is_short(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= _LONGEST


@lru_cache(maxsize=256)
def _find_problem(format: str, *, reading: bool) -> str:  # noqa: A002 - as its callers
    if format == ISO:
        return ""
    directives = _DIRECTIVE.findall(format)
    if reading and "Z" in directives:
        return (
            "%Z depends on the machine: write the letters of the zone as they are, and give the zone after the format"
        )
    if unknown := [directive for directive in directives if directive not in (_READABLE if reading else _WRITABLE)]:
        return f"%{unknown[0]} is not a directive of a format"
    read_once = [directive for directive in directives if directive != "%"]
    if reading and len(set(read_once)) < len(read_once):
        return "use each directive of a format only once"
    if reading and not _YEARS.intersection(directives):
        return f'the format must contain a year, such as "%Y-%m-%d", or "{ISO}"'
    return ""


def _problem_with_zone(zone: Any) -> str:
    if _is_short(zone) and _load_rules(zone) is not None:
        return ""
    return f"{zone!r} is not a time zone: write one such as 'Europe/Berlin'"


def _rules(zone: Any) -> tzinfo:
    rules = _load_rules(zone) if _is_short(zone) else None
    if rules is None:
        raise ValueError("no time zone")
    return rules


@lru_cache(maxsize=64)
def _load_rules(zone: str) -> tzinfo | None:
    if not _ZONE_NAME.match(zone):
        return None
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return None
