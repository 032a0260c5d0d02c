"""POST /contacts/search: reading a question, and who answers to it.

The rules are those of the 2.16 description: filters of a field's type, groups of at most 15, two levels, dates by the
calendar day of the workspace. What is malformed raises `Malformed`; how that is answered is the core's to say.
"""

import base64
import binascii
import datetime as dt
import json
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import invalid
from intercom_emulator.attributes import DataAttributes
from intercom_emulator.contacts import DETAILS, Contact

DEFAULT_PER_PAGE, MOST_PER_PAGE = 50, 150
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
_FIELDS = {
    **{name: "string" for name in DETAILS if not name.endswith("_at")},
    **{name: "date" for name in DETAILS if name.endswith("_at")},
    **dict.fromkeys(("id", "role", "external_id", "email", "email_domain", "formatted_phone"), "string"),
    **dict.fromkeys(("location.country", "location.region", "location.city"), "string"),
    **dict.fromkeys(("created_at", "updated_at"), "date"),
    **dict.fromkeys(("has_hard_bounced", "marked_email_as_spam", "unsubscribed_from_emails"), "boolean"),
    **dict.fromkeys(("tag_id", "segment_id"), "tag"),
}
_LONGEST_TIME = 11  # digits of a unix second
_FIRST_SECOND, _LAST_SECOND = -62_135_510_400, 253_402_214_399  # a day within what the calendar knows, in any zone
_EMPTY = (None, "")

Predicate = Callable[[Contact], bool]


class Malformed(Exception):  # noqa: N818 - of the question, not of this program
    """The question breaks a rule."""


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
            return Question(lambda contact: all(test(contact) for test in tests), next(iter(narrowest), None))
        holders = [each.holders_of for each in read]
        known = None if None in holders else [value for each in holders for value in each or ()]
        return Question(lambda contact: any(test(contact) for test in tests), known)

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
            return Question(lambda contact: test(_tag(contact, field, value)), None)
        return Question(lambda contact: test(_value(contact, field)), holders_of)

    def _kind(self, field: str) -> str:
        """Return the type of a field, or raise `Malformed` for one that is not searchable."""
        prefix, _, name = field.partition(".")
        if prefix == "custom_attributes":
            attribute = self.attributes.custom(name)
            if attribute is not None:
                return attribute.data_type
        elif field in _FIELDS:
            return _FIELDS[field]
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


def _value(contact: Contact, field: str) -> object:
    """Return what a contact holds in a searchable field."""
    prefix, _, name = field.partition(".")
    if prefix == "custom_attributes":
        return contact.custom.get(name)
    if prefix == "location":
        return contact.location.get(name)
    if field == "email_domain":
        return (contact.email or "").rpartition("@")[2]
    if field == "formatted_phone":
        field = "phone"
    return contact.details.get(field, DETAILS[field]) if field in DETAILS else getattr(contact, field)


def _tag(contact: Contact, field: str, value: object) -> object:
    """Return the tag asked for if the contact has it."""
    return value if field == "tag_id" and value in contact.tags else None


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


@dataclass(frozen=True, slots=True)
class Paging:
    """One page of a list: how many, after whom (order key and id), and its number."""

    per_page: int = DEFAULT_PER_PAGE
    after: tuple[Any, str] | None = None
    page: int = 1

    @classmethod
    def read(cls, values: object) -> "Paging":
        """Read `per_page` and `starting_after`; raise `Malformed`, or refuse a cursor that is none."""
        if values is None:
            return cls()
        if not isinstance(values, dict):
            raise Malformed("pagination must be an object")
        per_page = values.get("per_page", DEFAULT_PER_PAGE)
        if not isinstance(per_page, int) or isinstance(per_page, bool) or not 1 <= per_page <= MOST_PER_PAGE:
            raise Malformed(f"per_page must be 1 to {MOST_PER_PAGE}")
        cursor = values.get("starting_after")
        if cursor is None:
            return cls(per_page)
        try:
            key, contact_id, page = json.loads(base64.b64decode(str(cursor), validate=True))
        except (ValueError, TypeError, binascii.Error) as error:
            raise invalid("starting_after is invalid") from error
        return cls(per_page, (key, contact_id), page)

    def cut(
        self, contacts: Iterable[Contact], order: Callable[[Contact], Any], *, descending: bool
    ) -> tuple[list[Contact], dict[str, Any]]:
        """Return the contacts of this page, ordered, and all of the list but its `data`."""
        keyed = sorted((((order(each), each.id), each) for each in contacts), key=_key, reverse=descending)
        rest = keyed
        if self.after is not None:
            after = self.after
            try:
                rest = [pair for pair in keyed if (pair[0] < after if descending else pair[0] > after)]
            except TypeError as error:
                raise invalid("starting_after is of another list") from error
        page = rest[: self.per_page]
        pages: dict[str, Any] = {"type": "pages"}
        if len(rest) > len(page):
            cursor = json.dumps([*page[-1][0], self.page + 1]).encode()
            pages["next"] = {"per_page": self.per_page, "starting_after": base64.b64encode(cursor).decode()}
        total = -(-len(keyed) // self.per_page)
        pages |= {"page": self.page, "per_page": self.per_page, "total_pages": total}
        return [each for _, each in page], {"type": "list", "total_count": len(keyed), "pages": pages}


def _key(pair: tuple[tuple[Any, str], Contact]) -> tuple[Any, str]:
    return pair[0]


def order_of(sort: object) -> tuple[Callable[[Contact], Any], bool]:
    """Return the order of a search: its key and whether it descends. By default the last updated first [REC]."""
    if sort is None:
        return _by("updated_at"), True
    if not isinstance(sort, dict):
        raise Malformed("sort must be an object")
    field, order = sort.get("field", "updated_at"), sort.get("order", "descending")
    if not isinstance(field, str) or _FIELDS.get(field, "tag") == "tag":
        raise Malformed("the sort field is not searchable")
    if order not in ("ascending", "descending"):
        message = f"Invalid sort order '{order}'. Must be one of: ascending, descending"
        raise _sort_refusal(message)
    return _by(field), order == "descending"


def _by(field: str) -> Callable[[Contact], Any]:
    """Return the key of an order: the absent first."""
    number = _FIELDS[field] in ("date", "boolean")

    def key(contact: Contact) -> Any:
        value = _value(contact, field)
        return (value or 0) if number else (value or "")

    return key


def _sort_refusal(message: str) -> Exception:
    refusal = invalid(message)
    refusal.code = "invalid_sort_order"
    return refusal
