"""The filters and tests of templates: those of Jinja's that are of use here, within bounds, and four of our own.

Which of Jinja's are not here either make much out of little (format, center, indent), read a clock or chance, reach
into Python (attr), or write what only a web page wants. Each takes and gives plain JSON values, and changes none. A
filter of nothing gives nothing, and so does one with nothing for an argument; `default` alone makes something of it.

Errors are `ValueError`, or whatever Python raises for values of the wrong type; no text of theirs holds a value.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from jinja2.filters import do_title

from destination_intercom.paths import DOCUMENTS
from destination_intercom.template_times import check_date, check_time, check_unix, read_time, read_unix, write_date
from destination_intercom.template_values import (
    LARGEST,
    NOTHING,
    check_size,
    is_absent,
    is_in,
    is_nothing,
    operate,
    read_member,
    read_members,
    read_number,
)
from destination_intercom.values import MISSING, to_integer, to_number, to_text

Filter: TypeAlias = Callable[..., Any]

_LEEWAY: Final = 5
"""Characters by which a text may be too long before `truncate` cuts it, as in Jinja."""

_INDEX: Final = re.compile(r"[0-9]{1,9}\Z")
_DEEPEST: Final = 32
"""Steps of an attribute."""

_MOST_CHARACTERS: Final = 255
"""Different characters that `trim` may look for at each end."""

_FINEST: Final = 15
"""Digits on either side of the point that `round` may leave: a float has no more."""


def make_filters(*, needs_all: bool) -> dict[str, Filter]:
    """Make the table of filters; with `needs_all` a list with a member without a value is not joined."""
    filters: dict[str, Filter] = {name: _skip_nothing(function) for name, function in _FILTERS.items()}
    filters["join"] = _skip_nothing(partial(_join, needs_all))
    filters["map"] = _skip_nothing(partial(_map, filters))
    filters["default"] = filters["d"] = _default
    return filters


def _skip_nothing(function: Filter) -> Filter:
    @wraps(function)
    def apply(value: Any, *args: Any, **kwargs: Any) -> Any:
        if is_nothing(value) or (args and any(map(is_absent, args))):
            return NOTHING
        if kwargs and any(map(is_absent, kwargs.values())):
            return NOTHING
        result = function(value, *args, **kwargs)
        return NOTHING if is_nothing(result) else result

    return apply


def _default(value: Any, default_value: Any = "", boolean: Any = False) -> Any:  # noqa: FBT002 - Jinja's signature
    return default_value if is_nothing(value) or (boolean and not value) else value


# Texts


def _bounded(text: str, most: int = LARGEST) -> str:
    check_size(len(text), most)
    return text


def _whole_text(value: Any) -> str:
    """Take a scalar as a text to be worked on as a whole: some of what is made of it is a few times as long."""
    return _bounded(to_text(value))


def _capitalize(value: Any) -> str:
    return _bounded(_whole_text(value).capitalize())


def _lower(value: Any) -> str:
    return _bounded(_whole_text(value).lower())


def _upper(value: Any) -> str:
    return _bounded(_whole_text(value).upper())


def _title(value: Any) -> str:
    return _bounded(do_title(_whole_text(value)))


def _trim(value: Any, chars: Any = MISSING) -> str:
    return _whole_text(value).strip(None if chars is MISSING else _bounded(to_text(chars), _MOST_CHARACTERS))


def _urlencode(value: Any) -> str:
    return _bounded(quote(_whole_text(value), safe="/"))


def _replace(value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, old, new = (to_text(each) for each in (value, old, new))
    found = text.count(old)
    times = min(found, count) if count >= 0 else found
    check_size(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def _truncate(value: Any, length: int = 255, killwords: Any = False, end: Any = "...", leeway: int = _LEEWAY) -> str:  # noqa: FBT002 - Jinja's signature
    text, tail = to_text(value), to_text(end)
    if length < len(tail) or leeway < 0:
        raise ValueError("no room for the end")
    if len(text) <= length + leeway:
        return text
    check_size(length)
    kept = text[: length - len(tail)]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + tail


# Numbers


def _abs(value: Any) -> int | float:
    return abs(read_number(value))


def _int(value: Any, default: Any = MISSING) -> Any:
    try:
        return int(value) if isinstance(value, bool) else _whole(value)
    except ValueError:
        if default is MISSING:
            raise
        return default


def _whole(value: Any) -> int:
    try:
        return to_integer(value)
    except ValueError:
        return math.trunc(to_number(value))


def _float(value: Any, default: Any = MISSING) -> Any:
    try:
        return float(int(value) if isinstance(value, bool) else to_number(value))
    except (ValueError, OverflowError):
        if default is MISSING:
            raise
        return default


def _round(value: Any, precision: int = 0, method: Any = "common") -> int | float:
    number = read_number(value)
    if not -_FINEST <= precision <= _FINEST:
        raise ValueError("not a precision")
    if method == "common":
        return round(number, precision)
    power: int | float = 10**precision
    rounded: int = {"ceil": math.ceil, "floor": math.floor}[method](number * power)
    return rounded / power


# Lists


def _first(value: Any) -> Any:
    return read_member(_sequence(value), 0)


def _last(value: Any) -> Any:
    return read_member(_sequence(value), -1)


def _sequence(value: Any) -> str | list[Any]:
    if isinstance(value, (str, list)):
        return value
    raise ValueError("neither a text nor a list")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, dict) else len(_sequence(value))


def _list(value: Any) -> list[Any]:
    return read_members(value)


def _reverse(value: Any) -> str | list[Any]:
    return _whole_text(value)[::-1] if isinstance(value, str) else read_members(value)[::-1]


def _attribute_reader(attribute: Any) -> Callable[[Any], Any]:
    """Make the function that reads what stands at `a.b.0` below a member, as everywhere in a template."""
    steps = [(part, int(part) if _INDEX.match(part) else part) for part in to_text(attribute).split(".")]
    check_size(len(steps), _DEEPEST)

    def read(member: Any) -> Any:
        for name, index in steps:
            member = read_member(member, index if isinstance(member, list) else name)
        return member

    return read


def _read_all(value: Any, attribute: Any) -> list[Any]:
    members = read_members(value)
    return members if attribute is MISSING else list(map(_attribute_reader(attribute), members))


def _join(needs_all: bool, value: Any, d: Any = "", attribute: Any = MISSING) -> Any:  # noqa: FBT001 - bound once
    members, between = _read_all(value, attribute), to_text(d)
    texts = [to_text(member) for member in members if not is_nothing(member)]
    if needs_all and len(texts) < len(members):
        return NOTHING
    check_size(sum(map(len, texts)) + len(between) * max(len(texts) - 1, 0))
    return between.join(texts)


def _map(filters: Mapping[str, Filter], value: Any, name: Any = MISSING, *args: Any, **kwargs: Any) -> list[Any]:
    if name is MISSING:
        return [_or_null(one) for one in _map_attribute(value, **kwargs)]
    results, size = [], 0
    for member in read_members(value):
        result = filters[name](member, *args, **kwargs)
        size += len(result) if isinstance(result, (str, list)) and result is not member else 1
        check_size(size)
        results.append(_or_null(result))
    return results


def _map_attribute(value: Any, *, attribute: Any, default: Any = NOTHING) -> list[Any]:
    return [default if is_nothing(one) else one for one in _read_all(value, attribute)]


def _or_null(value: Any) -> Any:
    return None if is_absent(value) else value


def _choose(wanted: bool, value: Any, test: Any = MISSING, *args: Any) -> list[Any]:  # noqa: FBT001 - bound once
    passes = _make_test(test, args)
    return [member for member in read_members(value) if passes(member) is wanted]


def _choose_by_attribute(
    wanted: bool,  # noqa: FBT001 - bound once
    value: Any,
    attribute: Any,
    test: Any = MISSING,
    *args: Any,
) -> list[Any]:
    passes = _make_test(test, args)
    pairs = zip(_read_all(value, attribute), value, strict=True)
    return [member for by, member in pairs if passes(by) is wanted]


def _make_test(test: Any, args: tuple[Any, ...]) -> Callable[[Any], bool]:
    if test is MISSING:
        return lambda value: not is_nothing(value) and bool(value)
    passes = TESTS[test]
    return lambda value: bool(passes(value, *args))


def _keyed(value: Any, attribute: Any, case_sensitive: Any) -> list[tuple[Any, Any]]:
    """Pair the members with what they are compared by; letters of any size are alike unless the template says no."""
    pairs = ((by, member) for by, member in zip(_read_all(value, attribute), value, strict=True) if not is_nothing(by))
    if case_sensitive:
        return list(pairs)
    return [(by.lower() if isinstance(by, str) else by, member) for by, member in pairs]


def _sort(value: Any, reverse: Any = False, case_sensitive: Any = False, attribute: Any = MISSING) -> list[Any]:  # noqa: FBT002 - Jinja's signature
    pairs = sorted(_keyed(value, attribute, case_sensitive), key=_by_key, reverse=bool(reverse))
    return [member for _, member in pairs]


def _by_key(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _unique(value: Any, case_sensitive: Any = False, attribute: Any = MISSING) -> list[Any]:  # noqa: FBT002 - Jinja's signature
    seen: dict[tuple[bool, str], Any] = {}
    for by, member in _keyed(value, attribute, case_sensitive):
        # By its text, which no record can choose so that thousands of members fall into one slot, as it can an integer.
        seen.setdefault((isinstance(by, str), to_text(by)), member)
    return list(seen.values())


def _extreme(choose: Callable[..., Any], value: Any, case_sensitive: Any = False, attribute: Any = MISSING) -> Any:  # noqa: FBT002 - Jinja's signature
    return choose(_keyed(value, attribute, case_sensitive), key=_by_key, default=(None, NOTHING))[1]


def _sum(value: Any, attribute: Any = MISSING, start: Any = 0) -> Any:
    total = start
    for number in _read_all(value, attribute):
        if not is_nothing(number):
            total = operate("+", read_number(total), number)
    return total


# Ours


def _fromjson(value: Any) -> Any:
    """Parse a text that holds JSON; a source that has parsed it itself is as welcome."""
    if not isinstance(value, str):
        return value
    document = DOCUMENTS.read(value)
    if document is MISSING:
        raise ValueError("no JSON")
    return document


_FILTERS: Final[dict[str, Filter]] = {
    "abs": _abs,
    "capitalize": _capitalize,
    "count": _length,
    "date": write_date,
    "first": _first,
    "float": _float,
    "fromjson": _fromjson,
    "int": _int,
    "last": _last,
    "length": _length,
    "list": _list,
    "lower": _lower,
    "max": partial(_extreme, max),
    "min": partial(_extreme, min),
    "reject": partial(_choose, False),  # noqa: FBT003 - not wanted
    "rejectattr": partial(_choose_by_attribute, False),  # noqa: FBT003 - not wanted
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "select": partial(_choose, True),  # noqa: FBT003 - wanted
    "selectattr": partial(_choose_by_attribute, True),  # noqa: FBT003 - wanted
    "sort": _sort,
    "string": to_text,
    "sum": _sum,
    "time": read_time,
    "title": _title,
    "trim": _trim,
    "truncate": _truncate,
    "unique": _unique,
    "unix": read_unix,
    "upper": _upper,
    "urlencode": _urlencode,
}

FILTERS: Final = make_filters(needs_all=False)

CHECKS: Final[Mapping[str, Callable[..., None]]] = {"date": check_date, "time": check_time, "unix": check_unix}
"""What refuses arguments, as far as the template itself writes them, that could never work."""


# Tests


def _is_equal(value: Any, other: Any) -> bool:
    return bool(value == other) or (is_nothing(value) and is_nothing(other))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_divisible(value: Any, num: Any) -> bool:
    # Of numbers only: for a text, % is the operator that writes a gigabyte for '%999999999d'.
    return bool(read_number(value) % read_number(num) == 0)


def _compare(compare: Callable[[Any, Any], Any], value: Any, other: Any) -> bool:
    return not is_nothing(value) and not is_nothing(other) and bool(compare(value, other))


TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    "!=": lambda value, other: not _is_equal(value, other),
    "<": partial(_compare, operator.lt),
    "<=": partial(_compare, operator.le),
    "==": _is_equal,
    ">": partial(_compare, operator.gt),
    ">=": partial(_compare, operator.ge),
    "boolean": lambda value: isinstance(value, bool),
    "defined": lambda value: not is_nothing(value),
    "divisibleby": _is_divisible,
    "eq": _is_equal,
    "equalto": _is_equal,
    "even": lambda value: _is_divisible(value, 2),
    "false": lambda value: value is False,
    "float": lambda value: isinstance(value, float),
    "ge": partial(_compare, operator.ge),
    "greaterthan": partial(_compare, operator.gt),
    "gt": partial(_compare, operator.gt),
    "in": is_in,
    "integer": _is_integer,
    "le": partial(_compare, operator.le),
    "lessthan": partial(_compare, operator.lt),
    "lower": lambda value: isinstance(value, str) and value.islower(),
    "lt": partial(_compare, operator.lt),
    "mapping": lambda value: isinstance(value, dict),
    "ne": lambda value, other: not _is_equal(value, other),
    "none": is_nothing,
    "number": _is_number,
    "odd": lambda value: not _is_divisible(value, 2),
    "sequence": lambda value: isinstance(value, (str, list, dict)),
    "string": lambda value: isinstance(value, str),
    "true": lambda value: value is True,
    "undefined": is_nothing,
    "upper": lambda value: isinstance(value, str) and value.isupper(),
}
"""Tests, as in `record.a is defined`. Nothing passes `none`, `undefined` and an equation with nothing, and no other."""

SEARCHES: Final = frozenset({"in"})
"""Tests that look through all of their argument, so that they may not look for each member of a list."""
