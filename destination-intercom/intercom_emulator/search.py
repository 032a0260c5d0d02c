"""The searches: reading a question, and who answers to it.

The rules are those of the 2.16 description, of Preview's for companies: filters of a field's type, groups of at most
15, two levels, dates by the calendar day of the workspace. What is malformed raises `Malformed`.
"""

import datetime as dt
import zoneinfo
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from intercom_emulator.answers import Malformed, invalid
from intercom_emulator.attributes import DataAttributes
from intercom_emulator.contact import DETAILS

_MOST_FILTERS = 15
_INDEXED = ("id", "external_id", "email")
_OPERATORS = {
    "string": ("=", "!=", "IN", "NIN", "~", "!~", "^", "$"),
    "integer": ("=", "!=", "IN", "NIN", ">", "<", ">=", "<="),
    "float": ("=", "!=", "IN", "NIN", ">", "<", ">=", "<="),
    "boolean": ("=", "!=", "IN", "NIN"),
    "date": ("=", ">", "<"),
    "datetime": ("=", ">", "<"),
    "tag": ("=", "!="),
}
CONTACT_FIELDS = {
    **{name: "string" for name in DETAILS if not name.endswith("_at")},
    **{name: "date" for name in DETAILS if name.endswith("_at")},
    **dict.fromkeys(("id", "role", "external_id", "email", "email_domain", "formatted_phone"), "string"),
    **dict.fromkeys(("location.country", "location.region", "location.city"), "string"),
    **dict.fromkeys(("created_at", "updated_at"), "date"),
    **dict.fromkeys(("has_hard_bounced", "marked_email_as_spam", "unsubscribed_from_emails"), "boolean"),
    **dict.fromkeys(("tag_id", "segment_id"), "tag"),
}
COMPANY_FIELDS = {
    **dict.fromkeys(("company_id", "name"), "string"),
    **dict.fromkeys(("created_at", "updated_at", "remote_created_at", "last_request_at"), "date"),
    **dict.fromkeys(("monthly_spend", "session_count", "user_count"), "integer"),
    "tag_id": "tag",
}
_LONGEST_TIME = 11  # digits of a unix second
_FIRST_SECOND, _LAST_SECOND = -62_135_510_400, 253_402_214_399  # a day within what the calendar knows, in any zone
_EMPTY = (None, "")


class Searched(Protocol):
    """What a search looks through."""

    @property
    def tags(self) -> Container[str]:
        """The ids of its tags."""

    def value_of(self, field: str) -> object:
        """Return what it holds in a searchable field that is no tag."""


Predicate = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """A question understood: who fits, and the values that anyone who fits has held (None: anyone may fit)."""

    fits: Predicate
    holders_of: list[tuple[str, str]] | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a question is read against; `in_limit` is None where any number of values may stand in a list."""

    attributes: DataAttributes
    in_limit: int | None
    timezone: str
    model: str = "contact"

    @property
    def fields(self) -> Mapping[str, str]:
        """The searchable fields that are no custom attributes, and their types."""
        return CONTACT_FIELDS if self.model == "contact" else COMPANY_FIELDS

    def read(self, query: object, depth: int = 1) -> Question:
        """Understand a filter or a group of them; raise `Malformed` where it breaks a rule."""
        if not isinstance(query, dict):
            raise Malformed("query must be an object")
        if query.get("operator") in ("AND", "OR") and "field" not in query:
            return self._group(query, depth)
        return self._filter(query)

    def _group(self, query: dict[str, Any], depth: int) -> Question:
        members = query.get("value")
        if depth > 2:  # noqa: PLR2004 - as the description counts
            raise Malformed("there is a limit of 2 nested filters")
        if not isinstance(members, list) or not 1 <= len(members) <= _MOST_FILTERS:
            raise Malformed(f"an AND or OR group holds 1 to {_MOST_FILTERS} filters")
        if len({isinstance(each, dict) and "field" in each for each in members}) > 1:
            raise Malformed("a group holds filters or groups, not both")
        read = [self.read(each, depth + 1) for each in members]
        tests = [each.fits for each in read]
        if query["operator"] == "AND":
            narrowest = [each.holders_of for each in read if each.holders_of is not None]
            return Question(lambda each: all(test(each) for test in tests), next(iter(narrowest), None))
        holders = [each.holders_of for each in read]
        known = None if None in holders else [value for each in holders for value in each or ()]
        return Question(lambda each: any(test(each) for test in tests), known)

    def _filter(self, query: dict[str, Any]) -> Question:
        field, operator, value = query.get("field"), query.get("operator"), query.get("value")
        if not isinstance(field, str) or not isinstance(operator, str) or "value" not in query:
            raise Malformed("a filter needs field, operator and value")
        kind = self._kind(field)
        if operator not in _OPERATORS[kind]:
            raise Malformed(f"operator {operator} is not supported for this field")
        if operator in ("IN", "NIN"):
            self._check_list(value, kind)
        else:
            _check_value(value, kind, operator)
        values = value if operator == "IN" else [value] if operator == "=" else None
        indexed = field in _INDEXED and values is not None and None not in values and "" not in values
        holders_of = [(field, str(each)) for each in values or ()] if indexed else None
        test = self._day_test(operator, value) if kind in ("date", "datetime") else _test(operator, value)
        if kind == "tag":
            # Segments are not kept here, so nobody is in one.
            return Question(lambda each: test(_tag(each, field, value)), None)
        return Question(lambda each: test(each.value_of(field)), holders_of)

    def _kind(self, field: str) -> str:
        """Return the type of a field, or raise `Malformed` for one that is not searchable."""
        prefix, _, name = field.partition(".")
        if prefix == "custom_attributes":
            attribute = self.attributes.custom(name, self.model)
            if attribute is not None:
                return attribute.data_type
        elif field in self.fields:
            return self.fields[field]
        raise Malformed("the field is not searchable")

    def _check_list(self, value: object, kind: str) -> None:
        if not isinstance(value, list) or not value:
            raise Malformed("IN and NIN take a list of values")
        if self.in_limit is not None and len(value) > self.in_limit:
            raise Malformed(f"IN and NIN take at most {self.in_limit} values")
        for each in value:
            if each is None:
                raise Malformed("a list holds no null")
            _check_value(each, kind, "=")

    def _day_test(self, operator: str, value: object) -> Callable[[object], bool]:
        """Return the test of a date: whole days of the workspace's time zone."""
        if value is None:
            return lambda held: held is None
        zone = dt.timezone.utc if self.timezone == "UTC" else zoneinfo.ZoneInfo(self.timezone)

        def day_of(second: object) -> dt.date:
            within = min(max(int(str(second)), _FIRST_SECOND), _LAST_SECOND)
            return dt.datetime.fromtimestamp(within, tz=zone).date()

        wanted = day_of(value)
        if operator == "=":
            return lambda held: held is not None and day_of(held) == wanted
        if operator == ">":
            return lambda held: held is not None and day_of(held) > wanted
        return lambda held: held is not None and day_of(held) < wanted


def _check_value(value: object, kind: str, operator: str) -> None:
    """Raise `Malformed` for a value that is not of the field's type; null may be asked for by = and !=."""
    if value is None and operator in ("=", "!="):
        return
    if kind in ("string", "tag"):
        fits = isinstance(value, str)
    elif kind == "boolean":
        fits = isinstance(value, bool)
    elif kind in ("date", "datetime"):
        number = isinstance(value, int) and not isinstance(value, bool)
        fits = number or (isinstance(value, str) and value.isdecimal())
        fits = fits and len(str(value)) <= _LONGEST_TIME and int(str(value)) >= 0
    else:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits:
        raise Malformed("the value is not of the field's type")


def _tag(each: Searched, field: str, value: object) -> object:
    """Return the tag asked for if it is there."""
    return value if field == "tag_id" and value in each.tags else None


def _test(operator: str, value: Any) -> Callable[[Any], bool]:
    """Return the test of a value that is no date."""
    if operator in ("=", "!="):
        wanted = operator == "="
        return lambda held: ((held == value) or (held in _EMPTY and value in _EMPTY)) is wanted
    if operator in ("IN", "NIN"):
        values, inside = frozenset(value), operator == "IN"
        return lambda held: (held in values) is inside
    tests: dict[str, Callable[[Any], bool]] = {
        ">": lambda held: held is not None and held > value,
        "<": lambda held: held is not None and held < value,
        ">=": lambda held: held is not None and held >= value,
        "<=": lambda held: held is not None and held <= value,
        "~": lambda held: value in (held or ""),
        "!~": lambda held: value not in (held or ""),
        "^": lambda held: (held or "").startswith(value),
        "$": lambda held: (held or "").endswith(value),
    }
    return tests[operator]


def order_of(sort: object, fields: Mapping[str, str]) -> tuple[Callable[[Searched], Any], bool]:
    """Return the order of a search: its key and whether it descends. By default the last updated first [REC]."""
    if sort is None:
        return _by("updated_at", fields), True
    if not isinstance(sort, dict):
        raise Malformed("sort must be an object")
    field, order = sort.get("field", "updated_at"), sort.get("order", "descending")
    if not isinstance(field, str) or fields.get(field, "tag") == "tag":
        raise Malformed("the sort field is not searchable")
    if order not in ("ascending", "descending"):
        refusal = invalid(f"Invalid sort order '{order}'. Must be one of: ascending, descending")
        refusal.code = "invalid_sort_order"
        raise refusal
    return _by(field, fields), order == "descending"


def _by(field: str, fields: Mapping[str, str]) -> Callable[[Searched], Any]:
    """Return the key of an order: the absent first."""
    number = fields[field] in ("date", "boolean", "integer")

    def key(each: Searched) -> Any:
        value = each.value_of(field)
        return (value or 0) if number else (value or "")

    return key
