"""One metadata key of an event: how it is read, and what Intercom takes of the value.

Pure: no I/O and no clock; a record is never changed. Without a type a value goes as it is, where Intercom takes
it so: texts, numbers, booleans, money and rich links in its own form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from destination_intercom.configuration.entries import FORBIDDEN_IN_METADATA_NAMES, MAX_METADATA
from destination_intercom.paths import MembersReader, PathReader, rename
from destination_intercom.values import (
    MAX_TEXT,
    MISSING,
    Converted,
    convert_text,
    is_set,
    text_value,
    to_number,
    to_time,
)

DATE_SUFFIX: Final = "_date"
"""A metadata key with this ending holds unix seconds (Intercom's API description)."""

CENTS: Final = 100
"""Intercom takes amounts in hundredths of a currency's unit (its API description)."""

CURRENCY_NAMES: Final = ("currency", "currency_code")
"""Members of an object that holds an amount, in which sources tell its currency."""

_CURRENCY = re.compile(r"[a-z]{3}\Z")
_DECIMAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?\Z")


@dataclass(frozen=True, slots=True)
class Money:
    """How an amount is read: `read_currency` reads its currency, unless `currency` is one; `cents` is its unit."""

    read_currency: PathReader | None
    currency: str | None
    cents: bool

    def convert(self, value: Any, data: dict[str, Any]) -> Converted:
        """Make Intercom's money of an amount, or of an object that holds one; what is none is left out."""
        amount, currency = value, self.currency
        if self.read_currency is not None:
            currency = self.read_currency(data)
        if isinstance(value, dict):
            amount = value.get("amount", MISSING)
            currency = currency if is_set(currency) else _currency_in(value)
        if not isinstance(currency, str) or not _CURRENCY.match(code := currency.strip().lower()):
            return MISSING, "no_currency"
        number = _amount(amount)
        hundredths = None if number is None else number if self.cents else number * CENTS
        if hundredths is None or hundredths != hundredths.to_integral_value():
            return MISSING, "no_money"
        return {"amount": int(hundredths), "currency": code}, ""


INTERCOMS_OWN: Final = Money(None, None, cents=True)
"""Money in the form that Intercom itself has: whole hundredths, with the currency beside them."""


@dataclass(frozen=True, slots=True)
class MetadataRule:
    """One key: where its value stands, and what to make of it.

    `place` is the entry's place in the form, `property` what it selects.
    """

    name: str
    read: PathReader
    type: str | None = None
    money: Money | None = None
    place: str = ""
    property: str = ""


@dataclass(frozen=True, slots=True)
class MetadataMembers:
    """All members of an object as keys, under names that `pattern` makes; none of `taken`, which are named elsewhere.

    `path` is the wildcard; `left_out` are members that are never sent.
    """

    path: str
    read: MembersReader
    pattern: str
    taken: frozenset[str]
    left_out: frozenset[str] = frozenset()
    place: str = ""


def add_members(rule: MetadataMembers, data: dict[str, Any], metadata: dict[str, Any]) -> set[str]:
    """Add the members of a record's object to `metadata`, in its order, as far as there is room.

    Return the reasons for which some were left out: a member's name may be personal data, and is told to nobody.
    """
    problems: set[str] = set()
    for name, value in rule.read(data).items():
        key = rename(rule.pattern, name)
        if key in rule.taken or key in metadata or name in rule.left_out:
            continue
        if not key.strip() or FORBIDDEN_IN_METADATA_NAMES.intersection(key):
            problems.add("no_key")
            continue
        if len(metadata) >= MAX_METADATA:
            problems.add("too_many")
            continue
        converted, problem = _CONVERSIONS["date" if key.endswith(DATE_SUFFIX) else ""](value)
        if problem:
            problems.add(problem)
        if converted is not MISSING:
            metadata[key] = converted
    return problems


def read_metadata(rule: MetadataRule, data: dict[str, Any]) -> Converted:
    """Read the value of one key from a record's data, as Intercom takes it; `MISSING` for none."""
    value = rule.read(data)
    if not is_set(value):
        return MISSING, ""
    if rule.money is not None:
        return rule.money.convert(value, data)
    convert = _CONVERSIONS[rule.type or ("date" if rule.name.endswith(DATE_SUFFIX) else "")]
    return convert(value)


def _currency_in(value: dict[str, Any]) -> Any:
    return next((value[name] for name in CURRENCY_NAMES if is_set(value.get(name))), None)


def _amount(value: Any) -> Decimal | None:
    """Read an amount exactly, from a number or its text; None for what is none, or is below zero."""
    text = value.strip() if isinstance(value, str) else repr(value) if _is_number(value) else ""
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        text = str(int(value))
    return Decimal(text) if _DECIMAL.match(text) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _to_text(value: Any) -> Converted:
    try:
        return convert_text(value)
    except ValueError:
        return MISSING, "nested"


def _to_number(value: Any) -> Converted:
    try:
        number = to_number(value)
    except ValueError:
        return MISSING, "no_number"
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else number, ""


def _to_date(value: Any) -> Converted:
    try:
        return to_time(value), ""
    except ValueError:
        return MISSING, "no_time"


def _as_it_is(value: Any) -> Converted:
    if isinstance(value, str):
        return text_value(value)
    if isinstance(value, float) and not math.isfinite(value):
        return MISSING, "no_number"
    if isinstance(value, (bool, int, float)):
        return value, ""
    if isinstance(value, list):
        return _to_text(value)
    if isinstance(value, dict) and "amount" in value and _currency_in(value) is not None:
        return INTERCOMS_OWN.convert(value, {})
    return _rich_link(value) if _is_rich_link(value) else (MISSING, "nested")


def _is_rich_link(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"url", "value"}
        and isinstance(value["url"], str)
        and isinstance(value["value"], str)
    )


def _rich_link(link: dict[str, str]) -> Converted:
    if len(link["url"]) > MAX_TEXT:
        return MISSING, "long_url"
    if len(link["value"]) > MAX_TEXT:
        return {**link, "value": link["value"][:MAX_TEXT]}, "cut"
    return link, ""


_CONVERSIONS: Final[dict[str, Callable[[Any], Converted]]] = {
    "": _as_it_is,
    "text": _to_text,
    "number": _to_number,
    "date": _to_date,
}
